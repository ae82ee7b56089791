"""Which runs may be compared: those on the same data, whose values are all known; and what else tells two arms apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from resbench.core.text import show
from resbench.records.circumstances import CIRCUMSTANCES, DATA, Circumstance, counts, mixture
from resbench.records.metrics import Metric
from resbench.records.record import Record
from resbench.report.arms import Arm, metric_values
from resbench.report.format import capitalised
from resbench.report.study import Study


class Explanation(NamedTuple):
    """Another explanation of a difference than the arms.

    Attributes:
        names: of the circumstances that all runs of the one arm share with none of the other.
        text: a clause that says so; empty if there are none.
    """

    names: Sequence[str]
    text: str


NO_OTHER = Explanation((), "")


def why_not_comparable(study: Study, ours: Arm, theirs: Arm, metric: Metric) -> str:
    """Why no verdict is due between two arms, in a clause, or nothing: other data, or values that are missing."""
    if metric.exact:
        return ""
    return _other_data(study, ours, theirs) or _missing(study, ours, theirs, metric)


def _other_data(study: Study, ours: Arm, theirs: Arm) -> str:
    """That the runs of two arms were not all trained and tested on the same images."""
    records = list(_labelled(study, ours, theirs))
    clauses = [f"different {one.name}: {counts(values)}" for one in DATA for values in mixture(one, records).values()]
    return f"{', and '.join(clauses)}; the arms are not compared" if clauses else ""


def _labelled(study: Study, ours: Arm, theirs: Arm) -> Iterable[tuple[str, Record]]:
    """The records of two arms that ended well, each with the name of its arm."""
    for name, arm in zip(study.labels.pair(ours.cell, theirs.cell), (ours, theirs), strict=True):
        yield from ((name, study.by_id[run_id]) for run_id in arm.ids)


def _missing(study: Study, ours: Arm, theirs: Arm, metric: Metric) -> str:
    """That some runs of an arm have no value of a metric where others do."""
    name, parts, known = metric.compared_as or metric.name, [], True
    for words, arm in zip(study.labels.pair(ours.cell, theirs.cell), (ours, theirs), strict=True):
        values = metric_values(study, list(arm.runs_of(metric).values()), name)
        lost = sum(map(math.isnan, values))
        infinite = sum(map(math.isinf, values))
        known = known and lost < len(values)
        parts += [f"{lost} of {len(values)} runs of {words} have no value"] if lost else []
        parts += [f"it is infinite in {infinite} of {len(values)} runs of {words}"] if infinite else []
    if not known or not parts:  # an arm without any value has nothing to compare
        return ""
    return f"{metric.words}: {', '.join(parts)}; means of the others would be of a selection and are not compared"


def other_explanation(study: Study, ours: Arm, theirs: Arm) -> Explanation:
    """The circumstances, other than data, of which no value is shared by two arms, though their settings do not say so."""
    arms = [[study.by_id[run_id] for run_id in arm.results] for arm in (ours, theirs)]
    found = [
        (one.name, [" or ".join(sorted(values)) for values in sides])
        for one in CIRCUMSTANCES
        if not one.data and (sides := _apart(one, *arms))
    ]
    if not found:
        return NO_OTHER
    here, there = (", ".join(f"{name} {values[i]}" for name, values in found) for i in (0, 1))
    left, right = study.labels.pair(ours.cell, theirs.cell)
    text = f"but every run of {left} was trained with {here}, and every run of {right} with {there}"
    return Explanation([name for name, _ in found], f"{text}, which may be the reason for the difference")


def _apart(one: Circumstance, ours: Sequence[Record], theirs: Sequence[Record]) -> list[set[str]]:
    """The values of a circumstance on either side, if they have none in common; else an empty list."""
    if {one.settings(record) for record in ours} != {one.settings(record) for record in theirs}:
        return []
    sides = [{value for record in side if (value := one.value(record)) is not None} for side in (ours, theirs)]
    return sides if all(sides) and not sides[0] & sides[1] else []


def data_note(study: Study, runs: pd.DataFrame | None = None) -> str:
    """Which cells have which data, in a clause; empty if runs that were meant to have the same data have them.

    Args:
        runs: rows of the study; only of data that they were meant to have.
    """
    if not study.mixed_data:
        return ""
    records = None if runs is None else [study.by_id[run_id] for run_id in runs["id"] if run_id in study.by_id]
    clauses = [
        f"different {one.name}: {counts(values)}"
        for one, mixed in study.mixed_data
        for settings, values in mixed.items()
        if records is None or settings in {one.settings(record) for record in records}
    ]
    return f"runs have {', and '.join(clauses)}" if clauses else ""


def mixed_notes(study: Study) -> list[str]:
    """A sentence for each circumstance of which the records have several values that no setting explains."""
    out = []
    if data := data_note(study):
        out.append(f"{capitalised(data)}; no verdict is given between them.")
    for one in CIRCUMSTANCES:
        if one.data or one.path == "dirty":  # changes that were not committed have a note of their own
            continue
        mixed = mixture(one, ((record.id, record) for record in study.records))
        if mixed:
            totals = {value: 0 for value in sorted({value for values in mixed.values() for value in values})}
            for values in mixed.values():
                for value, labels in values.items():
                    totals[value] += labels.total()
            shown = ", ".join(f"{value} ({count})" for value, count in totals.items())
            out.append(f"The records come from different {one.plural}: {shown}.{_follows(study, one)}")
    return out


def _follows(study: Study, one: Circumstance) -> str:
    """Which axes a circumstance follows: no two values of the axis share a value of it."""
    out = ""
    for axis in study.axes:
        by_value: dict[str, list[Record]] = {}
        for _, cell, runs in study.cells:
            records = [study.by_id[run_id] for run_id in runs["id"] if run_id in study.by_id]
            by_value.setdefault(show(cell[axis]), []).extend(records)
        sides = {text: records for text, records in by_value.items() if records}
        if len(sides) > 1 and all(_apart(one, a, b) for a, b in itertools.combinations(sides.values(), 2)):
            values = {text: sorted({one.value(record) or "" for record in records}) for text, records in sides.items()}
            labels = study.labels
            shown = ", ".join(f"{labels.entry(axis, text)}: {' or '.join(known)}" for text, known in values.items())
            out += f" They differ with the {labels.name(axis)} ({shown}), which may be the reason for its differences."
    return out
