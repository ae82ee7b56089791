"""Claims and comparisons as documents. Numbers have the unit of the texts: of shares of images percentage points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resbench.core.cell import Value
from resbench.core.output import Finite, OutputPart
from resbench.records.metrics import Metric
from resbench.report.arms import Arm
from resbench.report.statistics.interval import Interval
from resbench.report.tables.looks import look_facts
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict
from resbench.report.wording.sentence import claim_summary, sentence, unpaired_text

Cell = dict[str, Value]


class IntervalOutput(OutputPart):
    """An estimate with its confidence limits."""

    estimate: Finite
    low: Finite
    high: Finite


class LostRuns(OutputPart):
    """How many runs of an arm have a result, how many of them did not train, and how many failed."""

    runs: int
    diverged: int
    collapsed: int
    failed: int


class WorstRankOutput(OutputPart):
    """The worst-rank test, which is made where runs did not train.

    Attributes:
        lower, higher, ties: in how many pairs of runs the value of ours is so.
    """

    lower: int
    higher: int
    ties: int


class LookOutput(OutputPart):
    """A planned look.

    Attributes:
        fraction, spent, nominal: shares, of the information and of the level.
        interval: the repeated one.
        p: of this look by itself.
        p_holm: over the looks so far and the family.
    """

    look: int
    seeds: int
    fraction: Finite
    spent: Finite
    nominal: Finite
    interval: IntervalOutput
    p: Finite
    p_holm: Finite
    state: str
    futile: bool


class ComparisonOutput(OutputPart):
    """One comparison, ours minus theirs.

    Attributes:
        at: the values at which it is made.
        ours, theirs: the values of the two cells.
        minus: of an interaction, the values of the second difference, which is subtracted: at, ours, theirs.
        state: supported, refuted, equivalent, inconclusive, not trained or not comparable; null where nothing is claimed.
        text: all of it in a sentence.
        seeds, seeds_theirs, paired: seeds of either arm, and whether they are the same, pair by pair.
        images: test images that were compared one by one.
        mean_ours, mean_theirs: of shares of images in percent.
        difference: with the 95 % interval that the verdict rests on.
        difference_these_images: the same for these test images alone.
        p: after Holm's correction over its family.
        won: share of the seeds in which ours is better, ties half.
        detectable: the smallest difference that so many seeds find, with a power of 80 %.
        more_seeds: that the margin takes; null where none are needed, or no number suffices.
        images_needed: from which seeds would begin to help, where no number of seeds suffices.
        read_before_at: numbers of seeds at which its verdict was read before, without a plan.
        looks: the planned ones.
    """

    at: Cell
    ours: Cell
    theirs: Cell
    minus: dict[str, Cell] | None
    state: str | None
    text: str
    seeds: int
    seeds_theirs: int
    paired: bool
    images: int | None
    mean_ours: Finite
    mean_theirs: Finite
    difference: IntervalOutput | None
    difference_these_images: IntervalOutput | None
    p: Finite
    won: Finite
    detectable: Finite
    more_seeds: int | None
    images_needed: int | None
    did_not_train: dict[str, LostRuns]
    worst_rank: WorstRankOutput | None
    read_before_at: list[int]
    looks: list[LookOutput]


class ClaimOutput(OutputPart):
    """A claim with its verdict.

    Attributes:
        says: the sentence.
        on: the metric; `measure` is what is compared, as a reader calls it.
        unit: of differences: points, or that of the metric, which is empty.
        state: the worst of its comparisons, in the order refuted, not comparable, not trained, inconclusive, equivalent,
            supported.
        text: the claim and its state in a line.
        outstanding: runs that have no result yet.
        family: comparisons that are corrected together.
        stated_after_runs: how many runs had a result when it was stated late; else null.
        unpaired: where it has no comparison, in a sentence; else empty.
    """

    says: str
    on: str
    measure: str
    expect: str
    margin: float
    unit: str
    state: str
    text: str
    outstanding: int
    family: int
    stated_after_runs: int | None
    unpaired: str
    comparisons: list[ComparisonOutput]


def claim_output(verdict: ClaimVerdict) -> ClaimOutput:
    claim = verdict.claim
    return ClaimOutput(
        says=claim.says,
        on=claim.on,
        measure=claim.metric.words,
        expect=claim.expect,
        margin=claim.margin,
        unit=claim.metric.unit,
        state=verdict.state,
        text=claim_summary(verdict),
        outstanding=verdict.outstanding,
        family=verdict.family,
        stated_after_runs=verdict.late.recorded if verdict.late else None,
        unpaired=unpaired_text(verdict),
        comparisons=[comparison_output(verdict, judged) for judged in verdict.contrasts],
    )


def comparison_output(verdict: ClaimVerdict, judged: ContrastVerdict, claimed: bool = True) -> ComparisonOutput:
    """A comparison.

    Args:
        claimed: whether it is of a claim, and so has a state.
    """
    metric, contrast = verdict.claim.metric, judged.contrast
    begun = [len(arm.begun) for arm in judged.arms]
    return ComparisonOutput(
        at=dict(judged.context),
        ours=dict(judged.ours.cell),
        theirs=dict(judged.theirs.cell),
        minus=_minus(judged),
        state=judged.state if claimed else None,
        text=sentence(verdict, judged, claimed),
        seeds=contrast.seeds if contrast else begun[0],
        seeds_theirs=contrast.seeds_theirs if contrast else begun[1],
        paired=contrast.shared_seeds if contrast else bool(judged.ranks and judged.ranks.shared),
        images=contrast.images if contrast else None,
        mean_ours=metric.factor * contrast.ours if contrast else None,
        mean_theirs=metric.factor * contrast.theirs if contrast else None,
        difference=_interval(contrast.interval, metric) if contrast else None,
        difference_these_images=_interval(contrast.this_test_set, metric) if contrast else None,
        p=judged.p_holm,
        won=contrast.improvement.estimate if contrast else None,
        detectable=metric.factor * judged.detectable,
        more_seeds=judged.more_seeds,
        images_needed=judged.images_needed,
        did_not_train={"ours": _lost(judged.ours), "theirs": _lost(judged.theirs)},
        worst_rank=WorstRankOutput(lower=judged.ranks.lower, higher=judged.ranks.higher, ties=judged.ranks.ties)
        if judged.ranks
        else None,
        read_before_at=list(judged.earlier),
        looks=[_look(facts, metric) for facts in look_facts(judged)],
    )


def _minus(judged: ContrastVerdict) -> dict[str, Cell] | None:
    if not judged.subtracted:
        return None
    _, second, ours, theirs = judged.subtracted
    return {"at": dict(second), "ours": dict(ours.cell), "theirs": dict(theirs.cell)}


def _lost(arm: Arm) -> LostRuns:
    return LostRuns(runs=len(arm.begun), diverged=arm.diverged, collapsed=arm.collapsed, failed=arm.failed)


def _interval(interval: Interval, metric: Metric) -> IntervalOutput:
    estimate, low, high = (metric.factor * value for value in interval[:3])
    return IntervalOutput(estimate=estimate, low=low, high=high)


def _look(facts: Mapping[str, Any], metric: Metric) -> LookOutput:
    limits = {name: facts[name] and metric.factor * facts[name] for name in ("estimate", "low", "high")}
    names = LookOutput.model_fields.keys() & facts.keys()
    return LookOutput(interval=IntervalOutput(**limits), **{name: facts[name] for name in names})
