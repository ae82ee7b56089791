"""Live progress of a grid in a notebook: one bar that is drawn again, with the runs that go on and the last that ended."""

from __future__ import annotations

import collections
import time
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console

from resbench.core import fragments
from resbench.core.text import plural
from resbench.execution.progress import Live
from resbench.grid.grid import PlannedRun
from resbench.records.record import Record

_SECONDS = 0.5  # between two drawings
_MOST_LINES = 5


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    return Console().is_jupyter


def live(runs: Sequence[PlannedRun], work: Mapping[str, float], begun: Collection[str] = ()) -> Live:
    """Progress for where this process shows it: a notebook, a terminal, or neither."""
    return NotebookLive(runs, work, begun) if in_notebook() else Live(runs, work, begun)


class NotebookLive(Live):
    """As `Live`, in the output of a cell; it needs nothing but IPython, which a notebook has."""

    def __init__(self, runs: Sequence[PlannedRun], work: Mapping[str, float], begun: Collection[str] = ()) -> None:
        super().__init__(runs, work, begun, terminal=False)
        self._lines: collections.deque[str] = collections.deque(maxlen=_MOST_LINES)
        self._running: dict[str, str] = {}
        self._handle: Any = None
        self._drawn = 0.0

    def __enter__(self) -> Self:
        from IPython.display import display

        self._handle = display(self, display_id=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.clear()
        self._draw(at_once=True)

    def epoch(self, run: PlannedRun, epochs: float) -> None:
        total = run.cell_config.recipe.epochs
        self._advance(run, epochs / total)
        self._running[run.id] = f"{run.label}: epoch {epochs:.1f} of {total}"
        self._draw()

    def finished(self, run: PlannedRun, record: Record) -> None:
        self._running.pop(run.id, None)
        super().finished(run, record)

    def message(self, line: str) -> None:
        self._lines.append(line)
        self._draw()

    def _draw(self, at_once: bool = False) -> None:
        now = time.monotonic()
        if self._handle and (at_once or now - self._drawn >= _SECONDS):
            self._drawn = now
            self._handle.update(self)

    def __repr__(self) -> str:
        return f"{self._count} of {plural(self._total, 'run')} done"

    def _repr_html_(self) -> str:
        bar = f'<progress max="1" value="{self.part:.4f}" style="width: 20em"></progress>'
        text = fragments.escaped(f" {self!r}, {100 * self.part:.0f} %{self._left(', about {}')}")
        going = fragments.bullets(self._running.values()) if self._running else ""
        ended = fragments.preformatted("\n".join(self._lines)) if self._lines else ""
        return f"<div>{bar}{text}{going}{ended}</div>"
