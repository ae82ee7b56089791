"""Live progress of a grid on a terminal, plain lines elsewhere; to stderr, with an estimate for the whole grid."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from resbench.execution.plan import span
from resbench.execution.session import Watcher
from resbench.grid.grid import Planned
from resbench.records.record import Record

_PLAIN_SECONDS = 30.0


def label(run: Planned) -> str:
    """`model.depth=34 model.shortcut=none seed=0`."""
    return " ".join([*(f"{path}={value}" for path, value in run.cell.items()), f"seed={run.config.seed}"])


def outcome(record: Record) -> str:
    """`test accuracy 98.90 %, 34 s`, or what went wrong."""
    if record["status"] != "ok":
        return f"{record['status']}: {record['error']['message'].splitlines()[0] if record['error'] else 'no reason known'}"
    return f"test accuracy {100 * record['metrics']['test_accuracy']:.2f} %, {span(record['metrics']['train_seconds'])}"


class Live(Watcher):
    """Weighs runs by their predicted work, so that the estimate holds for grids of unequal depths.

    Args:
        work: run id -> predicted seconds.
    """

    def __init__(self, runs: list[Planned], work: dict[str, float]) -> None:
        self.work, self.total = work, len(runs)
        self.done = 0
        self.worked, self.whole_work = 0.0, sum(work.values())
        self.parts: dict[str, float] = {}  # of the runs that are going on
        self.began = self.spoke = time.monotonic()
        self.console = Console(stderr=True)
        self.bars: Progress | None = None
        self.tasks: dict[str, object] = {}
        self.statuses: list[str] = []
        if self.console.is_terminal:
            self.bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:3.0f} %"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self.console,
            )
            self.whole = self.bars.add_task(f"{self.total} runs", total=self.whole_work or 1)

    def __enter__(self) -> Self:
        if self.bars:
            self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bars:
            self.bars.stop()

    def epoch(self, run: Planned, done: float) -> None:
        self._at(run, done / run.config.recipe.epochs)
        if self.bars:
            if run.id not in self.tasks:
                self.tasks[run.id] = self.bars.add_task(label(run), total=1.0)
            self.bars.update(self.tasks[run.id], completed=self.parts[run.id])  # type: ignore[arg-type]
            self.bars.update(self.whole, completed=self.worked)
        elif time.monotonic() - self.spoke > _PLAIN_SECONDS:
            self._say(f"{label(run)}: epoch {done:.1f} of {run.config.recipe.epochs}{self._left()}")

    def finished(self, run: Planned, record: Record) -> None:
        self.done += 1
        self._at(run, 1.0)
        del self.parts[run.id]
        self.statuses.append(record["status"])
        line = f"[{self.done}/{self.total}] {label(run)}: {outcome(record)}{self._left()}"
        if self.bars:
            if run.id in self.tasks:
                self.bars.remove_task(self.tasks.pop(run.id))  # type: ignore[arg-type]
            self.bars.update(self.whole, completed=self.worked)
            self.bars.console.print(line, markup=False, highlight=False)
        else:
            self._say(line)

    def told(self, line: str) -> None:
        if self.bars:
            self.bars.console.print(line, markup=False, highlight=False)
        else:
            self._say(line)

    def _at(self, run: Planned, part: float) -> None:
        self.worked += self.work.get(run.id, 0.0) * (part - self.parts.get(run.id, 0.0))
        self.parts[run.id] = part

    def _left(self) -> str:
        if not self.worked or self.done == self.total:
            return ""
        seconds = (time.monotonic() - self.began) * (self.whole_work - self.worked) / self.worked
        return f" ({span(seconds)} left)"

    def _say(self, line: str) -> None:
        self.spoke = time.monotonic()
        print(line, file=sys.stderr, flush=True)
