"""What one comparison found, whatever was claimed: which side is lower, or why that is not known."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from resbench.core.cell import Cell
from resbench.records.claim import Claim
from resbench.records.metrics import Metric
from resbench.report.arms import Arm
from resbench.report.format import alike, number
from resbench.report.labels import Labels
from resbench.report.planning import MIN_SEEDS
from resbench.report.statistics.contrast import Contrast
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict

LOWER, HIGHER, EQUAL, NO_WORSE, OPEN = "lower", "higher", "equal", "no worse", "open"
FEW, UNTRAINED, BARRED, SAME = "few seeds", "untrained", "not comparable", "one network"
DECIDED = (LOWER, HIGHER, EQUAL, NO_WORSE)


@dataclass(frozen=True)
class Part:
    """A comparison and what it found.

    Attributes:
        outcome: of ours against theirs; the words of this module.
        beyond: whether a difference that is shown may still be smaller than the margin that the claim is about.
        claimed: whether a claim made it, before or after results.
        hardly: runs of cells that hardly learned.
    """

    claim: Claim
    judged: ContrastVerdict
    outcome: str
    beyond: bool
    claimed: bool
    hardly: Collection[frozenset[str]]

    @property
    def metric(self) -> Metric:
        return self.claim.metric

    @property
    def context(self) -> Cell:
        return self.judged.context

    @property
    def sides(self) -> tuple[Cell, Cell]:
        return self.judged.ours.cell, self.judged.theirs.cell

    def names(self, labels: Labels) -> tuple[str, str]:
        """Both sides in words, by what the claim names of them."""
        return labels.pair(*self.sides, self.claim.compare)

    @property
    def by_fate(self) -> bool:
        """Whether the arms are told apart by how many of their runs train."""
        return self.judged.contrast is None

    @property
    def decided(self) -> bool:
        return self.outcome in DECIDED

    @property
    def values(self) -> tuple[str, str]:
        """Both means in words, rounded to the interval of their difference, with what became of the runs."""
        judged, contrast = self.judged, self.judged.contrast
        if contrast is None:
            return _fate(judged.ours), _fate(judged.theirs)
        texts = self._means(contrast)
        marked = [f"{text}{self._mark(arm)}" for text, arm in zip(texts, (judged.ours, judged.theirs), strict=True)]
        return marked[0], marked[1]

    def _means(self, contrast: Contrast) -> list[str]:
        """Both means as the metric is counted: errors in 10,000, other shares in percent."""
        means, factor = (contrast.ours, contrast.theirs), self.metric.factor
        if self.metric.by_image:
            return [number(1e4 * mean) for mean in means]
        return alike([factor * mean for mean in means], factor * (contrast.interval.high - contrast.interval.low) / 2)

    def _mark(self, arm: Arm) -> str:
        if self.metric.at_start:
            return ""
        if arm.none_trained:
            return " [untrained]"
        if arm.untrained:
            return f" [{arm.untrained} of {len(arm.begun)} untrained]"
        return " [hardly trained]" if arm.runs in self.hardly else ""


def parts_of(verdict: ClaimVerdict, hardly: Collection[frozenset[str]] = (), claimed: bool = True) -> list[Part]:
    """The comparisons of a claim, of what varies between seeds.

    Args:
        hardly: runs of cells that hardly learned.
        claimed: whether a claim made them.
    """
    if verdict.claim.metric.exact:
        return []
    return [
        Part(verdict.claim, one, *_outcome(verdict, one), claimed, hardly)
        for one in verdict.contrasts
        if all(arm.begun for arm in one.arms)
    ]


def _outcome(verdict: ClaimVerdict, one: ContrastVerdict) -> tuple[str, bool]:
    """The outcome, and whether the margin of the claim is open although there is a difference."""
    if one.same:
        return SAME, False
    if one.state in ("not comparable", "not trained"):
        return (BARRED if one.state == "not comparable" else UNTRAINED), False
    if one.ranks:
        return _by_ranks(one), False
    if one.contrast is None or one.contrast.min_seeds < MIN_SEEDS:
        return FEW, False
    if one.state == "equivalent" or (one.state == "supported" and verdict.claim.expect == "equivalent"):
        return EQUAL, False
    side = LOWER if one.contrast.interval.estimate < 0 else HIGHER
    if one.state == "supported" and verdict.claim.against_margin:
        return NO_WORSE, False
    if one.state in ("supported", "refuted"):
        return side, False
    wide = one.contrast.simultaneous(max(verdict.family, 1))
    looked = bool(one.looks or one.earlier)
    if verdict.claim.against_margin and not looked and (wide.low > 0 or wide.high < 0):
        return side, True
    return OPEN, False


def _by_ranks(one: ContrastVerdict) -> str:
    """Which side had the worse runs, where some did not train."""
    ranks = one.ranks
    if ranks is None or one.state not in ("supported", "refuted") or ranks.lower == ranks.higher:
        return OPEN
    return LOWER if ranks.lower > ranks.higher else HIGHER


def _fate(arm: Arm) -> str:
    return f"{arm.untrained} of {len(arm.begun)}"


def changed(part: Part) -> float:
    """The relative change of a mean, where it has an interval; else NaN."""
    contrast = part.judged.contrast
    known = contrast is not None and not math.isnan(contrast.relative_change.low)
    return contrast.relative_change.estimate if contrast and known else math.nan
