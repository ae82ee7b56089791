"""Give the missing runs to an engine, one after the other, until each has a record, whoever wrote it.

An engine carries tasks to processes and says how these ended. It decides nothing: what is done is what has a record, so
that an engine that dies, or does a thing twice, can neither lose nor duplicate a result.
"""

from __future__ import annotations

import collections
import heapq
import itertools
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from resbench.core.errors import Unwritable
from resbench.execution.task import Setting, Task, failed
from resbench.grid.grid import Planned
from resbench.records.record import Record, complete
from resbench.records.store import Store

_RETRY_SECONDS = 1.0  # after which a run that another process holds is looked at again
_POLL_SECONDS = 0.5
_MOST_LOSSES = 5  # of the machine under a run that has come no further meanwhile; then it is recorded as failed


class Watcher:
    """What is told about runs while they go on; the base class says nothing."""

    def epoch(self, run: Planned, done: float) -> None:
        """A run has finished `done` epochs."""

    def finished(self, run: Planned, record: Record) -> None:
        """A run has left a record, here or in another process."""

    def told(self, line: str) -> None:
        """What an engine says of itself."""


@dataclass(frozen=True)
class Ending:
    """How the process of a run ended.

    Attributes:
        how: done (it returned), busy (another process holds the run), died (by its own doing), lost (with its
            machine, so that it deserves another try), or unwritable (its results could not be kept).
        kind, message: for the record of a run that died; of an unwritable one the error as JSON: number, text, file.
        kept: epochs that a lost run need not do again.
    """

    run: Planned
    how: Literal["done", "busy", "died", "lost", "unwritable"]
    message: str = ""
    kind: str = "process died"
    kept: int = 0


class Engine(Protocol):
    """Where runs are carried out."""

    def free(self) -> bool:
        """Whether another run may be submitted now."""

    def submit(self, run: Planned, task: Task) -> None:
        """Begin a run; returns at once."""

    def wait(self, seconds: float, watcher: Watcher) -> list[Ending]:
        """Runs that have ended, as soon as there are some, else after so many seconds; tells the watcher of progress."""

    def stop(self) -> None:
        """End what is still going on, letting each run keep its state."""


class Book(Protocol):
    """What is asked about records; `Store` is one, and a simulation has another in memory."""

    def stamp(self, run_id: str) -> tuple[int, int] | None:
        """Changes when the record does; None if there is none."""

    def read(self, run_id: str) -> Record | None:
        """The record, or None if there is none."""

    def free(self, run_id: str) -> bool:
        """Whether no live process holds the run at the moment."""

    def add(self, record: Record) -> bool:
        """Publish a record; False if a finished one was there first."""


def drive(
    runs: Iterable[Planned],
    engine: Engine,
    setting: Setting,
    watcher: Watcher,
    book: Book | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Do what is missing.

    Args:
        runs: in the order in which they begin.
        setting: of all of them.
        watcher: told of each run that gets a record meanwhile.
        book: where records are; the store of the setting's folder by default.
        clock: seconds, as the engine's `wait` spends them.

    Raises:
        Unwritable: results cannot be kept.
    """
    store = book or Store(setting.folder)
    waiting = collections.deque(runs)
    held: list[tuple[float, int, Planned]] = []  # when to look again, a counter, and a run that another process has
    counter = itertools.count()
    losses: collections.Counter[tuple[str, int]] = collections.Counter()  # by run and epochs kept
    # failures from before are tried again; those that another command records meanwhile are not
    old = {run.id: store.stamp(run.id) for run in waiting}
    going = 0
    try:
        while waiting or held or going:
            while held and held[0][0] <= clock():
                waiting.append(heapq.heappop(held)[2])
            while waiting and engine.free():
                run = waiting.popleft()
                stamp = store.stamp(run.id)
                record = store.read(run.id) if stamp else None
                if record and (complete(record, setting.probes) or (not complete(record) and stamp != old[run.id])):
                    watcher.finished(run, record)
                elif store.free(run.id):
                    engine.submit(run, Task(run.config, setting))
                    going += 1
                else:
                    heapq.heappush(held, (clock() + _RETRY_SECONDS, next(counter), run))
            for ending in engine.wait(_POLL_SECONDS, watcher) if going or held else ():
                going -= 1
                run = ending.run
                if ending.how == "unwritable":
                    raise Unwritable(*json.loads(ending.message))
                if ending.how == "busy":
                    heapq.heappush(held, (clock() + _RETRY_SECONDS, next(counter), run))
                elif ending.how == "lost" and losses[run.id, ending.kept] < _MOST_LOSSES:
                    losses[run.id, ending.kept] += 1
                    waiting.appendleft(run)
                else:
                    watcher.finished(run, _outcome(ending, store, setting))
    finally:
        engine.stop()


def _outcome(ending: Ending, store: Book, setting: Setting) -> Record:
    """The record that the run has left, or one that says how its process died."""
    record = store.read(ending.run.id)
    if record and (ending.how == "done" or complete(record, setting.probes)):
        return record
    message = ending.message or "the process of the run ended without a record"
    made = failed(Task(ending.run.config, setting), ending.kind, message)
    if store.add(made):
        return made
    return store.read(ending.run.id) or made  # another command has finished it meanwhile
