"""Colours, markers and dashes of the arms of a study, the same in all of its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from resbench.core.text import show
from resbench.report.figures.drawing import DEPTH, SMALL, Canvas, leaf, width_of
from resbench.report.labels import Labels
from resbench.report.theme import ARMS

Dash = tuple[float, ...]  # lengths of strokes and gaps; empty: solid

ORANGE, *_OTHERS = (light for light, _ in ARMS)  # orange is the baseline's
PALETTE = tuple(_OTHERS)
BLUE, GREEN, VIOLET = PALETTE[:3]
_SHORTCUT = "model.shortcut"
_KNOWN: Mapping[str, Mapping[str, str]] = {_SHORTCUT: {"none": ORANGE, "identity": BLUE, "projection": GREEN}}
_MARKERS = "osD^vPXph*"
SOLID: Dash = ()
DASHED: Dash = (3.7, 1.6)
_DASHES: tuple[Dash, ...] = (SOLID, DASHED, (6.4, 1.6, 1.0, 1.6), (1.0, 1.65))
MOST_ARMS = 12  # that colours and markers tell apart
_LEGEND_ROWS = 6  # for which a figure has room
_LEGEND_ROW = 0.19  # inches


@dataclass(frozen=True)
class Style:
    color: str
    marker: str
    dash: Dash


@dataclass(frozen=True)
class Colors:
    """Which axis of a study has colours, and which colour each of its values has: the same in every figure.

    Attributes:
        axis: None where none tells arms apart.
        of: value as text -> colour.
    """

    axis: str | None = None
    of: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def among(cls, frame: pd.DataFrame, axes: Sequence[str], baseline: Mapping[str, Any]) -> Colors:
        """The shortcut's, where a study has several; else those of what its baseline names, or of its first axis.

        Args:
            frame: one row per cell.
            baseline: axis -> value; that value is orange.
        """
        order = [_SHORTCUT, *baseline, *axes]
        axis = next((a for a in order if a in axes and a != DEPTH and len(set(map(show, frame[a]))) > 1), None)
        if axis is None:
            return cls()
        known = dict(_KNOWN.get(axis, {})) or ({show(baseline[axis]): ORANGE} if axis in baseline else {})
        rest = [color for color in PALETTE if color not in known.values()]
        values = [text for text in dict.fromkeys(map(show, frame[axis])) if text not in known]
        return cls(axis, known | {text: rest[i % len(rest)] for i, text in enumerate(values)})

    def of_cell(self, cell: Mapping[Any, Any]) -> str:
        """The colour of a cell."""
        return self.of.get(show(cell[self.axis]), BLUE) if self.axis in cell else BLUE


class Arms:
    """The combinations of some axes, in the study's order.

    Args:
        frame: one row per cell.
        axes: the axes that make the arms.
        colors: of the study; arms that its axis does not tell apart have colours in their order.
        labels: what fields and values are called.

    Attributes:
        styles: name of each arm -> how it is drawn.
        words: name of each arm -> what a figure calls it.
    """

    def __init__(self, frame: pd.DataFrame, axes: Sequence[str], colors: Colors, labels: Labels | None = None) -> None:
        labels = labels or Labels()
        self.axes = list(axes)
        cells = {self.name(row): row for row in frame.to_dict("records")}
        colored = colors.axis in self.axes
        rest = [axis for axis in self.axes if axis != colors.axis] if colored else []
        self.words = dict(zip(cells, _words(list(cells.values()), self.axes, colors.axis, labels), strict=True))
        others = list(dict.fromkeys(tuple(show(row[axis]) for axis in rest) for row in cells.values()))
        self.styles: dict[str, Style] = {}
        for number, (name, row) in enumerate(cells.items()):
            color = colors.of_cell(row) if colored else PALETTE[number % len(PALETTE)]
            dash = _DASHES[others.index(tuple(show(row[axis]) for axis in rest)) % len(_DASHES)]
            dash = DASHED if color == ORANGE and not rest else dash
            self.styles[name] = Style(color, _MARKERS[number % len(_MARKERS)], dash)

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


def _words(cells: Sequence[Mapping[Any, Any]], axes: Sequence[str], first: str | None, labels: Labels) -> list[str]:
    """What figures call these cells: by as few axes as tell them apart, without what most of them share.

    Args:
        first: the axis that is always named.
    """
    kept = list(axes)
    for axis in reversed(axes):  # an axis that follows from the others says nothing
        rest = [one for one in kept if one != axis]
        if axis != first and rest and len({_key(cell, rest) for cell in cells}) == len(cells):
            kept = rest
    usual = {axis: Counter(show(cell[axis]) for cell in cells).most_common(1)[0] for axis in kept if axis != first}
    shared = {axis: text for axis, (text, count) in usual.items() if 2 * count > len(cells)}
    short = [[axis for axis in kept if shared.get(axis) != show(cell[axis])] for cell in cells]
    for named in (short, [kept] * len(cells)):
        texts = [labels.cell({axis: cell[axis] for axis in names}) for cell, names in zip(cells, named, strict=True)]
        if len(set(texts)) == len(texts) and all(named):
            return texts
    return [labels.cell({axis: cell[axis] for axis in axes}) if axes else "all" for cell in cells]


def _key(cell: Mapping[Any, Any], axes: Sequence[str]) -> tuple[str, ...]:
    return tuple(show(cell[axis]) for axis in axes)


def follows(frame: pd.DataFrame, axis: str, x: str | None) -> bool:
    """Whether an axis changes with x alone, so that it tells no arms apart: epochs that are fewer for deeper networks.

    Args:
        frame: one row per cell.
    """
    pairs = set(zip(map(show, frame[x]), map(show, frame[axis]), strict=True)) if x else set()
    return len({value for _, value in pairs}) > 1 and len(pairs) == len({place for place, _ in pairs})


def hues_of(arms: Arms, frame: pd.DataFrame, colors: Colors, labels: Labels) -> Arms:
    """What colours tell apart: the arms, or, if they are many, the values of the axis that has colours.

    Args:
        frame: one row per cell.
    """
    if not arms.many or not arms.axes:
        return arms
    return Arms(frame, [colors.axis] if colors.axis in arms.axes and colors.axis else arms.axes[:1], colors, labels)


def legend(
    figure: Canvas,
    arms: Arms,
    lines: bool,
    extra: Sequence[Line2D] = (),
    shown: Collection[str] | None = None,
    marker: str = "",
) -> None:
    """The legend above the figure; arms are named where there is more than one and they are not too many.

    Args:
        lines: whether the arms are drawn as lines with their own dashes, or as markers alone.
        extra: handles that follow the arms.
        shown: names of the arms that the figure has; by default all.
        marker: of all arms, where the figure tells them apart by colour alone; by default each has its own.
    """
    handles = []
    if 1 < len(arms.styles) <= 2 * MOST_ARMS:
        for name, style in arms.styles.items():
            if shown is None or name in shown:
                dash: Any = "" if not lines else (0, style.dash) if style.dash else "-"
                handles.append(
                    Line2D(
                        [], [], color=style.color, marker=marker or style.marker, linestyle=dash, label=arms.words[name]
                    )
                )
    handles += extra
    if not handles:
        return
    columns = max(
        1, int(figure.get_figwidth() / (0.55 + max(width_of(str(one.get_label()), SMALL) for one in handles)))
    )
    more = -(-len(handles) // columns) - _LEGEND_ROWS
    if more > 0:
        figure.set_figheight(figure.get_figheight() + more * _LEGEND_ROW)
    figure.legend(
        handles=handles, loc="outside upper left", frameon=False, fontsize=SMALL, ncols=min(columns, len(handles)),
        columnspacing=1.2, handletextpad=0.5,
    )  # fmt: skip
