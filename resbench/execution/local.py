"""Runs on this machine: one after the other in this process, or side by side with a process for each.

Processes come from a fork server that has imported torch but has started neither threads nor CUDA, which gives each run a
fresh process within milliseconds. A process dies with its command. Where there are cards, each has one of them, and the
command itself none.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import multiprocessing.connection
import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

from resbench.core.cards import VARIABLE, Card
from resbench.execution.child import Assignment, Ended, Place, work
from resbench.execution.driver import RunOutcome, Watcher
from resbench.execution.process import StopSignals
from resbench.execution.task import BUSY, DONE, MEMORY, RAISED, UNWRITABLE, Task, execute_run
from resbench.grid.grid import PlannedRun
from resbench.training.cards import cards as cards_of
from resbench.training.server import fork_server, start_fork_server

_IMPORTED = ["resbench.execution.child"]  # by the fork server: each run would take more than a second for it
_GRACE_SECONDS = 30.0  # in which a run that is asked to stop ends its step and saves its state


def prepare_processes(runs: Sequence[PlannedRun]) -> None:
    """Start what processes for these runs come from, which takes seconds, while this process does something else."""
    start_fork_server((run.cell_config for run in runs), _IMPORTED)


class Serial:
    """In this process, for notebooks and debuggers; without a timeout, as no other process could keep it."""

    def __init__(self, jobs: int, runs: Sequence[PlannedRun]) -> None:
        self._next: tuple[PlannedRun, Task] | None = None

    def free(self) -> bool:
        return self._next is None

    def submit(self, run: PlannedRun, task: Task) -> None:
        self._next = run, task

    def wait(self, seconds: float, watcher: Watcher) -> list[RunOutcome]:
        if not self._next:
            time.sleep(seconds)  # another process has what is left
            return []
        (run, task), self._next = self._next, None
        signals = None
        if threading.current_thread() is threading.main_thread():
            signals = StopSignals(signal.SIGINT, signal.SIGTERM, at_once=True)

        def step(epochs: float) -> None:
            watcher.epoch(run, epochs)
            if signals:
                signals.check()

        try:
            code = execute_run(task, step)
        finally:
            if signals:
                signals.restore()
        if signals and signals.received:
            signal.raise_signal(min(signals.received))  # the run's state is saved: the handler from before may act
        return [RunOutcome(run, "busy" if code == BUSY else "done")]

    def stop(self) -> None:
        """Nothing goes on outside `wait`."""


@dataclass
class _Worker:
    """A process, and the run that it has."""

    process: ForkServerProcess
    pipe: Connection
    place: int
    run: PlannedRun
    task: Task
    alone: bool
    began: float
    killed: str = ""  # why we killed it
    error: str = ""  # as JSON, what it said at its end
    ended: int | None = None  # how the run of one that stays ended

    def assign(self, run: PlannedRun, task: Task, alone: bool) -> bool:
        """Give a process that has stayed another run; whether it took it."""
        self.run, self.task, self.alone, self.began, self.ended = run, task, alone, time.monotonic(), None
        try:
            self.pipe.send(Assignment(task, alone))
        except OSError:
            return False
        return True


class Local:
    """A process for each run, so many side by side, with as many on each card.

    A run that ran out of memory next to others is tried once more when no more are to begin, alone on its card.

    Args:
        jobs: side by side.
        runs: those to come, for what their processes will import.
        cards: which they may use; by default those of their setting's device.
        stay: whether a process takes one run after the other, until one does not end well.
    """

    def __init__(
        self, jobs: int, runs: Sequence[PlannedRun], cards: Sequence[Card] | None = None, stay: bool = False
    ) -> None:
        self._jobs, self._cards, self._stay = jobs, cards, stay
        self._context = fork_server((run.cell_config for run in runs), _IMPORTED)
        self._live: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._again: deque[tuple[PlannedRun, Task]] = deque()

    def free(self) -> bool:
        return self._room(empty=False) is not None

    def submit(self, run: PlannedRun, task: Task) -> None:
        if self._cards is None:
            self._cards = cards_of(task.setting.device)
        self._begin(run, task)

    def wait(self, seconds: float, watcher: Watcher) -> list[RunOutcome]:
        if self._again and self.free():  # no more are to begin, or they would have
            self._begin(*self._again[0], again=True)
        workers = [*self._live, *self._idle]
        multiprocessing.connection.wait([x for each in workers for x in (each.pipe, each.process.sentinel)], seconds)
        outcomes = [outcome for live in list(self._live) if (outcome := self._check(live, watcher))]
        for idle in [idle for idle in self._idle if not idle.process.is_alive()]:
            self._idle.remove(idle)
            _end(idle)
        return outcomes

    def ask_to_stop(self) -> None:
        """Let runs end their step and save their state; for a handler of signals, which a wait does not hold up."""
        for worker in self._live:
            worker.process.terminate()

    def stop(self) -> None:
        until = time.monotonic() + _GRACE_SECONDS
        while (alive := [live.process for live in self._live if live.process.is_alive()]) and time.monotonic() < until:
            for process in alive:
                process.terminate()  # again and again: one that has only just begun does not listen yet
            multiprocessing.connection.wait([process.sentinel for process in alive], 1.0)
        for worker in [*self._live, *self._idle]:
            _end(worker)
        self._live.clear()
        self._idle.clear()
        self._again.clear()

    def _room(self, empty: bool) -> int | None:
        """The place with the fewest runs, or none, if one takes another: the number of a card, or 0 without cards."""
        if len(self._live) >= self._jobs:
            return None
        counts = Counter(live.place for live in self._live)
        taken = {live.place for live in self._live if live.alone}
        open_places = [
            place
            for place in range(len(self._cards or [0]))
            if place not in taken and counts[place] < self._most(place)
        ]
        fewest = min(open_places, key=lambda place: counts[place], default=None)
        return None if fewest is None or (empty and counts[fewest]) else fewest

    def _most(self, place: int) -> int:
        """Runs side by side in one place."""
        if not self._cards:
            return self._jobs
        return 1 if self._cards[place].one_process else -(-self._jobs // len(self._cards))

    def _begin(self, run: PlannedRun, task: Task, again: bool = False) -> None:
        """Give a run to a process, if there is room; one that is tried again needs a place where no other is."""
        place = self._room(again)
        if place is None:
            return
        here = [idle for idle in self._idle if idle.place == place]
        if again:
            self._again.popleft()
            for idle in here:  # their memory is needed
                self._idle.remove(idle)
                _end(idle)
        if self._cards:  # of which the process sees one
            setting = dataclasses.replace(task.setting, device=task.setting.device.partition(":")[0])
            task = dataclasses.replace(task, setting=setting)
        alone = again or self._most(place) == 1
        worker = None if again else self._waiting(here, run, task, alone)
        self._live.append(worker or self._start(run, task, alone, place))

    def _waiting(self, here: Sequence[_Worker], run: PlannedRun, task: Task, alone: bool) -> _Worker | None:
        """One of these idle processes, which has taken the run."""
        for worker in here:
            self._idle.remove(worker)
            if worker.process.is_alive() and worker.assign(run, task, alone):
                return worker
            _end(worker)
        return None

    def _start(self, run: PlannedRun, task: Task, alone: bool, place: int) -> _Worker:
        ours, theirs = self._context.Pipe()
        where = Place(self._cards[place] if self._cards else None, os.environ.get(VARIABLE), self._stay)
        process = self._context.Process(target=work, args=(Assignment(task, alone), theirs, where), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours, place, run, task, alone, time.monotonic())

    def _check(self, live: _Worker, watcher: Watcher) -> RunOutcome | None:
        """How the run of a process ended, if it has."""
        _receive(live, watcher)
        if live.ended is not None:
            self._live.remove(live)
            if live.killed:  # a moment too late
                _end(live)
            else:
                self._idle.append(live)
            return RunOutcome(live.run, "busy" if live.ended == BUSY else "done")
        if live.process.is_alive():
            _enforce_timeout(live)
            return None
        live.process.join()
        _receive(live, watcher)
        self._live.remove(live)
        _end(live)
        if live.process.exitcode == MEMORY and not live.killed:
            self._again.append((live.run, live.task))
            watcher.message(f"{live.run.label}: out of memory next to other runs; it is tried once more, alone")
            return None
        return _outcome(live)


def _end(worker: _Worker) -> None:
    """End a process at once, unless it has."""
    if worker.process.is_alive():
        worker.process.kill()
    worker.process.join()
    worker.pipe.close()


def _receive(live: _Worker, watcher: Watcher) -> None:
    """Pass on how far the run is, and note how it ended."""
    epochs = None
    with contextlib.suppress(EOFError, OSError):
        while live.pipe.poll():
            received = live.pipe.recv()
            if isinstance(received, Ended):
                live.ended = received.code
            elif isinstance(received, str):
                live.error = received
            else:
                epochs = received
    if epochs is not None:
        watcher.epoch(live.run, epochs)


def _enforce_timeout(live: _Worker) -> None:
    limit = live.task.setting.timeout
    if limit is not None and time.monotonic() - live.began > limit and not live.killed:
        kept = "" if live.task.config.trainer.given else "; its epochs are kept"
        live.killed = f"took longer than the {limit:g} s of --timeout{kept}"
        live.process.kill()


def _outcome(live: _Worker) -> RunOutcome:
    code = live.process.exitcode
    if live.killed:
        return RunOutcome(live.run, "died", live.killed, "timeout")
    if code == DONE:
        return RunOutcome(live.run, "done")
    if code == BUSY:
        return RunOutcome(live.run, "busy")
    if code == UNWRITABLE:
        return RunOutcome(live.run, "unwritable", live.error)
    if code == RAISED and live.error:
        kind, message = json.loads(live.error)
        return RunOutcome(live.run, "died", message or kind, kind)
    end = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else f"ended with exit code {code}"
    if code == -signal.SIGKILL:
        end += ", perhaps because memory ran out"
    return RunOutcome(live.run, "died", f"the process of the run {end}")
