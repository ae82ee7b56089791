"""How much was tested, at which level: what a verdict is worth among others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from resbench.core.text import plural
from resbench.records.study_file import Family
from resbench.report.labels import listed
from resbench.report.planning import ALPHA
from resbench.report.statistics.contrast import ENOUGH_SEEDS
from resbench.report.verdicts import ClaimVerdict

_DECIDED = ("supported", "refuted", "equivalent")


class Tested(NamedTuple):
    """Claims on what varies between seeds, and their comparisons, those of the same runs counted once.

    Attributes:
        family: what is judged together at the level.
    """

    claims: int
    comparisons: int
    family: Family
    level: float = ALPHA


def tested_of(verdicts: Sequence[ClaimVerdict], family: Family) -> Tested:
    """What was tested of a study; numbers without noise are not."""
    tested = [verdict for verdict in verdicts if verdict.contrasts and not verdict.claim.metric.exact]
    sizes = [verdict.family for verdict in tested]
    return Tested(len(tested), max(sizes, default=0) if family == "study" else sum(sizes), family)


def tested_text(tested: Tested, verdicts: Sequence[ClaimVerdict] = ()) -> str:
    """`9 claims with 13 comparisons were tested, each claim's family at 5 %.`; empty if nothing was.

    Args:
        verdicts: on these claims, of which it is said where they rest on few seeds.
    """
    if not tested.claims:
        return ""
    were = "was" if tested.claims == 1 else "were"
    how = "all together" if tested.family == "study" else "each claim's family" if tested.claims > 1 else "together"
    counts = f"{plural(tested.claims, 'claim')} with {plural(tested.comparisons, 'comparison')}"
    return f"{counts} {were} tested, {how} at {100 * tested.level:g} %.{_few_seeds(verdicts)}"


def _few_seeds(verdicts: Sequence[ClaimVerdict]) -> str:
    """That verdicts rest on the t distribution, where no sign-flip test of so few seeds reaches p < .05."""
    judged = [one for verdict in verdicts if not verdict.claim.metric.exact for one in verdict.contrasts]
    few = {
        one.contrast.seeds
        for one in judged
        if one.contrast and one.contrast.few_seeds and one.contrast.shared_seeds and one.state in _DECIDED
    }
    if not few:
        return ""
    return (
        f" Verdicts from {listed(map(str, sorted(few)))} seeds rest on the t distribution: an exact test would need "
        f"{ENOUGH_SEEDS} seeds to confirm them."
    )
