"""A curve in one line of text."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*%#"


def sparkline(values: Sequence[float], width: int, ascii_only: bool = False) -> str:
    """The values as bars from the least to the most; of more values than fit, the mean of each stretch.

    Args:
        width: in characters, at most; what is not finite is left out.
    """
    finite = [value for value in values if math.isfinite(value)]
    largest = max(map(abs, finite), default=0.0) or 1.0  # divided by which no sum overflows
    finite = _shrunk([value / largest for value in finite], width)
    if not finite:
        return ""
    bars, low = _ASCII if ascii_only else _BLOCKS, min(finite)
    span = max(finite) - low
    return "".join(bars[round((value - low) / span * (len(bars) - 1)) if span else 0] for value in finite)


def _shrunk(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return list(values)
    ends = [round(place * len(values) / width) for place in range(width + 1)]
    return [math.fsum(values[a:b]) / (b - a) for a, b in itertools.pairwise(ends)]
