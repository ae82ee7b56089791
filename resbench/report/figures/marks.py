"""What the points of a figure stand for: words that a page shows where a reader points at them, and where they lead."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Transform

from resbench.report.svg import Mark

_EDGE = 3.0  # points that a mark may stand outside of its axes


class Spot(NamedTuple):
    """What a point stands for.

    Attributes:
        text: its name, and a line for each thing that is known of it.
        link: where a click leads, as seen from the page of the study; empty for nowhere.
    """

    text: str
    link: str = ""


class _Placed(NamedTuple):
    axes: Axes
    left: float
    top: float
    right: float
    bottom: float
    transform: Transform | None
    spot: Spot


class Canvas(Figure):
    """A figure of matplotlib, on which one of ours is drawn, and what its points stand for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.placed: list[_Placed] = []

    def marks(self) -> Iterator[Mark]:
        """The points that are in sight, where an SVG of the figure as it is laid out now has them."""
        height = float(self.get_figheight()) * 72
        for one in self.placed:
            transform = one.transform or one.axes.transData
            ends = transform.transform([(one.left, one.top), (one.right, one.bottom)]) * 72 / self.dpi
            box = one.axes.get_window_extent().transformed(self.dpi_scale_trans.inverted())
            (x0, x1), (y0, y1) = (sorted(map(float, ends[:, i])) for i in (0, 1))
            middle = ((x0 + x1) / 2, (y0 + y1) / 2)
            inside = all(
                low * 72 - _EDGE <= place <= high * 72 + _EDGE
                for place, low, high in zip(middle, (box.x0, box.y0), (box.x1, box.y1), strict=True)
            )
            if inside or (one.transform is not None and all(map(math.isfinite, middle))):
                yield Mark(x0, height - y1, x1 - x0, y1 - y0, *one.spot)


def mark(axes: Axes, x: float, y: float, spot: Spot, transform: Transform | None = None) -> None:
    """Say what the point at x and y stands for.

    Args:
        transform: of x and y; by default they are data.
    """
    mark_field(axes, (x, y), (x, y), spot, transform)


def mark_field(
    axes: Axes, one: tuple[float, float], other: tuple[float, float], spot: Spot, transform: Transform | None = None
) -> None:
    """Say what the field between two corners stands for."""
    canvas = axes.figure
    assert isinstance(canvas, Canvas)
    canvas.placed.append(_Placed(axes, *one, *other, transform, spot))
