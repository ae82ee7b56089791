"""The test of one comparison at one look of a plan: its information, its level, and its p values adjusted for the looks so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from resbench.records.claim import Claim
from resbench.records.study_file import Looks
from resbench.report.claim_tests import within_level
from resbench.report.looks.anytime import cautious
from resbench.report.planning import ALPHA
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.interval import Interval
from resbench.report.statistics.spending import (
    LEAST_STEP,
    information_fraction,
    nominal_levels,
    of_t,
    rising,
    sequential_p,
    spent,
)
from resbench.report.statistics.worst_rank import WorstRank


class PValues(NamedTuple):
    """What a verdict rests on, as in `claim_tests`: two-sided of no difference, one-sided of one beyond the margin."""

    difference: float
    within: float


class Noise(NamedTuple):
    """What makes an estimate vary.

    Attributes:
        image: variance of the estimate that the images add, whatever the number of seeds.
        seed: variance between seeds on these images.
    """

    image: float
    seed: float

    def variance(self, seeds: int) -> float:
        """The variance of an estimate over so many seeds."""
        return self.image + self.seed / seeds

    def seed_share(self, seeds: int) -> float:
        """The share of that variance that the seeds add."""
        return self.seed / seeds / variance if (variance := self.variance(seeds)) > 0 else 1.0


class Schedule(NamedTuple):
    """How much the looks so far know.

    Attributes:
        fractions: share of the last look's information that each has; the level is spent along it.
        information: the same as t values see it (`of_t`): how they correlate from look to look.
    """

    fractions: tuple[float, ...]
    information: tuple[float, ...]

    @classmethod
    def of(cls, plan: Looks, noises: Sequence[Noise]) -> Schedule:
        """From the noise as each look estimated it."""
        seen = list(zip(plan.sizes, noises, strict=False))
        shares = [information_fraction(noise.image, noise.seed, seeds, plan.sizes[-1]) for seeds, noise in seen]
        fractions = rising(shares, len(plan.sizes))
        information: list[float] = []
        for fraction, (seeds, noise) in zip(fractions, seen, strict=True):
            least = information[-1] + LEAST_STEP / 2 if information else 0.0
            information.append(max(of_t(fraction, noise.seed_share(seeds), seeds), least))
        return cls(fractions, tuple(information))

    def sequential(self, p: Sequence[float], spend: str) -> float:
        """Of the two-sided p values of these looks, that of the last adjusted for all."""
        return sequential_p(p, self.fractions, spend, self.information)

    def nominal(self, alpha: float, spend: str) -> float:
        """The two-sided level of the last of these looks."""
        return nominal_levels(self.fractions, alpha, spend, self.information)[-1]


class LookTest(NamedTuple):
    """A comparison at one look, before its family.

    Attributes:
        schedule: of this look and those before.
        noises: as each look estimated it, this one last.
        spent: of the level, up to this look.
        nominal: two-sided level of this look's own test.
        interval: the repeated confidence interval: the estimate with limits at the nominal level.
        level: of the repeated intervals of all looks together.
        p: of this look by itself.
        sequential: the same adjusted for all looks so far: the level of all looks at which this one decides.
        late: whether the plan was stated or changed after results.
    """

    schedule: Schedule
    noises: tuple[Noise, ...]
    spent: float
    nominal: float
    interval: Interval | None
    level: float
    p: PValues
    sequential: PValues
    late: bool = False


def look_test(
    claim: Claim,
    plan: Looks,
    contrast: Contrast | None,
    before: Sequence[LookTest],
    judged: bool = True,
    ranks: WorstRank | None = None,
    late: bool = False,
) -> LookTest:
    """The test of a look.

    Args:
        contrast: over the seeds of this look.
        before: the tests of the earlier looks.
        judged: whether the p values of this look count.
        ranks: the worst-rank test, where that decides in place of the contrast; its information is the number of seeds.
        late: whether the plan was stated or changed after results: then no p is below that of the anytime test.
    """
    noises = (*(before[-1].noises if before else ()), noise_of(contrast) if contrast else Noise(0.0, 1.0))
    schedule, alpha, expected = Schedule.of(plan, noises), level_of(claim), claim.direction
    nominal = schedule.nominal(alpha, plan.spend)
    p = PValues(math.nan, math.nan)
    if contrast and judged:
        p = PValues(*cautious(contrast, expected, late))
    elif ranks and judged:
        p = PValues(max(ranks.p, ranks.anytime_p) if late else ranks.p, math.nan)
    past = [*(test.p for test in before), p]
    # a one-sided test is half of the two-sided one at twice the level
    within = [2 * one.within if math.isnan(one.within) else min(2 * one.within, 1.0) for one in past]
    return LookTest(
        schedule=schedule,
        noises=noises,
        spent=spent(schedule.fractions, alpha, plan.spend)[-1],
        nominal=nominal,
        interval=contrast.interval.at_level(1 - nominal) if contrast else None,
        level=1 - alpha,
        p=p,
        sequential=PValues(
            schedule.sequential([one.difference for one in past], plan.spend),
            schedule.sequential(within, plan.spend) / 2,
        ),
        late=late,
    )


def level_of(claim: Claim) -> float:
    """The two-sided level of all looks at a claim; equivalence takes two one-sided tests, so its is twice as large."""
    return 2 * within_level(claim.direction) if claim.against_margin else ALPHA


def noise_of(contrast: Contrast) -> Noise:
    """The noise of an estimate; what images add has infinite degrees of freedom, what seeds add has not."""
    variances = contrast.interval.variances
    image = math.fsum(one.value for one in variances if math.isinf(one.df))
    return Noise(image, contrast.min_seeds * math.fsum(one.value for one in variances if not math.isinf(one.df)))
