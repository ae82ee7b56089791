"""One run: its settings, what differs from the baseline, how it went, and why it failed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from resbench.core.cell import Value, contains
from resbench.core.config import suggestion
from resbench.core.errors import UserError
from resbench.core.sparkline import sparkline
from resbench.core.text import duration, plural, show
from resbench.records.record import Record, Row
from resbench.records.run_states import BEGUN, RUNNING, RunState, StateReader, StudyState
from resbench.records.store import Store
from resbench.records.time_left import run_seconds_left
from resbench.report.document import Block, Code, Heading, Paragraph, Table
from resbench.report.format import DASH, significant
from resbench.report.live_view import result_text, run_text
from resbench.report.shown import Shown

_MOST_ROWS = 10  # of the history
_MOST_NAMED = 5
_CURVE = 40  # characters


def show_run(results: Path, study: str, beginning: str) -> Shown:
    """A run of a study.

    Args:
        beginning: of its id.

    Raises:
        UserError: there is no such study or run, or several runs are meant.
    """
    store = Store(results / study)
    state = StateReader(store).read()
    run = find_run(study, state, beginning)
    title = f"run {run.id} of {study}: {run_text(run)}: {run.state}"
    blocks: list[Block] = [Paragraph(title), *_where(store, run)]
    if run.record:
        record = run.record.sanitised()
        baseline = state.file.baseline if state.file else {}
        blocks += [*_error(record), *_history(record), Heading("Settings"), _settings(record, baseline)]
    return Shown(f"run {run.id}", blocks)


def find_run(study: str, state: StudyState, beginning: str) -> RunState:
    """The run whose id begins so.

    Raises:
        UserError: there is none, or several.
    """
    found = [run for run in state.runs if run.id.startswith(beginning.lower())]
    if len(found) == 1:
        return found[0]
    if not found:
        hint = suggestion(beginning, [run.id for run in state.runs])
        raise UserError(f"{study} {beginning}: no run of it has such an id{hint}: resbench ls runs {study} lists them")
    named = ", ".join(run.id for run in found[:_MOST_NAMED]) + (", ..." if len(found) > _MOST_NAMED else "")
    raise UserError(f"{study} {beginning}: {plural(len(found), 'run')} begin so: {named}: give more digits")


def _where(store: Store, run: RunState) -> list[Block]:
    """What became of the run, and where that is recorded."""
    if run.state == RUNNING and run.holder:
        left = run_seconds_left(run, time.time())
        rest = "" if left is None else f", about {duration(left)} left"
        lines = [
            f"epoch {run.holder.epochs:.1f} of {run.holder.total}, process {run.holder.pid} on {run.holder.host}{rest}"
        ]
    elif run.state == BEGUN:
        lines = [f"{plural(run.saved.epoch, 'epoch')} in {store.checkpoint(run.id)}"]
    elif run.record:
        lines = [result_text(run.record), f"record: {store.path(run.id)}", _provenance(run.record)]
    else:
        lines = ["no record yet"]
    if not run.record and run.saved.losses:
        lines.append(f"training loss {sparkline(run.saved.losses, _CURVE)} {run.saved.losses[-1]:.3g}")
    return [Paragraph(line) for line in lines]


def _provenance(record: Record) -> str:
    """`on cpu with 4 threads in fp32, code 0b42e18c9d, weights 55581befb96a`."""
    facts = record.provenance
    code = facts.text("revision")[:17] or "unknown"
    changed = " (changed)" if facts.facts.get("dirty") else ""
    weights = f", weights {record.weights_sha256[:12]}" if record.weights_sha256 else ""
    return (
        f"on {facts.device} with {plural(facts.threads, 'thread')} in {facts.precision}, code {code}{changed}{weights}"
    )


def _error(record: Record) -> list[Block]:
    """Why the run failed or diverged, with its traceback."""
    if not record.error:
        return []
    details = [f"{key}: {show(value)}" for key, value in record.error.details.items() if key != "traceback"]
    lines = [f"{record.error.kind}: {record.error.message}", *details]
    trace = record.error.details.get("traceback")
    text = [str(trace).rstrip()] if trace else lines
    return [Heading("Error"), *(Code(part) for part in text)]


def _history(record: Record) -> list[Block]:
    """Some epochs in numbers, and the whole curve of each loss."""
    if not record.history:
        return []
    names = list(dict.fromkeys(name for row in record.history for name in row))
    head = [name.replace("_", " ") for name in names]
    rows = [[_number(name, row.get(name)) for name in names] for row in _some(record.history)]
    blocks: list[Block] = [Heading("History"), Table(head, rows)]
    for name in ("train_loss", "val_loss"):
        values = [value for row in record.history if (value := row.get(name)) is not None]
        if len(values) > 1:
            text = f"{name.replace('_', ' '):10} {sparkline(values, _CURVE)} {values[0]:.3g} to {values[-1]:.3g}"
            blocks.append(Paragraph(text))
    return blocks


def _some(history: Sequence[Row]) -> list[Row]:
    """The first epoch, the last, and some between them."""
    if len(history) <= _MOST_ROWS:
        return list(history)
    places = {round(place * (len(history) - 1) / (_MOST_ROWS - 1)) for place in range(_MOST_ROWS)}
    return [history[place] for place in sorted(places)]


def _number(name: str, value: float | None) -> str:
    if value is None:
        return DASH
    if name.endswith("accuracy"):
        return f"{100 * value:.2f} %"
    return f"{value:g}" if name in ("epoch", "depth") else significant(value, 4)


def _settings(record: Record, baseline: dict[str, Value]) -> Table:
    """Every setting, and the baseline's where that differs."""
    rows = [
        [path, show(value), show(baseline[path]) if path in baseline and not contains([value], baseline[path]) else ""]
        for path, value in record.settings.items()
    ]
    differs = any(row[2] for row in rows)
    rows.sort(key=lambda row: not row[2])
    return Table(["setting", "value", "baseline"][: 3 if differs else 2], [row[: 3 if differs else 2] for row in rows])
