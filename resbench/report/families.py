"""Which comparisons are judged together, and their p values after Holm's correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from resbench.records.claim import Claim
from resbench.report.comparison import Comparison
from resbench.report.statistics.family import holm

Tested: TypeAlias = tuple[object, ...]  # what a p value is of


class Test(NamedTuple):
    """What is known of a test before its family.

    Attributes:
        p: before Holm; NaN without one.
        firm: whether it may decide a verdict.
    """

    p: float
    firm: bool


def tested(claim: Claim, one: Comparison) -> Tested:
    """What is tested, the same of two claims that test the same: no difference of these runs, or none beyond a margin."""
    on = claim.metric.compared_as or claim.metric.name
    if claim.against_margin:
        return (on, claim.direction, claim.margin, *one.key)
    return (on, "no difference", *(one.key if one.four else {frozenset(one.key)}))


def adjusted(tests: Mapping[Tested, Test]) -> dict[Tested, float]:
    """Holm's p of each test of a family.

    What may not be judged counts in the family, but must not use up a step of Holm's that it cannot take.
    """
    firm = holm([one.p if one.firm else np.nan for one in tests.values()])
    every = np.where(np.isnan(firm), holm([one.p for one in tests.values()]), firm)
    return dict(zip(tests, map(float, every), strict=True))


def united(families: Sequence[Mapping[Tested, Test]]) -> dict[Tested, Test]:
    """All tests of several claims, each once."""
    return {key: test for family in families for key, test in family.items()}
