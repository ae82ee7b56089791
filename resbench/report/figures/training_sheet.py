"""The sheet of training curves: panels next to each other, or below each other on a phone, and lines named at their ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from resbench.report.figures.drawing import (
    GREY,
    NARROW,
    PAPER,
    SIZE,
    SMALL,
    WIDE,
    Canvas,
    is_steep,
    label_edges,
    logarithmic,
    panels,
    value_text,
    whole,
)
from resbench.report.figures.end_labels import label_ends
from resbench.report.figures.styles import Style
from resbench.report.figures.training_layout import Layout
from resbench.report.figures.training_points import Outcome
from resbench.report.figures.training_words import chance_loss, label_of
from resbench.report.format import capitalised

_HIGHEST = 1.5  # times the loss of guessing; what is above is cut
_ROOM = 1.015  # to the right, for a marker at the end
_NEAR = 0.5  # of the loss of guessing, at the end, from which its line is drawn


@dataclass(frozen=True)
class Sheet:
    """What is drawn.

    Attributes:
        chance: the test error of guessing, in percent.
    """

    layout: Layout
    points: pd.DataFrame
    outcomes: Sequence[Outcome]
    chance: float

    @property
    def seeds(self) -> list[str]:
        """The columns of the seeds, where each line has several."""
        return (
            [name for name in self.points.columns if name.startswith("seed ")] if self.points["seeds"].max() > 1 else []
        )

    @property
    def validated(self) -> bool:
        """Whether there are lines of validation, not single points."""
        losses = self.points["val_loss"].notna() if "val_loss" in self.points else None
        return losses is not None and bool(
            (losses.groupby([self.points["panel"], self.points["line"]]).sum() > 1).any()
        )

    @property
    def x(self) -> str:
        """The column to the right: images where there is one pass, else epochs."""
        return "images" if "images" in self.points and self.points["epoch"].max() <= 1 else "epoch"

    @property
    def guessing(self) -> float:
        """The loss of guessing, where a line ends near it; else NaN."""
        loss = chance_loss(self.chance)
        lasts = [value for one in self.outcomes for value in one.last]
        return loss if any(value > _NEAR * loss for value in lasts) else math.nan


def draw(sheet: Sheet, narrow: bool) -> Canvas:
    """The figure, on a canvas of its own."""
    names = sheet.layout.panels
    columns = 1 if narrow else len(names)
    size = (NARROW, 2.9, 0.3) if narrow else (WIDE, 4.0, 0.0)
    figure, grid = panels(len(names), columns, *size, sharex=True, sharey=True)
    low, high = _limits(sheet)
    for name, axes in zip(names, grid, strict=True):
        part = sheet.points[sheet.points["panel"] == name]
        axes.set_ylim(low, high)
        if is_steep(sheet.points["loss"]):
            logarithmic(axes)
        _draw_lines(axes, part, sheet)
        axes.set_xlim(0, _ROOM * sheet.points[sheet.x].max())
        axes.set_title(capitalised(name), fontsize=SIZE, loc="left", fontweight="bold")
        axes.tick_params(labelsize=SMALL)
        _name_lines(axes, name, sheet, narrow)
    _scale_x(grid, sheet, columns)
    return figure


def _limits(sheet: Sheet) -> tuple[float, float]:
    """Of the losses; what is far above guessing is cut."""
    shown = pd.concat(
        [sheet.points[name] for name in ("loss", "val_loss", *sheet.seeds) if name in sheet.points]
    ).dropna()
    low, high = float(shown.min()), float(shown.max())
    most = _HIGHEST * chance_loss(sheet.chance)
    high = min(high, max(most, low * 1.1)) if most == most else high
    return (
        (low / 1.1, high * 1.1)
        if is_steep(sheet.points["loss"])
        else (max(0.0, low - 0.05 * (high - low)), high * 1.05)
    )


def _draw_lines(axes: Axes, points: pd.DataFrame, sheet: Sheet) -> None:
    for name, line in points.groupby("line", sort=False):
        style = sheet.layout.arms.styles[str(name)]
        for seed in sheet.seeds:
            _curve(axes, line, sheet.x, seed, style, linewidth=0.6, alpha=0.35, zorder=2)
        width = 1.0 if sheet.validated else 1.9
        _curve(axes, line, sheet.x, "loss", style, linewidth=width, zorder=3)
        if sheet.validated:
            marks = line[line["val_loss"].notna()]
            axes.plot(
                marks[sheet.x], marks["val_loss"], color=style.color, linewidth=2.1, marker="o", markersize=4.5,
                markeredgecolor=PAPER, markeredgewidth=0.8, zorder=4,
            )  # fmt: skip
    if sheet.guessing == sheet.guessing:
        axes.axhline(sheet.guessing, color=GREY, linestyle=":", linewidth=1.1, zorder=1)


def _curve(axes: Axes, line: pd.DataFrame, x: str, y: str, style: Style, **options: Any) -> None:
    if y in line and line[y].notna().any():
        dash = (0, style.dash) if style.dash and y == "loss" else "-"
        axes.plot(line[x], line[y], color=style.color, linestyle=dash, **options)


def _name_lines(axes: Axes, panel: str, sheet: Sheet, narrow: bool) -> None:
    """At the end of each line what it is, and how many errors its networks make; the highest one says what is what."""
    column = "val_loss" if sheet.validated else "loss"
    ends = []
    for one in sheet.outcomes:
        line = sheet.points[(sheet.points["panel"] == one.line.panel) & (sheet.points["line"] == one.line.name)]
        shown = [name for name in (column, *sheet.seeds) if name in line and line[name].notna().any()]
        if one.line.panel == panel and shown:
            end = line[line[shown[0]].notna()].iloc[-1]
            value = min(max(float(end[shown[0]]), axes.get_ylim()[0]), axes.get_ylim()[1])
            ends.append((value, one))
            color = sheet.layout.arms.styles[one.line.name].color
            if end[sheet.x] < 0.97 * axes.get_xlim()[1]:
                axes.plot([end[sheet.x], axes.get_xlim()[1]], [value] * 2, ":", color=color, linewidth=0.8, zorder=1.5)
    ends.sort(key=lambda end: -end[0])
    texts = []
    for number, (value, one) in enumerate(ends):
        text = label_of(sheet.layout, one)
        if not sheet.validated and one.error == one.error:
            text = f"{text}: {value_text(one.error)}\N{NO-BREAK SPACE}%" + (" test error" if number == 0 else "")
        elif number == 0 and sheet.validated:
            text += ", validation"
        texts.append((value, text.removeprefix(": "), sheet.layout.arms.styles[one.line.name].color))
    inches = 0.95 if len(sheet.layout.panels) > 2 else 1.15
    label_ends(axes, texts, 0.09 if narrow else 0.065, inches=inches, lines=3)
    if sheet.guessing == sheet.guessing and any(value > _NEAR * sheet.guessing for value, _ in ends):
        axes.annotate(
            f"guessing: {sheet.guessing:.2f}", (0.5, sheet.guessing), (0, 3), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="center", va="bottom", fontsize=SMALL, color=GREY,
        )  # fmt: skip


def _scale_x(grid: Sequence[Axes], sheet: Sheet, columns: int) -> None:
    x = "training images seen" if sheet.x == "images" else "epoch"
    for axes in grid:
        if sheet.x == "images":
            axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        elif sheet.points["epoch"].max() >= 2:
            whole(axes, "auto")
    label_edges(grid, columns, x, "loss" if sheet.validated else "training loss")
