"""Sentences on what networks cost to train, as `resbench bench` measured it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from resbench.core.cell import Cell
from resbench.core.text import show
from resbench.report.format import capitalised, number, significant
from resbench.report.labels import Labels, listed
from resbench.report.machines import WHERE, machine_name
from resbench.report.wording.answer.places import is_number

_FLOPS = "flops"
_RATE = "train_images_per_second"
_Row = Mapping[str, Any]


def cost_sentences(costs: pd.DataFrame, axes: Sequence[str], baseline: Cell, labels: Labels) -> list[str]:
    """How the time of an image grows along axes of numbers, and what the rest costs against the baseline.

    The machine that comes first, which the figure shows too, opens; a sentence on each other one follows.

    Args:
        costs: as `cost.cost_frame` returns.
    """
    machines: dict[str, list[_Row]] = {}
    for row in costs.to_dict("records"):
        if row.get(_RATE, 0) > 0:
            named = {str(key): value for key, value in row.items()}
            machines.setdefault(machine_name(*(named[name] for name in WHERE)), []).append(named)
    if not machines:
        return []
    (first, rows), *others = machines.items()
    grown, changes = _growths(rows, axes, labels), _against(rows, axes, baseline, labels)
    out = [f"{capitalised(f'training on an image takes {grown}')}."] if grown else []
    out += [f"{capitalised(change)}." for change in changes]
    return [*out, f"Measured on {first}.", *(_elsewhere(name, one, axes, baseline, labels) for name, one in others)]


def _elsewhere(machine: str, rows: Sequence[_Row], axes: Sequence[str], baseline: Cell, labels: Labels) -> str:
    """The same of another machine, in one sentence."""
    grown, changes = _growths(rows, axes, labels), _against(rows, axes, baseline, labels)
    texts = [f"an image takes {grown}"] if grown else []
    return f"On {machine}: {'; '.join([*texts, *changes])}." if grown or changes else f"Measured on {machine} too."


def _growths(rows: Sequence[_Row], axes: Sequence[str], labels: Labels) -> str:
    return listed([text for axis in axes if (text := _growth(rows, axes, axis, labels))])


def _growth(rows: Sequence[_Row], axes: Sequence[str], axis: str, labels: Labels) -> str:
    """`9 to 15 times as long at 100 layers as at 10`; empty where an axis has no two numbers."""
    values = sorted({row[axis] for row in rows if is_number(row[axis])})
    if len(values) < 2 or not all(is_number(row[axis]) for row in rows):
        return ""
    low, high = values[0], values[-1]
    matched = _matched(rows, [one for one in axes if one != axis], lambda row: row[axis])
    pairs = [(part[low], part[high]) for part in matched if low in part and high in part]
    if not pairs:
        return ""
    text = _times([less[_RATE] / more[_RATE] for less, more in pairs])
    flops = [more.get(_FLOPS, math.nan) / less.get(_FLOPS, math.nan) for less, more in pairs]
    work = "" if any(map(math.isnan, flops)) else f" (for {_times(flops)} times the FLOPs)"
    return f"{text} times as long at {labels.value(axis, high)} as at {labels.short(axis, low)}{work}"


def _times(ratios: Sequence[float]) -> str:
    return _span(significant(min(ratios)), significant(max(ratios)))


def _against(rows: Sequence[_Row], axes: Sequence[str], baseline: Cell, labels: Labels) -> list[str]:
    """What each other value costs against the baseline's, in clauses."""
    paths = [path for path in axes if path in baseline]
    if not paths:
        return []
    base = _key(baseline, paths)
    changes: dict[str, list[float]] = {}
    for part in _matched(rows, [one for one in axes if one not in paths], lambda row: _key(row, paths)):
        for key, row in part.items():
            if base in part and key != base:
                name = " + ".join(labels.value(path, row[path]) for path in paths)
                changes.setdefault(name, []).append(part[base][_RATE] / row[_RATE] - 1)
    versus = " + ".join(labels.value(path, baseline[path]) for path in paths)
    return [_change(name, versus, every) for name, every in changes.items()]


def _change(name: str, versus: str, changes: Sequence[float]) -> str:
    """`with A it takes 17 to 30 % more time than with B`, or that there is no clear cost where some say less."""
    if len(changes) == 1:
        return f"with {name} it takes {_signed(changes[0])} time than with {versus}"
    low, middle, high = _signed(min(changes)), _signed(statistics.median(changes)), _signed(max(changes))
    median = f"median of {len(changes)} comparisons"
    if min(changes) <= 0 <= max(changes):
        return f"there is no clear cost of {name} against {versus} ({median}: {middle}, from {low} to {high} time)"
    return f"with {name} it takes {_range(low, high)} time ({median}: {middle}) than with {versus}"


def _signed(change: float) -> str:
    """`17 % less`, `0 %`."""
    if not round(100 * change):
        return "0 %"
    return f"{number(abs(100 * change))} % {'less' if round(100 * change) < 0 else 'more'}"


def _range(low: str, high: str) -> str:
    """`6 to 24 % more`."""
    return high if low == high else f"{low.split(' ')[0]} to {high}"


def _span(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _matched(rows: Iterable[_Row], rest: Sequence[str], key: Any) -> Iterable[dict[Any, _Row]]:
    """The rows that agree in everything else, by what they differ in."""
    out: dict[tuple[str, ...], dict[Any, _Row]] = {}
    for row in rows:
        out.setdefault(_key(row, rest), {})[key(row)] = row
    return out.values()


def _key(row: Mapping[str, Any], paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(show(row.get(path)) for path in paths)
