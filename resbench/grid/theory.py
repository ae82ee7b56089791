"""The `theory:` of a grid file: numbers that a theory predicts of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resbench.core.cell import Cell
from resbench.core.config import suggestion
from resbench.grid.source import Source
from resbench.records.metrics import METRICS
from resbench.records.theory import EXPECTED, LAWS, LEAST_POINTS, OF_ERRORS, STATISTICS, Prediction

_REQUIRED = [name for name, field in Prediction.model_fields.items() if field.is_required()]
_OPTIONAL = [name for name in Prediction.model_fields if name not in _REQUIRED]
_ALLOWED = {"expect": EXPECTED, "of": STATISTICS}


def read_theory(source: Source, rows: Any, probes: Sequence[str] = ()) -> list[Prediction]:
    """The predictions of a file; every mistake goes to the source.

    Args:
        probes: what is measured.
    """
    if not isinstance(rows, list):
        line = source.document.line("theory")
        source.wrong(line, f"theory: {rows!r} should be a list of {{{', '.join(_REQUIRED)}}}")
        return []
    read = (_prediction(source, row, index, probes) for index, row in enumerate(rows))
    return [row for row in read if row]


def _prediction(source: Source, row: Any, index: int, probes: Sequence[str]) -> Prediction | None:
    line, before = source.document.line("theory", index), len(source.mistakes)
    if not isinstance(row, dict) or not set(_REQUIRED) <= set(row) <= set(Prediction.model_fields):
        text = f"each row has the keys {', '.join(_REQUIRED)}, and may have {', '.join(_OPTIONAL)}"
        source.wrong(line, f"theory: {text}")
        return None
    for text in _mistakes(row, probes):
        source.wrong(line, f"theory: {text}")
    at = source.values(row["at"], "theory", index, "at")
    return None if len(source.mistakes) > before else Prediction(**{**row, "at": at})


def _mistakes(row: dict[str, Any], probes: Sequence[str]) -> list[str]:
    """What is wrong with the entries of a row, but for `at`."""
    out = [
        f"{key}: {row[key]!r} should be text"
        for key in ("says", "source", "formula", "differs")
        if not isinstance(row.get(key, ""), str)
    ]
    out += [
        f"{key}: {row[key]!r} is not one of {', '.join(allowed)}"
        for key, allowed in _ALLOWED.items()
        if key in row and row[key] not in allowed
    ]
    on = row["on"]
    metric = METRICS.get(on) if isinstance(on, str) else None
    if metric is None:
        out.append(f"on: {on!r} is not one of {', '.join(METRICS)}{suggestion(on, METRICS)}")
    elif metric.probe and metric.probe not in probes:
        out.append(f"on: {on} is measured by the probe {metric.probe}: add it, as in `probes: [{metric.probe}]`")
    for key in ("value", "margin"):
        if type(row[key]) not in (int, float) or not abs(row[key]) < 1e300 or (key == "margin" and row[key] < 0):
            out.append(f"{key}: {row[key]!r} should be a number{' from 0' if key == 'margin' else ''}")
    along = row.get("along", {})
    if not isinstance(along, dict) or len(along) > 1 or not set(map(str, along.values())) <= set(LAWS):
        out.append(f"along: {along!r} should be an axis and its law, {' or '.join(LAWS)}, as in {{model.depth: power}}")
    elif metric and row.get("of") == "deviation" and (along or not metric.by_image):
        out.append(f"of: {OF_ERRORS}")
    return out


def check_laws(source: Source, rows: Sequence[Prediction], cells: Sequence[Cell], narrowed: bool = False) -> None:
    """An axis along which a law is predicted has enough numbers; `at` says nothing of it.

    Args:
        narrowed: whether the command line may have taken cells away.
    """
    for index, row in enumerate(rows):
        for axis in row.along:
            values = dict.fromkeys(cell.get(axis) for cell in cells)
            numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
            text = ""
            if axis in row.at:
                text = f"{axis} stands in at as well: a law takes all its values"
            elif not cells or axis not in cells[0]:
                text = f"{axis} is not an axis of this grid"
            elif not narrowed and (len(numbers) < LEAST_POINTS or len(numbers) < len(values) or min(numbers) <= 0):
                text = (
                    f"a law takes {LEAST_POINTS} numbers above 0 or more, and {axis} is {', '.join(map(str, values))}"
                )
            if text:
                source.wrong(source.document.line("theory", index), f"theory: along: {text}")
