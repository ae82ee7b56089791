"""The best of each arm as an ordinary grid on fresh seeds, next to the same arms as the base has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from resbench.core.cell import Cell
from resbench.grid.expand import Expansion, expand
from resbench.grid.grid import Grid
from resbench.records.study_file import SearchSource, StudyFile
from resbench.tuning.search import Search, arm_label

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

TUNING, TUNED, UNTUNED = "tuning", "tuned", "untuned"  # the axis of the confirmed study that is no field
Winners = Mapping[str, Cell]  # label of an arm -> the searched values of its best trial


@dataclass(frozen=True)
class Confirmation(Grid):
    """The grid of a search; its study says where the winners come from."""

    search: SearchSource = field(default_factory=SearchSource)

    def study(self) -> StudyFile:
        return super().study().model_copy(update={"command": "tune", "search": self.search})


def confirmation(search: Search, winners: Winners, storage: str | None = None) -> Confirmation:
    """The grid of winners and untuned arms; an arm without a winner is in it only untuned.

    Args:
        storage: as it may be printed; None for the journal next to the study.
    """
    arms = expand(search.points(), search.base)
    expansion = Expansion(refused=arms.refused)
    for arm, _ in arms.cells:
        expansion.add({**arm, TUNING: UNTUNED}, search.config(arm), arm)
        if arm_label(arm) in winners:
            expansion.add({**arm, TUNING: TUNED}, search.config(arm, winners[arm_label(arm)]), arm)
    expansion.share()
    return Confirmation(
        search.name,
        axes={**search.arms, TUNING: [UNTUNED, TUNED]},
        seeds=search.confirm_seeds,
        baseline={TUNING: UNTUNED},
        claims=search.claims,
        family=search.family,
        labels=search.labels,
        story=search.story,
        metrics=search.metrics,
        probes=search.probes,
        plugins=search.plugins,
        about=search.about,
        file=search.file,
        overrides=search.overrides,
        given=expansion,
        search=SearchSource(
            storage=storage, trials=search.budget, studies=[search.study_name(arm) for arm in search.points()]
        ),
    )


def best(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """The completed trial of the least error that did not diverge, of equals the first."""
    from optuna.trial import TrialState

    done = [t for t in trials if t.state == TrialState.COMPLETE and not t.user_attrs.get("diverged")]
    return min(done, key=lambda t: (t.value, t.number), default=None)
