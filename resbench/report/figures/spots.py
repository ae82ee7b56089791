"""What the points of figures say of their cell, their run and their value, and which runs of the page they lead to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pandas as pd
from matplotlib.axes import Axes

from resbench.core.text import plural, show
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.marks import Spot, mark
from resbench.report.format import mean_text, number

Values = Mapping[Any, Any]  # axis -> value


def run_spot(evidence: Evidence, cell: Values, seed: object, said: str) -> Spot:
    """A run, which leads to its page."""
    run_id = evidence.run_ids.get((tuple(show(cell[axis]) for axis in evidence.study.axes), show(seed)))
    return Spot(f"{cell_words(evidence, cell)}, seed {show(seed)}\n{said}", f"runs/{run_id}.html" if run_id else "")


def cell_spot(evidence: Evidence, cell: Values, said: str) -> Spot:
    """A cell, which leads to its runs in the table of the page."""
    return Spot(f"{cell_words(evidence, cell)}\n{said}", runs_link(evidence, cell))


def cell_words(evidence: Evidence, cell: Values) -> str:
    return evidence.words(cell, evidence.study.axes) or "the only cell"


def runs_link(evidence: Evidence, values: Values) -> str:
    """The table of runs with those that have these values: its rows hold all of the words."""
    several = [axis for axis in values if axis in evidence.study.axes and len(set(map(show, evidence.frame[axis]))) > 1]
    words = [quote(evidence.labels.value(axis, values[axis]), safe="") for axis in several]
    return f"#runs={'+'.join(words)}" if words else "#runs"


def error_text(error: float, name: str = "test error") -> str:
    """Of a single run."""
    return f"{name} {number(error, '.2f')} %"


def mean_error_text(row: Values, runs: float, name: str = "test error") -> str:
    """Of a cell: its mean and, in the next line, of how many seeds; its interval, where it has one.

    Args:
        row: with `error`, `low` and `high` in percent.
    """
    low, high = (max(float(row[end]), 0.0) if row[end] == row[end] else row[end] for end in ("low", "high"))
    seeds = f"mean of {plural(int(runs), 'seed')}" if runs > 1 else "one seed"
    interval = ", 95 % interval" if low == low else ""
    return f"{name} {mean_text(float(row['error']), low, high)} %\n{seeds}{interval}"


def known_spot(evidence: Evidence, row: Values, more: str = "") -> Spot:
    """A cell with its error and the runs of it that did not train.

    Args:
        row: of `Evidence.frame`.
        more: lines that follow.
    """
    lines = []
    if row["mean"] == row["mean"]:
        limits = ("low", "high") if row["low"] == row["low"] else ("seed_low", "seed_high")
        high, low = (100 * (1 - row[name]) for name in limits)
        lines.append(mean_error_text({"error": 100 * (1 - row["mean"]), "low": low, "high": high}, row["seeds_ok"]))
    if row["untrained"]:
        lines.append(f"{row['untrained']} of {plural(int(row['seeds_done']), 'run')} did not train")
    return cell_spot(evidence, row, "\n".join([*lines, *filter(None, [more])]) or "no result")


def mark_points(axes: Axes, points: pd.DataFrame, x: str, y: str) -> None:
    """Say what each of these points stands for, as its column `spot` has it.

    Args:
        x, y: columns of its place.
    """
    known = points[points[[x, y]].notna().all(axis=1)]
    for left, up, spot in zip(known[x], known[y], known["spot"], strict=True):
        mark(axes, float(left), float(up), spot)
