"""One run: its settings, what differs from the baseline, how it went, and why it failed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
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
from resbench.records.weights_file import weights_files
from resbench.report.document import Block, Code, Heading, Paragraph, Table
from resbench.report.format import DASH, significant
from resbench.report.live_view import result_text, run_text
from resbench.report.run_blocks import CURVE, Link, Links, RunCurve
from resbench.report.run_metrics import metric_name, metric_text
from resbench.report.shown import Shown

_MOST_ROWS = 10  # of the history
_MOST_NAMED = 5


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
    baseline = state.file.baseline if state.file else {}
    place = [Links("record:", [Link(str(store.path(run.id)))])]
    saved = [Link(str(path)) for path in weights_files(store.folder, run.id)]
    place += [Links("weights:", saved)] if saved else []
    now = [Paragraph(line) for line in _progress(store, run)]
    return Shown(f"run {run.id}", run_blocks(study, run, baseline, place, now))


def run_blocks(
    study: str, run: RunState, baseline: Mapping[str, Value], place: Sequence[Block], now: Sequence[Block] = ()
) -> list[Block]:
    """All that is known of a run, for a terminal and for its page.

    Args:
        baseline: of the study.
        place: of its record.
        now: how far it is, of one without a record or that is trained again.
    """
    title = Paragraph(f"run {run.id} of {study}: {run_text(run)}: {run.state}")
    if not run.record:
        return [title, *(now or [Paragraph("no record yet")])]
    record = run.record.sanitised()
    result: list[Block] = list(now) or [Paragraph(result_text(record)), *place, Paragraph(_provenance(record))]
    blocks = [title, *result, *_error(record), *_history(record)]
    blocks += [Heading("Metrics"), _metrics(record)] if record.metrics else []
    blocks += [Heading("Settings"), _settings(record, baseline)]
    return [*blocks, Heading("Provenance"), _facts(record)]


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


def _progress(store: Store, run: RunState) -> list[str]:
    """How far a run is that is trained, or that was interrupted."""
    if run.state == RUNNING and run.holder:
        left = run_seconds_left(run, time.time())
        rest = "" if left is None else f", about {duration(left)} left"
        done = f"epoch {run.holder.epochs:.1f} of {run.holder.total}"
        lines = [f"{done}, process {run.holder.pid} on {run.holder.host}{rest}"]
    elif run.state == BEGUN:
        lines = [f"{plural(run.saved.epoch, 'epoch')} in {store.checkpoint(run.id)}"]
    else:
        lines = []
    if not run.record and run.saved.losses:
        lines.append(f"training loss {sparkline(run.saved.losses, CURVE)} {run.saved.losses[-1]:.3g}")
    return lines


def _provenance(record: Record) -> str:
    """`on cpu with 4 threads in fp32, code 0b42e18c9d, weights 55581befb96a`."""
    facts = record.provenance
    code = facts.text("revision")[:17] or "unknown"
    changed = " (changed)" if facts.facts.get("dirty") else ""
    weights = f", weights {record.weights_sha256[:12]}" if record.weights_sha256 else ""
    precision = f" in {facts.precision}" if facts.precision else ""
    return f"on {facts.device} with {plural(facts.threads, 'thread')}{precision}, code {code}{changed}{weights}"


def _error(record: Record) -> list[Block]:
    """Why the run failed or diverged, with its traceback."""
    if not record.error:
        return []
    details = [f"{key}: {show(value)}" for key, value in record.error.details.items() if key != "traceback"]
    lines = [f"{record.error.kind}: {record.error.message}", *details]
    trace = record.error.details.get("traceback")
    text = [str(trace).rstrip()] if trace else lines
    return [Heading("Error"), Code("\n".join(text))]


def _history(record: Record) -> list[Block]:
    """Some epochs in numbers, and the whole curves."""
    curves = _curves(record)
    if not record.history:
        return [Heading("History"), *curves] if curves else []
    names = list(dict.fromkeys(name for row in record.history for name in row))
    head = [name.replace("_", " ") for name in names]
    rows = [[_number(name, row.get(name)) for name in names] for row in _some(record.history)]
    return [Heading("History"), *curves, Table(head, rows)]


def _curves(record: Record) -> list[Block]:
    """The losses, and the accuracies, over the epochs; the training loss within them, where the record has that."""
    out: list[Block] = []
    for title, names in (("loss", ("train_loss", "val_loss")), ("accuracy", ("train_accuracy", "val_accuracy"))):
        points = {name: _points(record, name) for name in names}
        lines = {name.replace("_", " "): some for name, some in points.items() if len(some) > 1}
        out += [RunCurve(title, "epoch", lines)] if lines else []
    return out


def _points(record: Record, name: str) -> list[tuple[float, float]]:
    """Epoch and value of a quantity, where it is known."""
    places: Iterable[tuple[float, float | None]] = enumerate((row.get(name) for row in record.history), 1)
    if name == "train_loss" and record.curve:
        places = zip(record.curve.epochs(), record.curve.train_loss, strict=True)
    return [(float(epoch), value) for epoch, value in places if value is not None]


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


def _metrics(record: Record) -> Table:
    rows = [[metric_name(name), metric_text(name, value)] for name, value in record.metrics.items() if name != "epoch"]
    return Table(["metric", "value"], rows)


def _settings(record: Record, baseline: Mapping[str, Value]) -> Table:
    """Every setting, and the baseline's where that differs."""
    rows = [
        [path, show(value), show(baseline[path]) if path in baseline and not contains([value], baseline[path]) else ""]
        for path, value in record.settings.items()
    ]
    differs = any(row[2] for row in rows)
    rows.sort(key=lambda row: not row[2])
    return Table(["setting", "value", "baseline"][: 3 if differs else 2], [row[: 3 if differs else 2] for row in rows])


def _facts(record: Record) -> Table:
    """Code, libraries, hardware and data, and the digest of the weights."""
    facts = record.provenance.flat | ({"weights_sha256": record.weights_sha256} if record.weights_sha256 else {})
    return Table(
        ["what", "value"], [[path, "unknown" if value is None else show(value)] for path, value in facts.items()]
    )
