"""What ends at the right of a panel, named there: labels that do not touch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

from matplotlib.axes import Axes

from resbench.report.figures.drawing import SMALL, wrapped

_MORE_LINES = 0.6  # height of each further line of a label


def label_ends(
    axes: Axes, ends: Sequence[tuple[float, str, str]], gap: float, inches: float = math.inf, lines: int = 1
) -> None:
    """Write to the right of the axes what ends there, moved so that no two touch and none stands below the axes.

    Args:
        ends: (value, text, colour) of each line.
        gap: between two texts, as a fraction of the axes; more where they have several lines.
        inches: width of a text.
        lines: of a text, at most.
    """
    low, high = (math.log(end) if axes.get_yscale() == "log" else end for end in axes.get_ylim())
    values = [math.log(value) if axes.get_yscale() == "log" else value for value, *_ in ends]
    texts = ["\n".join(wrapped(text, inches, SMALL, lines)) for _, text, _ in ends]
    heights = [gap * (1 + _MORE_LINES * text.count("\n")) for text in texts]
    places = within(spread([(value - low) / (high - low) for value in values], heights), heights)
    for (_, _, color), text, place in zip(ends, texts, places, strict=True):
        axes.annotate(
            text, (1.02, place), xycoords="axes fraction", fontsize=SMALL, color=color, va="center",
            annotation_clip=False, linespacing=1.0,
        )  # fmt: skip


def spread(places: Sequence[float], gap: float | Sequence[float]) -> list[float]:
    """The places, moved as little as an equal treatment allows so that neighbours are a gap apart.

    Args:
        gap: between all; or the height of each, whose neighbours are half of both heights away.
    """
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    offsets = _offsets([gap if isinstance(gap, float | int) else gap[i] for i in order])
    blocks: list[list[float]] = []  # of labels that touch: mean place before their offsets, number
    for i, offset in zip(order, offsets, strict=True):
        blocks.append([places[i] - offset, 1])
        while len(blocks) > 1 and blocks[-1][0] < blocks[-2][0]:
            (first, m), (second, n) = blocks[-2:]
            blocks[-2:] = [[(first * m + second * n) / (m + n), m + n]]
    moved = [place for place, n in blocks for _ in range(int(n))]
    out = [0.0] * len(places)
    for i, place, offset in zip(order, moved, offsets, strict=True):
        out[i] = place + offset
    return out


def _offsets(heights: Sequence[float]) -> list[float]:
    """How far each of so high labels is from the first, if all touch."""
    return list(accumulate(((a + b) / 2 for a, b in pairwise(heights)), initial=0.0)) if heights else []


def within(places: Sequence[float], heights: Sequence[float]) -> list[float]:
    """The places, moved up from below 0 and then down from above 1, each with those that it would come too near to."""
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    offsets = dict(zip(order, _offsets([heights[i] for i in order]), strict=True))
    out = list(places)
    least = -math.inf
    for i in order:
        out[i] = max(out[i], heights[i] / 2, least + offsets[i])
        least = out[i] - offsets[i]
    most = math.inf
    for i in reversed(order):
        out[i] = min(out[i], 1.0, most + offsets[i])
        most = out[i] - offsets[i]
    return out
