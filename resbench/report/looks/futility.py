"""Whether a comparison is worth more seeds: the chance that its last look decides it, given what a look has seen."""

from __future__ import annotations

import math

from resbench.records.claim import Claim
from resbench.records.study_file import Looks
from resbench.report.looks.single import LookTest, Schedule
from resbench.report.planning import ALPHA
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.spending import conditional_power

HOPELESS = 0.1  # chance below which a comparison stops


def chance_to_decide(claim: Claim, plan: Looks, contrast: Contrast, test: LookTest) -> float:
    """Chance that the last look decides a comparison, if the truth is as good for that as the data may allow.

    Of a direction, the true difference is taken as the larger of the margin and the estimate in the direction claimed, or
    as the estimate, or as 0 (to find equivalence); of a claim against the margin, as 0 or better, or as the estimate.
    """
    estimate, margin, direction = contrast.interval.estimate, contrast.margin, claim.direction
    if math.isnan(estimate) or test.noises[-1].variance(plan.sizes[-1]) == 0:
        return 1.0
    last = _LastLook(plan, test)
    if not claim.against_margin:
        side = -1.0 if direction == "lower" else 1.0
        found = max(last.apart(estimate, truth) for truth in (side * max(side * estimate, margin), estimate))
        return max(found, last.within(estimate, margin)) if margin > 0 else found
    if direction == "equivalent":
        worse, supported = abs(estimate), last.within(estimate, margin)
    else:
        worse = estimate if direction == "not_higher" else -estimate
        supported = last.above(margin - worse, margin - min(worse, 0.0), ALPHA)
    return max(supported, last.above(worse - margin, worse - margin, ALPHA))


class _LastLook:
    """The last look as an earlier one foresees it, if the noise stays as it is."""

    def __init__(self, plan: Looks, test: LookTest) -> None:
        sizes, done, noise = plan.sizes, len(test.noises), test.noises[-1]
        self._plan, self._fraction = plan, test.schedule.fractions[-1]
        self._schedule = Schedule.of(plan, [*test.noises, *[noise] * (len(sizes) - done)])
        self._now, self._then = (math.sqrt(noise.variance(seeds)) for seeds in (sizes[done - 1], sizes[-1]))

    def above(self, estimate: float, truth: float, alpha: float) -> float:
        """Chance to find that a distance is above 0, by the upper half of a two-sided test."""
        level = self._schedule.nominal(alpha, self._plan.spend)
        return conditional_power(estimate / self._now, self._fraction, truth / self._then, level)

    def apart(self, estimate: float, truth: float) -> float:
        """Chance to find a difference, on either side."""
        return self.above(estimate, truth, ALPHA) + self.above(-estimate, -truth, ALPHA)

    def within(self, estimate: float, margin: float) -> float:
        """Chance to find that a difference lies within the margin, if it is 0, from those of the two tests."""
        return max(0.0, sum(self.above(margin + side * estimate, margin, 2 * ALPHA) for side in (1, -1)) - 1)
