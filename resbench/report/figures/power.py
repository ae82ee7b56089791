"""What the study could have found: smallest difference against seeds."""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes

from resbench.report.figures.drawing import GREY, NARROW, SIZE, SMALL, WIDE, Canvas, canvas, logarithmic, wrapped
from resbench.report.figures.end_labels import label_ends
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.styles import BLUE, ORANGE
from resbench.report.format import significant
from resbench.report.statistics.power import POWER
from resbench.report.tables.power import Plan, power_points, typical_plan

# two targets, not two arms
_CURVES = (("these images", BLUE, "--"), ("new images", ORANGE, "-"))
_LEVELS = (("floor", "floor of the images", ":"), ("margin", "margin", "-."))


def figure(evidence: Evidence) -> Figure | None:
    """Of the comparison with the median noise; None where every claim is settled, or no noise is known."""
    if not any(one.state == "inconclusive" for verdict in evidence.verdicts for one in verdict.contrasts):
        return None
    plan = typical_plan(evidence.verdicts, evidence.compared)
    if plan is None:
        return None
    points = power_points(plan)
    here = points[points["target"] == "these images"]
    few, many = here.iloc[0], here.iloc[-1]
    alt = (
        f"The smallest difference that is found on these images falls from {significant(few['difference'])} points with "
        f"{few['seeds']:.0f} seeds to {significant(many['difference'])} with {many['seeds']:.0f}."
    )
    now = here[here["seeds"] == plan.contrast.seeds]
    title = "What more seeds can detect"
    if len(now):
        title = (
            f"{plan.contrast.seeds} seeds can detect {significant(now['difference'].iloc[0])} points on these images"
        )
    draws = [partial(_draw, plan, points, narrow) for narrow in (False, True)]
    return Figure("power", points, draws[0], _caption(plan), alt, title, draws[1])


def _draw(plan: Plan, points: pd.DataFrame, narrow: bool) -> Canvas:
    figure = canvas(NARROW if narrow else WIDE, 3.8)
    axes = figure.add_subplot()
    ends = []
    for target, color, dash in _CURVES:
        line = points[points["target"] == target]
        if line["difference"].notna().any():
            axes.plot(line["seeds"], line["difference"], color=color, linestyle=dash, linewidth=1.8)
            ends.append((float(line["difference"].iloc[-1]), f"on {target}", color))
    for target, label, dash in _LEVELS:
        for value in points.loc[points["target"] == target, "difference"]:
            axes.axhline(value, color=GREY, linestyle=dash, linewidth=1.2)
            ends.append((value, f"{label}: {significant(value)}", GREY))
    axes.set_ylim(min(end[0] for end in ends) / 1.4, float(points["difference"].max()) * 1.15)
    axes.set_xlim(points["seeds"].min(), points["seeds"].max())
    logarithmic(axes)
    _mark_seeds(axes, plan.contrast.seeds)
    label_ends(axes, ends, 0.1 if narrow else 0.045, inches=0.95 if narrow else 2.2, lines=2)
    axes.set_xlabel("shared seeds per arm")
    axes.set_ylabel(f"smallest {'margin shown' if plan.against_margin else 'difference found'} (points)")
    lines = wrapped(f"{plan.label} ({plan.metric.words})", NARROW - 1.2 if narrow else 6.5, SIZE, 3 if narrow else 1)
    axes.set_title("\n".join(lines), fontsize=SIZE, loc="left")
    return figure


def _mark_seeds(axes: Axes, seeds: int) -> None:
    """A line at the seeds so far."""
    low, high = axes.get_xlim()
    if low <= seeds <= high:
        axes.axvline(seeds, color=GREY, linewidth=1)
        right = seeds < (low + high) / 2
        axes.annotate(
            f"{seeds} seeds so far", (seeds, 1), (4 if right else -4, -2), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="left" if right else "right", va="top", fontsize=SMALL, color=GREY,
        )  # fmt: skip


def _caption(plan: Plan) -> str:
    contrast, power = plan.contrast, f"with a power of {100 * POWER:.0f} %"
    if plan.against_margin:
        text = f"Smallest margin within which a number of seeds shows, {power}, that there is no difference if there is none"
        test = f"one-sided at {plan.levels.alpha / 2:.2g}"
    else:
        text = f"Smallest true difference that a number of seeds finds {power}"
        test = f"two-sided at {plan.levels.alpha:.2g}"
    text += f", for these {contrast.images:,} test images and for new ones" if contrast.images else ""
    text += (
        f", of the comparison with the median noise between seeds ({contrast.seeds} seeds: SD {significant(100 * contrast.sd)} points, "
        f"of which the upper bound at 80 % counts), {test}."
    )
    if contrast.components is not None:
        text += " Floor: what remains for new images however many seeds are run, because the images are a sample too."
    return text
