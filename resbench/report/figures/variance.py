"""How much of the spread of the error each axis accounts for, as bars."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pandas as pd

from resbench.report.figures.drawing import BLACK, GREY, PAPER, SMALL, WIDE, Canvas, canvas
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.styles import BLUE, PALETTE
from resbench.report.format import p_text
from resbench.report.labels import Labels
from resbench.report.tables.factors import Factors, shares, term_words

_MOST_BARS = 16
_COLORS = {"axis": BLUE, "interaction": PALETTE[5], "seed": PALETTE[6], "residual": GREY}


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None if there is no analysis of several axes, its shares do not add up, or a cell did not learn."""
    factors = evidence.factors
    if factors.analysis.table.empty or factors.no_shares or len(factors.axes) < 2 or _is_one_cell(evidence):
        return None
    points = shares(factors, _MOST_BARS)
    first = points.iloc[0]
    title = f"{term_words(str(first['term']), evidence.labels)} accounts for {100 * max(0.0, first['share']):.0f} % of the variation of the error"
    return Figure(
        "variance",
        points,
        partial(_draw, points, evidence.labels),
        _caption(factors, len(points), evidence.labels),
        _alt(points, evidence.labels),
        title,
    )


def _is_one_cell(evidence: Evidence) -> bool:
    """Whether a cell that did not learn makes most of the variation, which then says nothing of the axes."""
    errors = 1 - evidence.frame["mean"].dropna().astype(float)
    return bool(len(errors) and 100 * errors.max() > 0.5 * evidence.chance)


def _alt(points: pd.DataFrame, labels: Labels) -> str:
    first = [
        f"{term_words(str(row['term']), labels)} {100 * max(0.0, row['share']):.0f} %"
        for row in points.head(4).to_dict("records")
    ]
    residual = points.loc[points["kind"] == "residual", "share"]
    rest = f"; residual {100 * float(residual.iloc[0]):.0f} %" if len(residual) and len(points) > 4 else ""
    return f"Shares of the variation of the test error: {', '.join(first)}{rest}."


def _caption(factors: Factors, bars: int, labels: Labels) -> str:
    terms = int((factors.analysis.table["scale"] == "as measured").sum())
    text = (
        "Share of the variation of the test error between runs that each axis and each pair of axes accounts for beyond "
        "what they add up to (ω², type II, the seed as a block; below zero means none), for these test images. Residual: "
        "what neither the axes, nor their pairs, nor the seed explain. Diamonds and p: of the root of the error."
    )
    if bars < terms:
        text += f" The largest {bars - 1} of {terms - 1} terms."
    return f"{text} {labels.prose(factors.analysis.remark)}".strip()


def _draw(points: pd.DataFrame, labels: Labels) -> Canvas:
    figure = canvas(WIDE, 0.27 * len(points) + 0.9)
    axes = figure.add_subplot()
    for y, row in enumerate(points.to_dict("records")):
        share, root = max(0.0, row["share"]), max(0.0, row["share_of_root"])
        axes.barh(y, share, height=0.68, color=_COLORS[row["kind"]], zorder=2)
        if not math.isnan(row["share_of_root"]):
            diamond: dict[str, Any] = {"markersize": 4.5, "color": PAPER, "markeredgecolor": BLACK}
            axes.plot([root], [y], marker="D", zorder=4, clip_on=False, **diamond)
        p = "" if math.isnan(row["p"]) else f", p {p_text(row['p'])}"
        axes.annotate(
            f"{100 * row['share']:.1f} %{p}".replace("-", "−"), (max(share, root), y), (7, 0), va="center",
            textcoords="offset points", fontsize=SMALL, color=GREY,
        )  # fmt: skip
    axes.set_yticks(range(len(points)), [term_words(str(term), labels) for term in points["term"]], fontsize=SMALL)
    axes.set_ylim(len(points) - 0.4, -0.6)
    axes.set_xlim(0, 1.25 * max(points["share"].max(), points["share_of_root"].max()))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0, pad=7)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %" if value <= 1 else "")
    axes.set_xlabel("share of the variation of the test error between runs (ω²)")
    return figure
