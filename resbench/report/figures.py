"""Figures of a study, test error and training curves: the same bytes for the same data."""

from __future__ import annotations

import io
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from resbench.report.blocks import Image, csv_text
from resbench.report.cost_figures import draw_cost, draw_roofline, draw_tradeoff
from resbench.report.curves import draw_curves
from resbench.report.statistics import groups, show
from resbench.report.study import Study
from resbench.report.styles import Arms, legend

_RC: Any = {
    "svg.hashsalt": "resbench",
    "svg.fonttype": "path",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "axes.axisbelow": True,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
_LOG_FROM = 10  # ratio of the largest to the smallest mean error from which the scale is logarithmic


class Figures:
    """Draws a study.

    Args:
        study: its runs and records.
        frame: what `statistics.cells` returns; the only source of means and intervals.
    """

    def __init__(self, study: Study, frame: pd.DataFrame) -> None:
        self.study = study
        self.frame = frame
        axes = study.axes
        self.x = "model.depth" if "model.depth" in axes else axes[0] if axes else None
        self.arms = Arms(frame, [axis for axis in axes if axis != self.x], study.baseline)

    def save(self, folder: Path, alt: str) -> list[Image]:
        """Write SVG, PNG and CSV of each figure that has something to show.

        Args:
            alt: alternative text of the main figure.
        """
        out = []
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(_RC)
            points = self.error_points()
            if not points.empty:
                caption = self._error_caption(points)
                out.append(_save(folder, "error", _draw_error(points, self), points, alt, caption))
            curves = draw_curves(self.study, self.x, self.arms)
            if curves:
                figure, plotted, caption = curves
                alt = "Training and validation error of each cell by epoch."
                out.append(_save(folder, "curves", figure, plotted, alt, caption))
            traded = draw_tradeoff(self.study, self.arms)
            if traded:
                figure, plotted, caption = traded
                alt = "Test error of each cell against the FLOPs and the seconds of its training."
                out.append(_save(folder, "tradeoff", figure, plotted, alt, caption))
        return out

    def save_cost(self, folder: Path, measured: pd.DataFrame) -> list[Image]:
        """The same for what `resbench bench` measured.

        Args:
            measured: as `cost.cost_frame` returns.
        """
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(_RC)
            out = []
            for name, draw, alt in (
                ("throughput", draw_cost, "Training throughput of each cell."),
                ("roofline", draw_roofline, "Training speed of each cell under the roofline of the machine."),
            ):
                drawn = draw(measured, self.x, self.arms)
                if drawn:
                    figure, plotted, caption = drawn
                    out.append(_save(folder, name, figure, plotted, alt, caption))
            return out

    def error_points(self) -> pd.DataFrame:
        """What the error figure shows, in percent: means with intervals, every seed, every diverged run."""
        rows: list[dict[str, Any]] = []
        cells = self.frame.to_dict("records")
        parts = list(groups(self.study.runs, self.study.axes))
        for cell, (_, part) in zip(cells, parts, strict=True):
            at = {"x": cell[self.x] if self.x else "", "arm": self.arms.of(cell)}
            if not math.isnan(cell["mean"]):
                low, high = 100 * (1 - cell["high"]), 100 * (1 - cell["low"])
                rows.append(
                    at
                    | {
                        "kind": "mean",
                        "seed": "",
                        "error": 100 * (1 - cell["mean"]),
                        "low": low,
                        "high": high,
                    }
                )
            for run in part.to_dict("records"):
                accuracy = run.get("metrics.test_accuracy")
                if run["status"] == "ok" and not pd.isna(accuracy):
                    rows.append(at | {"kind": "seed", "seed": run["seed"], "error": 100 * (1 - float(accuracy))})
                if run["status"] == "diverged":
                    rows.append(at | {"kind": "diverged", "seed": run["seed"]})
        columns = ["x", "arm", "kind", "seed", "error", "low", "high"]
        points = pd.DataFrame(rows, columns=columns)
        points["x"] = pd.Series([row["x"] for row in rows], dtype=object, index=points.index)
        return points

    def _error_caption(self, points: pd.DataFrame) -> str:
        means = points[points["kind"] == "mean"]
        text = "Test error: mean of the seeds (large marker) and each seed (small dot)."
        if means["low"].notna().any():
            text += " Bars are 95 % t intervals over seeds, of each cell for itself."
        if (points["kind"] == "diverged").any():
            text += " Each × at the upper edge is a run that diverged; it is in no mean."
        if _logarithmic(points):
            text += " The scale is logarithmic; bars that reach zero or below end at the lower edge."
        return text


def _logarithmic(points: pd.DataFrame) -> bool:
    errors = points.loc[points["kind"] != "diverged", "error"]
    return bool(len(errors) and errors.min() > 0 and errors.max() / errors.min() > _LOG_FROM)


class _Scale:
    """Positions of the values of x: numbers at their place, anything else side by side."""

    def __init__(self, values: list[Any], arms: int) -> None:
        self.values = list({show(value): value for value in values}.values())
        numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)
        self.numeric = numeric and len(self.values) > 1 and min(self.values) > 0
        if self.numeric:
            self.logarithmic = max(self.values) / min(self.values) > 20
            places = [math.log10(value) if self.logarithmic else float(value) for value in self.values]
        else:
            places = [float(i) for i in range(len(self.values))]
        self.places = dict(zip(map(show, self.values), places, strict=True))
        ordered = sorted(places)
        gaps = [right - left for left, right in pairwise(ordered)]
        self.unit = min(gaps, default=1.0)
        self.step = min((0.3 if self.numeric else 0.75) / max(arms, 1), 0.06 if self.numeric else 0.22) * self.unit

    def at(self, value: object, arm: int, arms: int) -> float:
        """Where an arm is drawn: beside the others, around the value."""
        return self.places[show(value)] + (arm - (arms - 1) / 2) * self.step


def _draw_error(points: pd.DataFrame, figures: Figures) -> Figure:
    arms = figures.arms
    figure = Figure(figsize=(8.5, max(4.6, 0.24 * len(arms.names) + 1)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    scale = _Scale(list(points["x"]), len(arms.names))
    if _logarithmic(points):
        axes.set_yscale("log")
    for number, name in enumerate(arms.names):
        _draw_arm(axes, points[points["arm"] == name], number, arms, scale)
    _limits(axes, points)
    _label(axes, scale, figures.x)
    if len(arms.names) > 1:
        legend(figure, arms, bool(scale.numeric))
    return figure


def _draw_arm(axes: Axes, points: pd.DataFrame, number: int, arms: Arms, scale: _Scale) -> None:
    import seaborn as sns

    style = arms.styles[number]
    count = len(arms.names)
    points = points.assign(place=[scale.at(x, number, count) for x in points["x"]])
    means = points[points["kind"] == "mean"].sort_values("place", kind="stable")
    if len(means) > 1 and scale.numeric:
        sns.lineplot(
            data=means, x="place", y="error", ax=axes, errorbar=None, estimator=None, color=style.color,
            linestyle=style.dash, linewidth=1.6, zorder=2,
        )  # fmt: skip
    bars = means[means["low"].notna()]
    low = bars["low"].clip(lower=1e-9) if axes.get_yscale() == "log" else bars["low"]
    around = [(bars["error"] - low).to_numpy(), (bars["high"] - bars["error"]).to_numpy()]
    axes.errorbar(bars["place"], bars["error"], yerr=around, fmt="none", ecolor=style.color, capsize=3, zorder=3)
    face: Any = {"markerfacecolor": style.color, "markeredgecolor": "white", "markersize": 7}
    axes.plot(means["place"], means["error"], linestyle="", marker=style.marker, zorder=4, **face)
    for kind in ("seed", "diverged"):
        _draw_seeds(axes, points[points["kind"] == kind], kind, style.color, scale.step)


def _draw_seeds(axes: Axes, points: pd.DataFrame, kind: str, color: str, step: float) -> None:
    """Every run at its own offset, which depends on its rank among the seeds and on nothing random."""
    rank = points.groupby("place", sort=False).cumcount()
    size = points.groupby("place", sort=False)["place"].transform("size")
    place = points["place"] + ((rank + 1) / (size + 1) - 0.5) * 0.8 * step
    if kind == "diverged":
        top = [0.97] * len(points)
        axes.scatter(
            place,
            top,
            marker="x",
            s=34,
            c=color,
            linewidths=1.6,
            transform=axes.get_xaxis_transform(),
            zorder=5,
        )
    else:
        axes.scatter(place, points["error"], marker="o", s=13, c=color, edgecolors="white", linewidths=0.6, zorder=5)


def _limits(axes: Axes, points: pd.DataFrame) -> None:
    """Room for everything; on a logarithmic scale a wide interval is cut, or it would flatten the rest."""
    shown = points.loc[points["kind"] != "diverged", "error"]
    if shown.empty:
        axes.set_ylim(0, 100)
        axes.set_yticks([])
        axes.text(0.5, 0.5, "all runs diverged", transform=axes.transAxes, ha="center", color="#57606a")
        return
    low = min(shown.min(), points["low"].min()) if points["low"].notna().any() else shown.min()
    high = max(shown.max(), points["high"].max()) if points["high"].notna().any() else shown.max()
    if axes.get_yscale() == "log":
        axes.set_ylim(max(low, shown.min() / 2) / 1.25, high * 1.5)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        return
    room = 0.08 * (high - low) or max(0.1 * high, 0.1)
    axes.set_ylim(max(low - room, -room if low < 0 else 0), high + 1.6 * room)


def _label(axes: Axes, scale: _Scale, x: str | None) -> None:
    labels = [show(value) for value in scale.values]
    slanted = not scale.numeric and sum(len(text) for text in labels) > 60
    axes.set_xticks(
        list(scale.places.values()),
        labels,
        rotation=25 if slanted else 0,
        ha="right" if slanted else "center",
    )
    places = sorted(scale.places.values())
    axes.set_xlim(places[0] - 0.6 * scale.unit, places[-1] + 0.6 * scale.unit)
    axes.set_xlabel(x or "")
    axes.set_ylabel("test error (%)")


def _save(folder: Path, name: str, figure: Figure, plotted: pd.DataFrame, alt: str, caption: str) -> Image:
    svg = io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    (folder / f"{name}.svg").write_bytes(svg.getvalue())
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=160, metadata={"Software": None})
    (folder / f"{name}.csv").write_text(csv_text(plotted), encoding="utf-8")
    return Image(name, svg.getvalue(), alt, caption, plotted, path.read_bytes())
