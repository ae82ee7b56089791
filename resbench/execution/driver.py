"""Give the missing runs to an engine, one after the other, until each has a record, whichever process wrote it.

An engine carries tasks to processes and says how these ended. It decides nothing: a run is done when it has a record, so
that an engine that dies, or does a thing twice, can neither lose nor duplicate a result.
"""

from __future__ import annotations

import collections
import heapq
import itertools
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from resbench.core.errors import Unwritable
from resbench.core.own_code import ChangedCode
from resbench.execution.task import Setting, Task, failed_record
from resbench.grid.grid import PlannedRun
from resbench.records.record import Record, Status
from resbench.records.store import Store

_RETRY_SECONDS = 1.0  # until a run that another process has is tried again
_POLL_SECONDS = 0.5
_MAX_LOSSES = 5  # of the machine under a run that has come no further meanwhile; then it is recorded as failed
Stamp: TypeAlias = tuple[int, int]


class Watcher:
    """Receives the progress of runs; the base class ignores it."""

    def epoch(self, run: PlannedRun, epochs: float) -> None:
        """A run has finished so many epochs."""

    def finished(self, run: PlannedRun, record: Record) -> None:
        """A run has left a record, here or in another process."""

    def message(self, line: str) -> None:
        """An engine has something to say of itself."""


@dataclass(frozen=True)
class RunOutcome:
    """How the process of a run ended.

    Attributes:
        status: done (it returned), busy (another process has the run), died (by its own doing), lost (with its
            machine, so that it deserves another try), or unwritable (its results could not be stored).
        kind, message: for the record of a run that died; of an unwritable one the error as JSON: number, text, file.
        epochs_saved: epochs that a lost run need not do again.
    """

    run: PlannedRun
    status: Literal["done", "busy", "died", "lost", "unwritable"]
    message: str = ""
    kind: str = "process died"
    epochs_saved: int = 0


class Engine(Protocol):
    """Where runs are executed."""

    def free(self) -> bool:
        """Whether another run may be submitted now."""

    def submit(self, run: PlannedRun, task: Task) -> None:
        """Begin a run; returns at once."""

    def wait(self, seconds: float, watcher: Watcher) -> list[RunOutcome]:
        """Runs that have ended, as soon as any has, else after so many seconds; the watcher receives progress."""

    def stop(self) -> None:
        """End what is still going on, and let each run save its state."""


class RecordSource(Protocol):
    """Where the driver finds records: a `Store`, or the memory of a simulation."""

    def stamp(self, run_id: str) -> Stamp | None:
        """Changes when the record does; None if the run has none."""

    def read(self, run_id: str) -> Record | None:
        """The record, or None if the run has none."""

    def free(self, run_id: str) -> bool:
        """Whether no live process holds the run at the moment."""

    def add(self, record: Record) -> bool:
        """Publish a record; False if a finished one was first."""


class _Waiting:
    """Runs that no engine has: those to begin, in order, and those that another process has, to be tried again."""

    def __init__(self, runs: Iterable[PlannedRun], clock: Callable[[], float]) -> None:
        self.ready = collections.deque(runs)
        self._clock = clock
        self._counter = itertools.count()
        self._busy: list[tuple[float, int, PlannedRun]] = []  # when to try again, a counter, the run

    def __bool__(self) -> bool:
        return bool(self.ready or self._busy)

    def put_off(self, run: PlannedRun) -> None:
        """Try a run again later, as another process has it."""
        heapq.heappush(self._busy, (self._clock() + _RETRY_SECONDS, next(self._counter), run))

    def take_due(self) -> None:
        """Those put off long enough are ready again."""
        while self._busy and self._busy[0][0] <= self._clock():
            self.ready.append(heapq.heappop(self._busy)[2])


def drive(
    runs: Iterable[PlannedRun],
    engine: Engine,
    setting: Setting,
    watcher: Watcher,
    source: RecordSource | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> list[Status]:
    """Do what is missing.

    Args:
        runs: in the order in which they begin.
        setting: of all of them.
        watcher: receives each run that gets a record meanwhile.
        source: where records are; the store of the setting's folder by default.
        clock: seconds, as the engine's `wait` spends them.

    Returns:
        The status of each run, in the order in which they ended.

    Raises:
        ChangedCode: a file of the user's own is not what it was when the runs were planned.
        Unwritable: results cannot be stored.
    """
    source = source or Store(setting.folder)
    waiting = _Waiting(runs, clock)
    # failures from before are tried again; those that another command records meanwhile are not
    old = {run.id: source.stamp(run.id) for run in waiting.ready}
    losses: collections.Counter[tuple[str, int]] = collections.Counter()  # by run and epochs kept
    statuses: list[Status] = []
    active = 0

    def finish(run: PlannedRun, record: Record) -> None:
        statuses.append(record.status)
        watcher.finished(run, record)

    try:
        while waiting or active:
            waiting.take_due()
            while waiting.ready and engine.free():
                run = waiting.ready.popleft()
                if record := _recorded(run, source, setting, old):
                    finish(run, record)
                elif source.free(run.id):
                    engine.submit(run, Task(run.config, setting))
                    active += 1
                else:
                    waiting.put_off(run)
            for outcome in engine.wait(_POLL_SECONDS, watcher) if waiting or active else ():
                active -= 1
                run = outcome.run
                if outcome.status == "unwritable":
                    raise Unwritable(*json.loads(outcome.message))
                if outcome.kind == ChangedCode.__name__:  # it holds for those that wait too: no run is to blame
                    raise ChangedCode(outcome.message)
                if outcome.status == "busy":
                    waiting.put_off(run)
                elif outcome.status == "lost" and losses[run.id, outcome.epochs_saved] < _MAX_LOSSES:
                    losses[run.id, outcome.epochs_saved] += 1
                    waiting.ready.appendleft(run)
                else:
                    finish(run, _result(outcome, source, setting))
    finally:
        engine.stop()
    return statuses


def _recorded(
    run: PlannedRun, source: RecordSource, setting: Setting, old: Mapping[str, Stamp | None]
) -> Record | None:
    """The record that makes a run done: a complete one, or a failure that is new since the command began."""
    stamp = source.stamp(run.id)
    record = source.read(run.id) if stamp else None
    if record and (setting.done(record) or (not record.finished and stamp != old[run.id])):
        return record
    return None


def _result(outcome: RunOutcome, source: RecordSource, setting: Setting) -> Record:
    """The record that the run has left, or one that says how its process died."""
    run = outcome.run
    record = source.read(run.id)
    if record and (outcome.status == "done" or record.answers(setting.probes)):
        return record
    message = outcome.message or "the process of the run ended without a record"
    failure = failed_record(Task(run.config, setting), outcome.kind, message)
    if source.add(failure):
        return failure
    return source.read(run.id) or failure  # another command has finished it meanwhile
