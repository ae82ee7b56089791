"""Live progress of a grid: bars on a terminal, plain lines elsewhere; to stderr, with an estimate for the whole grid."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from resbench.core.text import duration
from resbench.execution.driver import Watcher
from resbench.grid.grid import PlannedRun
from resbench.records.record import MEASURED, Record

_PLAIN_SECONDS = 30.0


def result(record: Record) -> str:
    """`test accuracy 98.90 %, training 17 s, wall 37 s`, or what went wrong."""
    if record.status != "ok":
        return f"{record.status}: {record.error.message.splitlines()[0] if record.error else 'no reason known'}"
    training, whole = (record.metrics.get(name) or 0.0 for name in ("train_seconds", "run_seconds"))
    wall = max(training, whole)  # an interrupted run has the seconds from its last start alone
    return f"{_measured(record)}, training {duration(training)}, wall {duration(wall)}"


def _measured(record: Record) -> str:
    """The test accuracy; where a user's own code measures something else, the first of it."""
    accuracy = record.metrics.get("test_accuracy")
    if accuracy is not None:
        return f"test accuracy {100 * accuracy:.2f} %"
    own = [f"{name} {value:g}" for name, value in record.metrics.items() if value is not None and name not in MEASURED]
    return ", ".join(own[:3]) or "no metric"


class Live(Watcher):
    """Weighs runs by their predicted work, so that the estimate holds for grids of unequal depths.

    Args:
        work: run id -> predicted seconds.
        begun: ids of the runs that go on from a checkpoint: what was done before tells nothing of the speed now.
        terminal: whether to draw bars where stderr is a terminal.
    """

    def __init__(
        self,
        runs: Sequence[PlannedRun],
        work: Mapping[str, float],
        begun: Collection[str] = (),
        terminal: bool = True,
    ) -> None:
        self._work, self._total = work, len(runs)
        self._count = 0
        self._worked, self._whole_work = 0.0, sum(work.values())
        self._begun, self._before = set(begun), 0.0  # work that was done when this began
        self._parts: dict[str, float] = {}  # of the runs that are going on
        self._began = self._printed = time.monotonic()
        console = Console(stderr=True)
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        if terminal and console.is_terminal:
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:3.0f} %"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                console=console,
            )
            self._whole = self._bars.add_task(f"{self._total} runs", total=self._whole_work or 1, left="")

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def epoch(self, run: PlannedRun, epochs: float) -> None:
        self._advance(run, epochs / run.cell_config.recipe.epochs)
        if self._bars:
            if run.id not in self._tasks:
                self._tasks[run.id] = self._bars.add_task(run.label, total=1.0, left="")
            self._bars.update(self._tasks[run.id], completed=self._parts[run.id])
            self._bars.update(self._whole, completed=self._worked, left=self._left())
        elif time.monotonic() - self._printed > _PLAIN_SECONDS:
            self.message(f"{run.label}: epoch {epochs:.1f} of {run.cell_config.recipe.epochs}{self._left(' ({})')}")

    def finished(self, run: PlannedRun, record: Record) -> None:
        self._count += 1
        if warning := record.provenance.text("warning"):
            self.message(warning)
        self._advance(run, 1.0)
        del self._parts[run.id]
        if self._bars:
            if run.id in self._tasks:
                self._bars.remove_task(self._tasks.pop(run.id))
            self._bars.update(self._whole, completed=self._worked, left=self._left())
        self.message(f"[{self._count}/{self._total}] {run.label}: {result(record)}{self._left(' ({})')}")

    def message(self, line: str) -> None:
        if self._bars:
            self._bars.console.print(line, markup=False, highlight=False)
        else:
            self._printed = time.monotonic()
            print(line, file=sys.stderr, flush=True)

    def _advance(self, run: PlannedRun, part: float) -> None:
        if run.id in self._begun:
            self._begun.remove(run.id)
            self._before += self._work.get(run.id, 0.0) * part
        self._worked += self._work.get(run.id, 0.0) * (part - self._parts.get(run.id, 0.0))
        self._parts[run.id] = part

    @property
    def part(self) -> float:
        """The part of the predicted work that is done, from 0 to 1."""
        return 1.0 if self._count == self._total else min(self._worked / (self._whole_work or 1.0), 1.0)

    def _left(self, form: str = "{}") -> str:
        """`8 min left` in a form, the same on the bar and in the lines; empty where nothing is known or left."""
        worked = self._worked - self._before
        if worked <= 0 or self._count == self._total:
            return ""
        seconds = (time.monotonic() - self._began) * (self._whole_work - self._worked) / worked
        return form.format(f"{duration(seconds)} left")
