"""Test error against depth: means with intervals, every seed, and above them the runs that did not train."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pandas as pd

from resbench.report.figures.drawing import is_steep, objects, value_text
from resbench.report.figures.error_lines import draw_by_number
from resbench.report.figures.error_rows import MOST_CELLS, draw_rows, rows_of
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.scale import is_numeric
from resbench.report.figures.titles import by_number, by_row
from resbench.report.figures.trends import trend
from resbench.report.outcomes import measured

_COLUMNS = (
    "cell",
    "x",
    "arm",
    "group",
    "kind",
    "seed",
    "error",
    "low",
    "high",
    "untrained",
    "diverged",
    "collapsed",
    "runs",
)
_NUMBERS = ("error", "low", "high", "untrained", "diverged", "collapsed", "runs")
_MOST_SAID = 4  # lines of an alternative text


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None if nothing ran."""
    points = error_points(evidence)
    if points.empty:
        return None
    if in_rows(evidence):
        rows = rows_of(evidence)
        title = by_row(evidence, points, rows.of)
        draws = [partial(draw_rows, evidence, points, rows, narrow) for narrow in (False, True)]
    else:
        title = by_number(evidence, points) if _is_numeric(evidence) else "Test error of each cell"
        draws = [partial(draw_by_number, evidence, points, narrow) for narrow in (False, True)]
    return Figure("error", points, draws[0], _caption(evidence, points), _alt(evidence, points), title, draws[1])


def in_rows(evidence: Evidence) -> bool:
    """Whether each setting has a row: no number orders the cells, or its lines would have single points."""
    if len(evidence.frame) > MOST_CELLS:
        return False
    return not _is_numeric(evidence) or (not evidence.arms.many and len(evidence.frame) < 2 * len(evidence.arms.names))


def _is_numeric(evidence: Evidence) -> bool:
    """Whether x is a number with several values."""
    values = list(evidence.frame[evidence.x]) if evidence.x else []
    return is_numeric(values) and len(set(values)) > 1 and min(values) > 0


def _alt(evidence: Evidence, points: pd.DataFrame) -> str:
    """Where the means of each arm go along x; without x, the lowest and the highest."""
    means = points[points["kind"] == "mean"]
    cells = evidence.frame.to_dict("records")
    if means.empty:
        return "Test error: no run trained."
    if in_rows(evidence) or not _is_numeric(evidence):
        ordered = means.sort_values("error", kind="stable")
        texts = [f"{value_text(error)} % with {evidence.words(cells[i], evidence.study.axes) or 'the only cell'}"
                 for i, error in zip(ordered["cell"], ordered["error"], strict=True)]  # fmt: skip
        if len(texts) <= _MOST_SAID:
            return f"Mean test errors from the lowest: {', '.join(texts)}."
        return f"The mean test errors of {len(texts)} cells lie between {texts[0]} and {texts[-1]}."
    lines = []
    for arm, line in means.assign(x=means["x"].astype(float)).sort_values("x").groupby("arm", sort=False):
        places = [f" at {evidence.labels.short(str(evidence.x), x)}" for x in line["x"]]
        lines.append(f"with {evidence.arms.words[str(arm)]} it {trend(list(line['error']), places, ' %')}")
    text = f"Mean test error by {evidence.labels.name(str(evidence.x))}: {'; '.join(lines[:_MOST_SAID])}"
    text += f"; and {len(lines) - _MOST_SAID} more lines." if len(lines) > _MOST_SAID else "."
    return f"{text}{_lost(evidence, points)}"


def _lost(evidence: Evidence, points: pd.DataFrame) -> str:
    """Where runs did not train."""
    rows = points[points["kind"] == "untrained"].to_dict("records")
    texts = [
        f"{row['untrained']:.0f} of {row['runs']:.0f} with {evidence.arms.words[row['arm']]} at "
        f"{evidence.labels.short(str(evidence.x), row['x'])}"
        for row in rows[:_MOST_SAID]
    ]
    return f" Runs did not train: {', '.join(texts)}{', …' if len(rows) > _MOST_SAID else ''}." if texts else ""


def error_points(evidence: Evidence) -> pd.DataFrame:
    """What the figure shows, in percent: kind `mean` with an interval, `seed`, and `untrained` with its counts."""
    study, frame, x = evidence.study, evidence.frame, evidence.x
    rows: list[dict[str, Any]] = []
    low, high = ("low", "high") if frame["low"].notna().any() else ("seed_low", "seed_high")
    for number, (cell, (_, _, part)) in enumerate(zip(frame.to_dict("records"), study.cells, strict=True)):
        at = {
            "cell": number,
            "x": cell[x] if x else "",
            "arm": evidence.arms.name(cell),
            "group": evidence.hues.name(cell),
        }
        if not math.isnan(cell["mean"]):
            limits = {"low": 100 * (1 - cell[high]), "high": 100 * (1 - cell[low])}
            rows.append(
                at | {"kind": "mean", "error": round(100 * (1 - cell["mean"]), 10), "runs": cell["seeds_ok"]} | limits
            )
        for run in measured(part).to_dict("records"):
            if not pd.isna(accuracy := run.get("metrics.test_accuracy")):
                rows.append(at | {"kind": "seed", "seed": run["seed"], "error": round(100 * (1 - float(accuracy)), 10)})
        if cell["untrained"]:
            counts = {name: cell[name] for name in ("untrained", "diverged", "collapsed")}
            rows.append(at | {"kind": "untrained", "runs": cell["seeds_done"]} | counts)
    points = objects(rows, _COLUMNS)
    for name in _NUMBERS:
        points[name] = pd.to_numeric(points[name], errors="coerce")
    points["x"] = pd.Series([row["x"] for row in rows], dtype=object, index=points.index)
    return points


def _caption(evidence: Evidence, points: pd.DataFrame) -> str:
    means = points[points["kind"] == "mean"]
    if evidence.arms.many:
        text = (
            f"Test error: mean of the seeds, a line for each of the {len(evidence.arms.names)} combinations of the other "
            f"axes, coloured by {', '.join(evidence.hues.axes)}. Intervals are in the table of cells."
        )
    else:
        text = f"Test error: mean of the seeds (large marker) and each seed (small {'tick' if in_rows(evidence) else 'dot'})."
        if means["low"].notna().any():
            new_images = bool(evidence.frame["low"].notna().any())
            target = (
                "new images (crossed over seeds and images" if new_images else "these images (Student's t over seeds"
            )
            text += f" Bars: 95 % interval for {target}), of each cell for itself."
            text += " Of a single network it is Wilson's." if new_images and (means["runs"] == 1).any() else ""
    if points["kind"].eq("untrained").any():
        text += (
            " ×: how many of the runs did not train (they diverged or collapsed). Means leave them out, except where all "
            "runs of a cell collapsed."
        )
    if is_steep(points["error"]):
        text += " The scale is logarithmic; bars that reach zero or below end at the lower edge."
    if not in_rows(evidence) and _is_numeric(evidence) and len(evidence.arms.names) > 1 and not evidence.arms.many:
        text += " Points of one value are moved a little to either side, so that they do not cover each other."
    if along := evidence.along:
        text += f" With {evidence.labels.name(str(evidence.x))} {'changes' if len(along) == 1 else 'change'} {' and '.join(map(evidence.labels.name, along))}."
    return text
