"""Colours, markers and dashes of the arms of a study, the same in all of its figures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from resbench.core.text import show
from resbench.report.figures.drawing import Canvas, leaf

Dash = tuple[float, ...]  # lengths of strokes and gaps; empty: solid

_BLUE, ORANGE, _GREEN, _RED, _PINK, _BROWN, _ROSE, _GREY, _, _SKY = sns.color_palette("colorblind").as_hex()
_COLORS = (_BLUE, _GREEN, _PINK, _RED, _SKY, _BROWN, _GREY, _ROSE)
_MARKERS = "oDv^sPXph*"
SOLID: Dash = ()
DASHED: Dash = (3.7, 1.6)
_DASHES: tuple[Dash, ...] = (SOLID, DASHED, (6.4, 1.6, 1.0, 1.6), (1.0, 1.65))
MOST_ARMS = 12  # that colours and markers tell apart


@dataclass(frozen=True)
class Style:
    color: str
    marker: str
    dash: Dash


class Arms:
    """The combinations of some axes, in the study's order.

    Args:
        frame: one row per cell.
        axes: the axes that make the arms.
        baseline: axis -> value; its arm is orange; without one, networks without shortcuts are.

    Attributes:
        styles: name of each arm -> how it is drawn.
    """

    def __init__(self, frame: pd.DataFrame, axes: Sequence[str], baseline: Mapping[str, Any]) -> None:
        self.axes = list(axes)
        cells = {self.name(row): row for row in frame.to_dict("records")}
        fixed = {axis: value for axis, value in baseline.items() if axis in self.axes}
        if not fixed and "model.shortcut" in self.axes:
            fixed = {"model.shortcut": "none"}
        plain = [all(show(row[axis]) == show(value) for axis, value in fixed.items()) for row in cells.values()]
        orange = plain.index(True) if fixed and any(plain) else -1
        others = iter(range(len(cells)))
        self.styles = {
            name: Style(ORANGE, "s", DASHED) if number == orange else _style(next(others))
            for number, name in enumerate(cells)
        }

    def name(self, cell: Mapping[Any, Any]) -> str:
        """Name of the arm of a cell: its values, with the leaf of the path where a value would not speak."""
        parts = []
        for axis in self.axes:
            text = show(cell[axis])
            parts.append(text if isinstance(cell[axis], str) and len(self.axes) < 3 else f"{leaf(axis)} {text}")
        return ", ".join(parts) or "all"

    @property
    def names(self) -> list[str]:
        return list(self.styles)

    @property
    def many(self) -> bool:
        """Whether there are too many arms to draw every seed."""
        return len(self.styles) > MOST_ARMS


def follows(frame: pd.DataFrame, axis: str, x: str | None) -> bool:
    """Whether an axis changes with x alone, so that it tells no arms apart: epochs that are fewer for deeper networks.

    Args:
        frame: one row per cell.
    """
    pairs = set(zip(map(show, frame[x]), map(show, frame[axis]), strict=True)) if x else set()
    return len({value for _, value in pairs}) > 1 and len(pairs) == len({place for place, _ in pairs})


def hues_of(arms: Arms, frame: pd.DataFrame, baseline: Mapping[str, Any]) -> Arms:
    """What colours tell apart: the arms, or, if they are many, the values of the axes of the baseline among them.

    Args:
        frame: one row per cell.
        baseline: of the study; without one, the first axis tells the arms apart.
    """
    if not arms.many or not arms.axes:
        return arms
    return Arms(frame, [axis for axis in arms.axes if axis in baseline] or arms.axes[:1], baseline)


def _style(number: int) -> Style:
    return Style(
        _COLORS[number % len(_COLORS)],
        _MARKERS[number % len(_MARKERS)],
        _DASHES[(number // len(_COLORS)) % 4],
    )


def legend(
    figure: Canvas, arms: Arms, lines: bool, extra: Sequence[Line2D] = (), shown: Collection[str] | None = None
) -> None:
    """The legend to the right of the figure; arms are named where there is more than one and they are not too many.

    Args:
        lines: whether the arms are drawn as lines with their own dashes, or as markers alone.
        extra: handles that follow the arms.
        shown: names of the arms that the figure has; by default all.
    """
    handles = []
    if 1 < len(arms.styles) <= 2 * MOST_ARMS:
        for name, style in arms.styles.items():
            if shown is None or name in shown:
                dash: Any = "" if not lines else (0, style.dash) if style.dash else "-"
                handles.append(Line2D([], [], color=style.color, marker=style.marker, linestyle=dash, label=name))
    title = " × ".join(map(leaf, arms.axes)) if handles else None
    if handles or extra:
        figure.legend(
            handles=[*handles, *extra], title=title, loc="outside right upper", frameon=False, fontsize="small"
        )
