"""Marks that the figures share: lines, intervals and dots in the styles of their arms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from resbench.core.lazy import lazy
from resbench.report.figures.styles import Arms, Dash

if TYPE_CHECKING:
    import seaborn as sns
else:
    sns = lazy("seaborn")


_MOST_MARKERS = 8  # of a line, about


def draw_lines(
    axes: Axes,
    points: pd.DataFrame,
    x: str,
    y: str,
    arms: Arms,
    *,
    group: str = "group",
    units: Sequence[str] = ("arm",),
    dash: Dash | None = None,
    marked: bool = True,
    every: int | None = None,
    **options: Any,
) -> None:
    """Draw a line for each combination of `units`, in the order of its rows; where a value is missing, there is a gap.

    Args:
        x, y: columns of the points.
        arms: the styles.
        group: column with the name of the arm whose style a line has.
        dash: of all lines; by default each has that of its arm.
        marked: whether lines have the markers of their arms.
        every: a marker at every so many points; by default so that a line has about eight.
        options: of matplotlib's lines.
    """
    known = points[y].notna()
    if not known.any():
        return
    keys = zip(*(points[unit] for unit in units), (~known).cumsum(), strict=True)
    drawn = points.assign(unit=pd.factorize(pd.Series(list(keys), dtype=object))[0])[known]
    before = len(axes.lines)
    sns.lineplot(
        drawn, x=x, y=y, hue=group, style=group, units="unit", estimator=None, errorbar=None, sort=False, legend=False,
        palette={name: style.color for name, style in arms.styles.items()},
        dashes={name: style.dash or "" if dash is None else dash or "" for name, style in arms.styles.items()},
        markers={name: style.marker for name, style in arms.styles.items()} if marked else None,
        ax=axes, **{"linewidth": 1.5, "markersize": 4, "markeredgewidth": 0, "zorder": 3} | options,
    )  # fmt: skip
    for number, line in enumerate(axes.lines[before:]):
        step = every or max(1, np.size(line.get_xdata()) // _MOST_MARKERS)
        line.set_markevery((number % step, step))  # next to those of other lines that run at the same height


def draw_bars(
    axes: Axes, points: pd.DataFrame, x: str, y: str, arms: Arms, *, group: str = "group", capsize: float = 2
) -> None:
    """Draw the intervals of points, from their `low` to their `high`; a logarithmic axis cuts those that reach zero."""
    for name, part in points[points["low"].notna()].groupby(group, sort=False):
        low = part["low"].clip(lower=1e-9) if axes.get_yscale() == "log" else part["low"]
        around = [side.clip(lower=0).to_numpy() for side in (part[y] - low, part["high"] - part[y])]
        color = arms.styles[str(name)].color
        axes.errorbar(part[x], part[y], yerr=around, fmt="none", ecolor=color, capsize=capsize, zorder=2.5)


def draw_dots(
    axes: Axes, points: pd.DataFrame, x: str, y: str, arms: Arms, *, group: str = "group", **options: Any
) -> None:
    """Draw each point with the colour and the marker of its arm.

    Args:
        options: of matplotlib's scatter.
    """
    for name, part in points[points[y].notna()].groupby(group, sort=False):
        style = arms.styles[str(name)]
        defaults: dict[str, Any] = {
            "s": 34,
            "marker": style.marker,
            "edgecolors": "white",
            "linewidths": 0.6,
            "zorder": 3,
        }
        axes.scatter(part[x], part[y], color=style.color, **defaults | options)
