"""A snapshot of a study as a terminal shows it, in 80 columns and more."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from resbench.core.cell import Cell
from resbench.core.sparkline import sparkline
from resbench.core.text import duration, plural, printable, show
from resbench.records.record import Record
from resbench.records.run_states import ENDED, RUNNING, STATES, RunState
from resbench.records.time_left import run_seconds_left
from resbench.report.live import Snapshot

_MOST_FAILED = 3
_MOST_ENDED = 3
_CURVE = 12  # characters
_BAR = 30
_FIXED = 12  # lines besides the tables and the claims
_STYLES = {"supported": "green", "refuted": "red", "failed": "red", "open": "dim"}


def view(snapshot: Snapshot, console: Console, whole: bool) -> RenderableType:
    """The snapshot as lines.

    Args:
        whole: all that runs, and all of each verdict, else what the height of the terminal has room for.
    """
    claims = snapshot.decided.verdicts
    room = 10_000 if whole else max(3, console.height - _FIXED - len(claims))
    parts: list[RenderableType] = [_head(snapshot), _bar(snapshot)]
    parts += [_running(snapshot, room, console.options.ascii_only)] if snapshot.state.of(RUNNING) else []
    parts += _lines(_failed(snapshot), whole)
    parts += _lines(_latest(snapshot), whole)
    parts += _lines(claims, whole)
    parts += _lines([*snapshot.decided.lines, *snapshot.elsewhere.lines], whole)
    return Group(*parts)


def _head(snapshot: Snapshot) -> Text:
    """`depth: 60 runs: 34 ok, 3 running, 23 to do`."""
    state = snapshot.state
    counts = [f"{len(state.of(one))} {one}" for one in STATES if state.of(one)]
    return Text(printable(f"{snapshot.name}: {plural(len(state.runs), 'run')}: {', '.join(counts)}"), style="bold")


def _bar(snapshot: Snapshot) -> Table:
    left = "" if snapshot.left is None else f"about {duration(snapshot.left)} left"
    row = Table.grid(padding=(0, 1))
    clock = time.strftime("%H:%M:%S", time.localtime(snapshot.now))
    row.add_row(ProgressBar(1.0, snapshot.part, width=_BAR), f"{100 * snapshot.part:.0f} %", left, Text(clock, "dim"))
    return row


def _running(snapshot: Snapshot, most: int, ascii_only: bool) -> Table:
    """A row for each run that is trained."""
    runs = snapshot.state.of(RUNNING)
    table = Table(box=None, padding=(0, 1, 0, 0), expand=True, header_style="dim")
    table.add_column("running", ratio=1, no_wrap=True, overflow="ellipsis")
    for name in ("seed", "epoch", "left", "loss"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column(no_wrap=True, min_width=_CURVE)
    for run in runs[:most]:
        table.add_row(*_cells(run, snapshot.now, ascii_only))
    if len(runs) > most:
        table.add_row(Text(f"… and {len(runs) - most} more", style="dim"))
    return table


def _cells(run: RunState, now: float, ascii_only: bool) -> Iterator[Text]:
    """What runs, its epochs, the time that is left, its last loss, and how that fell."""
    left = run_seconds_left(run, now)
    yield Text(printable(", ".join(cell_words(run.cell)) or "the only cell"))
    yield Text(str(run.seed))
    yield Text(f"{run.holder.epochs:.1f} of {run.holder.total}" if run.holder else "")
    yield Text("" if left is None else duration(left))
    yield Text(f"{run.saved.losses[-1]:.3g}" if run.saved.losses else "")
    yield Text(sparkline(run.saved.losses, _CURVE, ascii_only), style="cyan")


def _failed(snapshot: Snapshot) -> list[str]:
    """Lines on the runs that failed."""
    failed = snapshot.state.of("failed")
    lines = [f"failed: {run_text(run)}: {result_text(run.record)}" for run in failed[:_MOST_FAILED] if run.record]
    more = len(failed) - len(lines)
    return [*lines, f"failed: {more} more: resbench ls runs {snapshot.name} --failed"] if more else lines


def _latest(snapshot: Snapshot) -> list[str]:
    """Lines on the results that came last."""
    ended = [run for run in snapshot.state.of(*ENDED) if run.record and run.state != "failed"]
    latest = sorted(ended, key=lambda run: run.ended)[-_MOST_ENDED:]
    return [f"{run.state}: {run_text(run)}: {result_text(run.record)}" for run in latest if run.record]


def run_text(run: RunState) -> str:
    """`depth 34, shortcut none, seed 2`: the values of a run, by the last part of each path where that tells them apart."""
    return printable(", ".join([*cell_words(run.cell), f"seed {run.seed}"]))


def cell_words(cell: Cell) -> list[str]:
    """`depth 34`, `shortcut none`."""
    leaves = [path.rpartition(".")[2] for path in cell]
    names = [leaf if leaves.count(leaf) == 1 else path for leaf, path in zip(leaves, cell, strict=True)]
    return [f"{name} {show(value)}" for name, value in zip(names, cell.values(), strict=True)]


def result_text(record: Record) -> str:
    """`test accuracy 98.90 %`, or what went wrong."""
    accuracy = record.metrics.get("test_accuracy")
    if record.status == "ok":
        return "no test" if accuracy is None else f"test accuracy {100 * accuracy:.2f} %"
    if not record.error:
        return "no reason known"
    first = next(iter(record.error.message.splitlines()), "")
    kind = "" if record.error.kind in ("", record.status) else f"{record.error.kind}: "
    return printable(f"{kind}{first}")


def _lines(lines: Sequence[str], whole: bool) -> list[RenderableType]:
    """Each line in the colour of what it says, cut to the width unless it is to be whole."""
    return [_line(line, whole) for line in lines]


def _line(line: str, whole: bool) -> Text:
    text = Text(printable(line), no_wrap=not whole, overflow="fold" if whole else "ellipsis")
    word = line.split(" ", 1)[0].rstrip(":;,")
    if word in _STYLES:
        text.stylize(_STYLES[word], 0, len(word))
    return text
