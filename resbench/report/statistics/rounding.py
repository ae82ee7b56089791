"""Comparisons of means: counts of errors that are equal must be equal as binary fractions too."""

from __future__ import annotations

import math


def same(one: float, other: float) -> bool:
    """Whether two numbers are equal but for rounding: far less than one error, in however many images."""
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def at_least(value: float, limit: float) -> bool:
    """`value >= limit`, where a value that equals the limit but for rounding reaches it."""
    return value >= limit or same(value, limit)


def beyond(value: float, limit: float) -> bool:
    """`value > limit`, where a value that equals the limit but for rounding does not."""
    return value > limit and not same(value, limit)
