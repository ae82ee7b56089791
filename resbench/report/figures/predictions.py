"""What theories predict and what was measured: how far apart they are, in margins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes

from resbench.report.figures.drawing import (
    BAND,
    BLACK,
    GREY,
    NARROW,
    PAPER,
    SMALL,
    WIDE,
    Canvas,
    canvas,
    objects,
    wrapped,
)  # fmt: skip
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.marks import Spot, mark
from resbench.report.format import capitalised
from resbench.report.theory import AS_PREDICTED, NOT_AS_PREDICTED, TheoryVerdict
from resbench.report.wording.theory import (
    counted_predictions,
    measured_text,
    percent_sign,
    predicted_text,
    told_prediction,
)

_COLUMNS = (
    "prediction",
    "at",
    "expect",
    "predicted",
    "margin",
    "ours",
    "low",
    "high",
    "verdict",
    "distance",
    "from",
    "to",
    "numbers",
)
_FAR = 3.5  # margins: what lies beyond stands at the edge
_EDGE = _FAR + 0.3
_CAPTION = (
    "Measured less predicted, in units of the margin that the grid file allows: dot and bar, our estimate and its 95 % "
    "interval; grey band, where the theory holds. Filled: as predicted; hollow: not settled; cross: not as predicted. What lies "
    "beyond the edge has an arrow. Numbers: predicted, then measured."
)
_LEFT = "Predictions without a margin, or of which nothing was measured, are in the table alone: {left} here."


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None where nothing was predicted of what was measured."""
    shown = [one for one in evidence.theory if math.isfinite(one.ours.low) and one.prediction.margin > 0]
    if not shown:
        return None
    points = objects([_point(one, evidence) for one in shown], _COLUMNS)
    spots = [Spot(told_prediction(one, evidence.labels)) for one in shown]
    draws = [partial(_draw, points, spots, narrow) for narrow in (False, True)]
    alt = "; ".join(f"{row['prediction']}: {row['verdict']}, {row['numbers']}" for row in points.to_dict("records"))
    left = len(evidence.theory) - len(shown)
    caption = f"{_CAPTION} {_LEFT.format(left=left)}" if left else _CAPTION
    return Figure("predictions", points, draws[0], caption, f"{alt}.", counted_predictions(evidence.theory), draws[1])


def _point(one: TheoryVerdict, evidence: Evidence) -> dict[str, object]:
    said, ours = one.prediction, one.ours
    from_, estimate, to = ((value - said.value) / said.margin for value in (ours.low, ours.estimate, ours.high))
    return {
        "prediction": said.says, "at": evidence.labels.cell(one.cell) if one.cell else "", "expect": said.expect,
        "predicted": said.value, "margin": said.margin, "ours": ours.estimate, "low": ours.low, "high": ours.high, "verdict": one.verdict,
        "distance": estimate, "from": from_, "to": to, "numbers": f"{predicted_text(one)}: {measured_text(one)}{percent_sign(one)}",
    }  # fmt: skip


def _draw(points: pd.DataFrame, spots: list[Spot], narrow: bool) -> Canvas:
    width, left, plot = (NARROW, 0.15, NARROW - 0.3) if narrow else (WIDE, 3.3, 2.6)
    step = 0.78 if narrow else 0.42
    height = step * len(points) + (0.5 if narrow else 0.7)
    sheet = canvas(width, height, constrained=False)
    axes = sheet.add_axes((left / width, 0.5 / height, plot / width, step * len(points) / height))
    axes.axvline(0, color=GREY, linewidth=0.8, zorder=1)
    for y, (row, spot) in enumerate(zip(points.to_dict("records"), spots, strict=True)):
        lines = wrapped(capitalised(row["prediction"]), plot if narrow else left - 0.25, SMALL, 3)
        if narrow:
            _write(axes, 0.0, y - 0.14, "\n".join(lines), "left", BLACK)
            _write(axes, 1.0, y + 0.42, row["numbers"], "right", GREY)
        else:
            _write(axes, -0.03, y, "\n".join(lines), "right", BLACK)
            _write(axes, 1.03, y, row["numbers"], "left", GREY)
        _draw_row(axes, y + 0.2 * narrow, row, spot)
    if not narrow:
        _write(axes, 1.03, -0.62, "predicted: measured", "left", GREY)
    axes.set_ylim(len(points) - 0.5, -0.5)
    axes.set_xlim(-_EDGE, _EDGE)
    axes.set_xticks([-3, -2, -1, 0, 1, 2, 3], ["−3", "−2", "−1", "0", "1", "2", "3"])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("measured less predicted, in margins")
    return sheet


def _write(axes: Axes, x: float, y: float, text: str, side: Literal["left", "right"], color: str) -> None:
    """A text next to a row; x in widths of the plot."""
    axes.text(x, y, text, transform=axes.get_yaxis_transform(), ha=side, va="center", fontsize=SMALL, color=color)


def _draw_row(axes: Axes, y: float, row: Mapping[Any, Any], spot: Spot) -> None:
    left, right = (-_EDGE if row["expect"] == "at_most" else -1), (_EDGE if row["expect"] == "at_least" else 1)
    axes.barh(y, right - left, 1, left, color=BAND, zorder=0, linewidth=0)
    low, at, high = (max(-_FAR, min(_FAR, row[name])) for name in ("from", "distance", "to"))
    shape, face = {AS_PREDICTED: ("o", BLACK), NOT_AS_PREDICTED: ("X", BLACK)}.get(row["verdict"], ("o", PAPER))
    if abs(row["distance"]) > _FAR:
        shape, face = "<" if row["distance"] < 0 else ">", BLACK
    axes.plot([low, high], [y, y], color=BLACK, linewidth=1.6, zorder=2, solid_capstyle="butt")
    axes.plot([at], [y], shape, color=BLACK, markerfacecolor=face, markersize=6, zorder=3)
    mark(axes, at, y, spot)
