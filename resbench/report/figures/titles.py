"""What the figure of test errors shows, in a line that its numbers bear out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from resbench.core.text import show
from resbench.report.figures.drawing import value_text
from resbench.report.figures.evidence import Evidence
from resbench.report.planning import MIN_SEEDS

_LEARNED = 50.0  # percent of errors, of 90 by guessing, beyond which a network has hardly learned
_GUESSES = 81.0  # and beyond which it does no better than guessing, to a tenth


def by_number(evidence: Evidence, points: pd.DataFrame) -> str:
    """At the largest x: the baseline's arm against the best of the others."""
    last = max(evidence.frame[evidence.x], key=float)
    where = evidence.labels.value(str(evidence.x), last)
    here = {row["arm"]: row for row in _rows_at(points, last)}
    orange = next((name for name in evidence.arms.names if _is_baseline(evidence, name, last)), None)
    others = {name: row for name, row in here.items() if name != orange and row["kind"] == "mean"}
    near = {name: row for name, row in others.items() if orange and _is_near(evidence, name, orange)} or others
    best = min(near, key=lambda name: float(near[name]["error"])) if near else None
    words = evidence.arms.words
    if best is None:
        return f"With {where}, no run trained" if orange is None else _range(points)
    found = f"{value_text(others[best]['error'])} %"
    if orange is None or orange not in here:
        return _range(points)
    if not has_learned(evidence, here[orange]):
        if few := _few_runs(evidence, here[orange], where, words[orange]):
            return few
        verb = "hardly" if _is_below(evidence, here[orange], _GUESSES) else "do not"
        return f"With {where} and {words[orange]}, networks {verb} learn; with {words[best]} they make {found} errors"
    theirs = value_text(here[orange]["error"])
    relation = _relation(evidence, best, last)
    if not relation:
        return f"With {where}, no clear difference between {words[best]} and {words[orange]}: {found} and {theirs} %"
    return f"With {where}, networks with {words[best]} make {relation} errors than with {words[orange]}: {found} against {theirs} %"


def by_row(evidence: Evidence, points: pd.DataFrame, rows: Sequence[int]) -> str:
    """How many cells reach the target; else by how much one of two colours is lower, if it is so in all rows; else the range.

    Args:
        rows: of each cell.
    """
    means = points[points["kind"] == "mean"]
    if means.empty:
        return "No run trained"
    if target := evidence.study.target:
        error = round(100 * (1 - target.test_accuracy), 6)
        count = int((means["error"] <= error).sum())
        return f"{count} of {len(rows)} cells have a mean error within the target of {error:g} %"
    values = dict(zip(means["cell"], means["error"], strict=True))
    color = (
        [show(cell[evidence.colors.axis]) for cell in evidence.frame.to_dict("records")] if evidence.colors.axis else []
    )
    names = list(dict.fromkeys(color))
    pairs: dict[int, dict[str, float]] = {}
    for cell, error in values.items():
        if color:
            pairs.setdefault(rows[cell], {})[color[cell]] = float(error)
    whole = [pair for pair in pairs.values() if len(names) == 2 and len(pair) == 2]
    if len(whole) < 2:
        return _range(points, evidence)
    first, second = names
    fewer = sum(pair[first] < pair[second] for pair in whole)
    if fewer == 0:
        first, second, fewer = second, first, sum(pair[second] < pair[first] for pair in whole)
    if fewer < len(whole):
        return _range(points, evidence)
    axis = str(evidence.colors.axis)
    ours, theirs = (evidence.labels.value(axis, name) for name in (first, second))
    gains = sorted(pair[second] - pair[first] for pair in whole)
    by = f"by {value_text(gains[0])} to {value_text(gains[-1])} points"
    where = "both" if len(whole) == 2 else f"all {len(whole)}"
    return f"Lower mean error with {ours} than with {theirs} in {where} settings, {by}"


def has_learned(evidence: Evidence, row: Mapping[Any, Any]) -> bool:
    """Whether a cell's networks are better than half-way to guessing."""
    return _is_below(evidence, row, _LEARNED)


def _is_below(evidence: Evidence, row: Mapping[Any, Any], percent: float) -> bool:
    """Whether a cell has trained and makes fewer errors than this, scaled to what guessing makes here."""
    limit = percent / 90 * evidence.chance if evidence.chance == evidence.chance else percent
    return row["kind"] == "mean" and float(row["error"]) < limit


def _rows_at(points: pd.DataFrame, x: Any) -> list[Mapping[Any, Any]]:
    """The mean of each arm at a value of x, or that its runs did not train."""
    part = points[[show(value) == show(x) for value in points["x"]]]
    untrained = part[part["kind"] == "untrained"]
    return [*untrained.to_dict("records"), *part[part["kind"] == "mean"].to_dict("records")]


def _is_baseline(evidence: Evidence, name: str, x: Any) -> bool:
    fixed = {axis: value for axis, value in evidence.study.baseline.items() if axis != evidence.x}
    return bool(fixed) and any(
        evidence.arms.name(cell) == name and all(show(cell[axis]) == show(value) for axis, value in fixed.items())
        for cell in evidence.frame.to_dict("records")
        if show(cell[evidence.x]) == show(x)
    )


def _is_near(evidence: Evidence, arm: str, other: str) -> bool:
    """Whether two arms differ in the axis with colours alone."""
    axes = [axis for axis in evidence.arms.axes if axis != evidence.colors.axis and axis not in evidence.along]
    settings: dict[str, set[tuple[str, ...]]] = {arm: set(), other: set()}
    for cell in evidence.frame.to_dict("records"):
        name = evidence.arms.name(cell)
        if name in settings:
            settings[name].add(tuple(show(cell[axis]) for axis in axes))
    return settings[arm] == settings[other]


def _few_runs(evidence: Evidence, row: Mapping[Any, Any], where: str, arm: str) -> str:
    """What became of an arm that has fewer runs than a verdict takes; empty if it has as many."""
    runs = int(row["runs"])
    if runs >= MIN_SEEDS:
        return ""
    verb = "hardly learned" if _is_below(evidence, row, _GUESSES) else "did not learn"
    return f"The {'one run' if runs == 1 else f'{runs} runs'} so far with {where} and {arm} {verb}"


def _relation(evidence: Evidence, arm: str, x: Any) -> str:
    """`fewer` or `more`, as the interval of the difference says; empty where it reaches zero."""
    for pair in evidence.compared.to_dict("records"):
        if evidence.arms.name(pair) == arm and show(pair[evidence.x]) == show(x) and pair["contrast"] is not None:
            lead = pair["contrast"].interval
            if lead.high < 0:
                return "fewer"
            if lead.low > 0:
                return "more"
    return ""


def _range(points: pd.DataFrame, evidence: Evidence | None = None) -> str:
    """From the lowest to the highest mean."""
    means = points[points["kind"] == "mean"].sort_values("error", kind="stable")
    if means.empty:
        return "No run trained"
    whole = means[~means["cell"].isin(points.loc[points["kind"] == "untrained", "cell"])]
    where = " where all runs trained" if 1 < len(whole) < len(means) else ""
    means = whole if where else means  # a mean of those that were left over says little of the others
    low, high = means.iloc[0], means.iloc[-1]
    if evidence is None or len(means) < 2:
        return (
            f"Mean test error from {value_text(low['error'])} to {value_text(high['error'])} %{where}"
            if len(means) > 1
            else f"Mean test error {value_text(low['error'])} %"
        )
    cells = evidence.frame.to_dict("records")
    names = [
        evidence.words(cells[int(row["cell"])], named_axes(evidence, cells[int(row["cell"])])) for row in (low, high)
    ]
    ends = [f"{value_text(row['error'])} % ({name})" for row, name in zip((low, high), names, strict=True)]
    return f"Mean test error from {ends[0]} to {ends[1]}{where}"


def named_axes(evidence: Evidence, cell: Mapping[Any, Any]) -> list[str]:
    """The axes that a cell is named by: of many, the first and those whose values are not the baseline's."""
    axes, baseline = evidence.study.axes, evidence.study.baseline
    if len(axes) < 3 or not baseline:
        return list(axes)
    kept = (evidence.colors.axis, *[axis for axis in axes if axis not in baseline])
    return [axis for axis in axes if axis in kept or show(cell[axis]) != show(baseline.get(axis))]
