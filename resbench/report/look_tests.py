"""The test of one comparison at one look of a plan: its information, its level, and its p values over the looks so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy import stats

from resbench.records.claim import Claim
from resbench.records.study_file import Looks
from resbench.report.planning import ALPHA
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.interval import Interval, at_level
from resbench.report.statistics.spending import (
    LEAST_STEP,
    information_fraction,
    nominal_levels,
    of_t,
    rising,
    sequential_p,
    spent,
)


class PValues(NamedTuple):
    """What a verdict rests on: of no difference (of none beyond the margin), and of one beyond the margin."""

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
        """Of an estimate over so many seeds."""
        return self.image + self.seed / seeds

    def seed_share(self, seeds: int) -> float:
        """Of that variance, what the seeds add."""
        return self.seed / seeds / variance if (variance := self.variance(seeds)) > 0 else 1.0


class Schedule(NamedTuple):
    """Information of the looks so far: fractions of the last look's, and what the t values correlate by."""

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

    def nominal(self, alpha: float, spend: str) -> float:
        """The two-sided level of the last of these looks."""
        return nominal_levels(self.fractions, alpha, spend, self.information)[-1]


class LookTest(NamedTuple):
    """A comparison at one look, before its family.

    Attributes:
        schedule: of this look and those before.
        noises: as each look estimated it, this one last.
        spent: of the level, up to this look.
        nominal: level of this look's own test; one-sided for a claim against the margin.
        interval: the repeated confidence interval: the estimate with limits at the nominal level.
        p: of this look by itself.
        sequential: over all looks so far.
    """

    schedule: Schedule
    noises: tuple[Noise, ...]
    spent: float
    nominal: float
    interval: Interval | None
    p: PValues
    sequential: PValues


def look_test(
    claim: Claim, plan: Looks, contrast: Contrast | None, before: Sequence[LookTest], judged: bool = True
) -> LookTest:
    """The test of a look.

    Args:
        contrast: over the seeds of this look.
        before: the tests of the earlier looks.
        judged: whether the p values of this look count.
    """
    noise = noise_of(contrast) if contrast else Noise(0.0, 0.0)
    noises = (*(before[-1].noises if before else ()), noise)
    schedule = Schedule.of(plan, noises)
    sides = 2 if claim.against_margin else 1  # a one-sided test is half of the two-sided one at twice the level
    nominal = schedule.nominal(sides * ALPHA, plan.spend) / sides
    p = p_values(claim, contrast) if contrast and judged else PValues(math.nan, math.nan)
    past = [*(test.p for test in before), p]
    return LookTest(
        schedule=schedule,
        noises=noises,
        spent=spent(schedule.fractions, sides * ALPHA, plan.spend)[-1] / sides,
        nominal=nominal,
        interval=at_level(contrast.interval, 1 - sides * nominal) if contrast else None,
        p=p,
        sequential=PValues(
            _sequential([one.difference for one in past], schedule, plan.spend, sides),
            _sequential([one.within for one in past], schedule, plan.spend, 2),
        ),
    )


def _sequential(p: Sequence[float], schedule: Schedule, spend: str, sides: int) -> float:
    doubled = [sides * one if math.isnan(one) else min(sides * one, 1.0) for one in p]
    return sequential_p(doubled, schedule.fractions, spend, schedule.information) / sides


def noise_of(contrast: Contrast) -> Noise:
    """From the components of a contrast; of an estimate over one seed nothing is known."""
    seeds, parts = contrast.min_seeds, contrast.components
    seed = contrast.this_test_set.se**2 * seeds
    image = parts.var_image / parts.images if parts and parts.images > 1 else 0.0
    return Noise(image, seed) if math.isfinite(image + seed) else Noise(0.0, 0.0)


def p_values(claim: Claim, contrast: Contrast) -> PValues:
    """Of a direction two-sided; of a claim against the margin one-sided, in both parts."""
    interval, within = contrast.interval, equivalence_p(contrast)
    if not claim.against_margin:
        return PValues(contrast.p, within)
    if claim.direction == "equivalent":
        return PValues(_above(abs(interval.estimate) - contrast.margin, interval), within)
    worse = interval.estimate if claim.direction == "not_higher" else -interval.estimate
    if interval.se == interval.estimate == 0:
        return PValues(1.0, within)  # on one side of nothing lies what is on both
    return PValues(_above(worse - contrast.margin, interval), _above(contrast.margin - worse, interval))


def equivalence_p(contrast: Contrast) -> float:
    """p of two one-sided tests of a difference of the margin, that belongs to the contrast's interval."""
    return contrast.p_equivalence_test_set if contrast.from_seeds_only else contrast.p_equivalence_new_images


def _above(distance: float, interval: Interval) -> float:
    """One-sided p of a distance being 0 or less."""
    if interval.se == 0:
        return float(distance <= 0)
    return float(stats.t.sf(distance / interval.se, interval.df))
