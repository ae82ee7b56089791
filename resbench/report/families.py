"""Which comparisons are judged together, and their p values after Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from resbench.records.claim import Claim
from resbench.report.comparison import Comparison
from resbench.report.statistics.family import holm_of_firm

Hypothesis: TypeAlias = tuple[object, ...]  # what a p value is of, by its runs


class FamilyTest(NamedTuple):
    """What is known of a test before its family.

    Attributes:
        p: before Holm; NaN without one.
        firm: whether it may decide a verdict.
    """

    p: float
    firm: bool


def hypothesis(claim: Claim, one: Comparison) -> Hypothesis:
    """What a comparison tests, the same for two claims that test the same: no difference of these runs, or none beyond a margin."""
    on = claim.metric.compared_as or claim.metric.name
    if claim.against_margin:
        return (on, claim.direction, claim.margin, *one.key)
    return (on, "no difference", *(one.key if one.four else {frozenset(one.key)}))


def adjusted(tests: Mapping[Hypothesis, FamilyTest]) -> dict[Hypothesis, float]:
    """Holm's p of each test of a family, as `holm_of_firm`."""
    every = holm_of_firm([one.p for one in tests.values()], [one.firm for one in tests.values()])
    return dict(zip(tests, map(float, every), strict=True))


def united(families: Sequence[Mapping[Hypothesis, FamilyTest]]) -> dict[Hypothesis, FamilyTest]:
    """All tests of several claims, each once: where two have a p value of the same, the larger counts."""
    out: dict[Hypothesis, FamilyTest] = {}
    for key, test in (item for family in families for item in family.items()):
        known = out.get(key)
        out[key] = test if known is None or math.isnan(known.p) or test.p > known.p else known
    return out
