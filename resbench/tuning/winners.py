"""The best of each arm as an ordinary grid on fresh seeds, beside the same arms as the base has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from resbench.grid.grid import Cell, Grid
from resbench.training.run import RunConfig
from resbench.tuning.search import Search, label

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

TUNING, TUNED, UNTUNED = "tuning", "tuned", "untuned"  # the axis of the confirmed study that is no field


@dataclass
class Confirmation(Grid):
    """The grid of a search; its study says how it came to be.

    Attributes:
        trials: of each arm.
        studies: the name of each arm's in the storage.
        storage: as it may be printed; None for the journal beside the study.
    """

    trials: int = 0
    studies: list[str] = field(default_factory=list)
    storage: str | None = None

    def study(self) -> dict[str, Any]:
        """As of any grid, but with every cell: a winner with the values of the base is the same runs as its arm untuned."""
        runs = [
            {"id": run_id, "cell": cell, "seed": seed}
            for cell, config in self.cells
            for seed, run_id in zip(self.seeds, config.ids(self.seeds), strict=True)
        ]
        search = {"storage": self.storage, "trials": self.trials, "studies": self.studies}
        return super().study() | {"command": "tune", "search": search, "runs": runs}


def stand_in(search: Search) -> Confirmation:
    """The cells that a complete search ends in, with any configuration: for claims, before there are winners."""
    grid = Confirmation(
        search.name,
        search.file,
        search.about,
        axes={**search.arms, TUNING: [UNTUNED, TUNED]},
        seeds=list(range(search.seeds, search.seeds + search.confirm)),  # no network of a trial is among them
        baseline={TUNING: UNTUNED},
        claims=search.claims,
        probes=search.probes,
        overrides=search.overrides,
        trials=search.budget,
        studies=[search.study(arm) for arm in search.points()],
    )
    grid.cells = [(cell, RunConfig()) for cell in grid.points()]
    return grid


def confirmation(search: Search, winners: Mapping[str, Cell]) -> Confirmation:
    """The grid of winners and untuned arms; an arm without a winner stands there untuned alone.

    Args:
        winners: label of an arm -> the values of its best trial.
    """
    grid = stand_in(search)
    grid.cells = []
    for arm in search.points():
        grid.cells.append(({**arm, TUNING: UNTUNED}, search.config(arm)))
        if label(arm) in winners:
            grid.cells.append(({**arm, TUNING: TUNED}, search.config(arm, winners[label(arm)])))
    return grid


def best(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """The completed trial of the least error that did not diverge, of equals the first."""
    from optuna.trial import TrialState

    done = [t for t in trials if t.state == TrialState.COMPLETE and not t.user_attrs.get("diverged")]
    return min(done, key=lambda t: (t.value, t.number), default=None)
