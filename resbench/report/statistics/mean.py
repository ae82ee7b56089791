"""Means over seeds of what may be missing: numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

Series = Sequence[float | None]  # by place: layers or units in order of depth; None where there is no value


def mean(values: Sequence[float], geometric: bool = False) -> float:
    """Arithmetic or geometric mean; NaN of nothing, and a geometric one of 0 if one of the values is."""
    if not values:
        return math.nan
    if not geometric:
        return math.fsum(values) / len(values)
    return math.exp(math.fsum(map(math.log, values)) / len(values)) if min(values) > 0 else 0.0


def means(series: Sequence[Series], geometric: bool = False) -> list[tuple[float, int]]:
    """At each place the mean over the series that have a value there, and how many they are; NaN where none has one."""
    out = []
    for column in zip_longest(*series):
        values = [float(value) for value in column if value is not None]
        out.append((mean(values, geometric), len(values)))
    return out
