"""What a claim compares: two arms, or the four of a difference of differences, and what may be said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from resbench.core.cell import Cell
from resbench.records.claim import Claim, Idle
from resbench.records.metrics import METRICS, Metric
from resbench.report.arms import Arm, compare_arms, error_table, metric_values, one_network, shared_seeds
from resbench.report.comparable import NO_OTHER, Explanation, other_explanation, why_not_comparable
from resbench.report.failures import Failures, failures_of
from resbench.report.labels import Labels
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.interaction import (
    APART,
    IN_PAIRS,
    SIGNS,
    TOGETHER,
    Groups,
    InteractionContrast,
    of_errors,
    of_values,
)
from resbench.report.statistics.interval import LEVEL
from resbench.report.study import Study


class Subtracted(NamedTuple):
    """The second difference of an interaction, which is subtracted from the first.

    Attributes:
        first, second: the values of the `between` axes where the two differences are.
        ours, theirs: the arms at the second.
    """

    first: Cell
    second: Cell
    ours: Arm
    theirs: Arm


ComparedRuns: TypeAlias = tuple[frozenset[str], ...]  # the runs of each arm
Four: TypeAlias = tuple[Arm, Arm, Arm, Arm]  # ours and theirs of the first difference, and of the second


class Comparison(NamedTuple):
    """Two arms that a claim compares, at the values of its `at` axes; of an interaction also what is subtracted."""

    context: Cell
    ours: Arm
    theirs: Arm
    subtracted: Subtracted | None = None

    @property
    def four(self) -> Four | None:
        """The arms of an interaction."""
        return (self.ours, self.theirs, self.subtracted.ours, self.subtracted.theirs) if self.subtracted else None

    @property
    def arms(self) -> tuple[Arm, ...]:
        return self.four or (self.ours, self.theirs)

    @property
    def key(self) -> ComparedRuns:
        """Its runs: comparisons of the same runs, under several names, are one."""
        return tuple(arm.runs for arm in self.arms)

    @property
    def same(self) -> bool:
        """Whether both arms are one network; of an interaction, whether what is added is what is subtracted."""
        if not self.four:
            return one_network(self.ours, self.theirs)
        a, b, c, d = self.four
        return (one_network(a, b) and one_network(c, d)) or (one_network(a, c) and one_network(b, d))


def seeds_of(one: Comparison, metric: Metric) -> list[int]:
    """The seeds that its arms are compared over together; none where they are taken as separate."""
    if not one.four:
        return shared_seeds(one.ours, one.theirs, metric)
    return sorted(set.intersection(*(set(arm.runs_of(metric)) for arm in one.four)))


def comparisons_of(claim: Claim, cells: Sequence[Cell], idle: Idle, arm: Callable[[Cell], Arm]) -> Iterator[Comparison]:
    """The comparisons of a claim.

    Args:
        cells, idle: as for `Claim.comparisons`.
        arm: of a cell.
    """
    if not claim.between:
        for context, compare, to in claim.comparisons(cells, idle):
            yield Comparison(context, arm(compare[0]), arm(to[0]))
    for one in claim.interactions(cells, idle):
        first, second = ({path: where.context[path] for path in claim.between} for where in (one.first, one.second))
        a, b, c, d = (arm(side[0]) for side in one.sides)
        yield Comparison(one.context, a, b, Subtracted(first, second, c, d))


def contrast_of(study: Study, one: Comparison, metric: Metric, margin: float) -> Contrast | None:
    """What the data say of a comparison, as `compare_arms`."""
    if one.four:
        return compare_four(study, one.four, metric, margin)
    return compare_arms(study, one.ours, one.theirs, metric, margin)


def compare_four(
    study: Study, four: Four, metric: Metric, margin: float, level: float = LEVEL
) -> InteractionContrast | None:
    """The interaction by a metric: over the seeds that ended in all four arms, or over all if there are none.

    Args:
        four: arms that may be compared.
        margin: the smallest difference that matters, in points for shares of images.

    Returns:
        None where an arm has nothing to compare.
    """
    groups, seeds = _seeds(four, metric)
    if not all(seeds):
        return None
    ids = [[arm.runs_of(metric)[seed] for seed in chosen] for arm, chosen in zip(four, seeds, strict=True)]
    tables = [error_table(study, runs) for runs in ids] if metric.by_image else []
    whole = [table for table in tables if table is not None]
    tested = {study.by_id[run_id].provenance.test_sha256 for runs in ids for run_id in runs}
    if len(whole) == len(SIGNS) and len(set(map(len, whole))) == len(tested) == 1:
        return of_errors(whole, groups, margin / metric.factor, level)
    compared = METRICS[metric.compared_as] if metric.compared_as else metric
    values = [metric_values(study, runs, compared.name) for runs in ids]
    contrast = of_values(values, groups, margin / metric.factor, level)
    return contrast if contrast.seeds and contrast.seeds_theirs else None


def _seeds(four: Four, metric: Metric) -> tuple[Groups, list[list[int]]]:
    """Which arms share their seeds, and the seeds of each that count."""
    seeds = [set(arm.runs_of(metric)) for arm in four]
    together = sorted(set.intersection(*seeds))
    if 2 * len(together) >= min(map(len, seeds)) > 0:  # else most runs would not count
        return TOGETHER, [together] * len(four)
    pairs = [shared_seeds(four[0], four[1], metric), shared_seeds(four[2], four[3], metric)]
    if all(pairs):
        return IN_PAIRS, [pairs[0], pairs[0], pairs[1], pairs[1]]
    return APART, [sorted(arm.runs_of(metric)) for arm in four]


def why_not(study: Study, one: Comparison, metric: Metric) -> str:
    """Why no verdict is due between its arms, in a clause, or nothing."""
    for where, ours, theirs in _pairs(one, study.labels):
        if reason := why_not_comparable(study, ours, theirs, metric):
            return f"{where}{reason}"
    return ""


def lost_of(study: Study, claim: Claim, one: Comparison) -> Failures | None:
    """How to judge arms of which runs failed or did not train; there is no worst-rank test of four arms."""
    if not one.subtracted:
        return failures_of(study, claim, one.ours, one.theirs)
    for where, ours, theirs in list(_pairs(one, study.labels))[:2]:
        if found := failures_of(study, claim, ours, theirs):
            return (
                Failures("inconclusive", reason=f"{where}{found.reason}") if found.reason else Failures("not trained")
            )
    return None


def other_of(study: Study, one: Comparison) -> Explanation:
    """What else could explain the difference: of an interaction, circumstances that two of its arms do not share."""
    found = [other_explanation(study, ours, theirs) for _, ours, theirs in _pairs(one, study.labels)]
    named = [other for other in found if other.names]
    if not named:
        return NO_OTHER
    return Explanation(list(dict.fromkeys(name for other in named for name in other.names)), named[0].text)


def _pairs(one: Comparison, labels: Labels) -> Iterator[tuple[str, Arm, Arm]]:
    """The arms that differ in one thing, with where they are: of an interaction both differences, and each side in both places."""
    if not one.subtracted:
        yield "", one.ours, one.theirs
        return
    a, b, (first, second, c, d) = one.ours, one.theirs, one.subtracted
    yield f"{labels.at(first).strip()}, ", a, b
    yield f"{labels.at(second).strip()}, ", c, d
    yield "", a, c
    yield "", b, d
