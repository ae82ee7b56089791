"""Runs on this machine: one after the other in this process, or side by side with a process for each.

Processes come from a fork server that has imported torch but has started neither threads nor CUDA, which gives each run a
fresh process within milliseconds. A process dies with its command.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

from resbench.core.errors import Unwritable
from resbench.core.processes import end_with_parent
from resbench.core.terminal import prepare_output
from resbench.execution.driver import RunOutcome, Watcher
from resbench.execution.process import StopSignals
from resbench.execution.task import BUSY, DONE, RAISED, UNWRITABLE, Task, execute_run
from resbench.grid.grid import PlannedRun
from resbench.training.server import fork_server

_GRACE_SECONDS = 30.0  # in which a run that is asked to stop ends its step and saves its state


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
class _Process:
    """A run that has a process."""

    run: PlannedRun
    task: Task
    process: ForkServerProcess
    pipe: Connection
    began: float
    killed: str = ""  # why we killed it
    error: str = ""  # as JSON, what it said at its end


class Local:
    """A process for each run, so many side by side.

    Args:
        jobs: side by side.
        runs: those to come, for what their processes will import.
    """

    def __init__(self, jobs: int, runs: Sequence[PlannedRun]) -> None:
        self._jobs = jobs
        self._context = fork_server(run.cell_config for run in runs)
        self._live: list[_Process] = []

    def free(self) -> bool:
        return len(self._live) < self._jobs

    def submit(self, run: PlannedRun, task: Task) -> None:
        ours, theirs = self._context.Pipe(duplex=False)
        devices = os.environ.get("CUDA_VISIBLE_DEVICES")  # the fork server knows only what it was when it started
        process = self._context.Process(target=_child, args=(task, theirs, devices), daemon=True)
        process.start()
        theirs.close()
        self._live.append(_Process(run, task, process, ours, time.monotonic()))

    def wait(self, seconds: float, watcher: Watcher) -> list[RunOutcome]:
        multiprocessing.connection.wait([x for live in self._live for x in (live.pipe, live.process.sentinel)], seconds)
        outcomes = []
        for live in list(self._live):
            _receive(live, watcher)
            if live.process.is_alive():
                _enforce_timeout(live)
                continue
            live.process.join()
            _receive(live, watcher)
            live.pipe.close()
            self._live.remove(live)
            outcomes.append(_outcome(live))
        return outcomes

    def stop(self) -> None:
        until = time.monotonic() + _GRACE_SECONDS
        while (alive := [live.process for live in self._live if live.process.is_alive()]) and time.monotonic() < until:
            for process in alive:
                process.terminate()  # again and again: one that has only just begun does not listen yet
            multiprocessing.connection.wait([process.sentinel for process in alive], 1.0)
        for live in self._live:
            if live.process.is_alive():
                live.process.kill()
            live.process.join()
            live.pipe.close()
        self._live.clear()


def _receive(live: _Process, watcher: Watcher) -> None:
    """Pass on how far the run is, and note its error."""
    epochs = None
    with contextlib.suppress(EOFError, OSError):
        while live.pipe.poll():
            received = live.pipe.recv()
            if isinstance(received, str):
                live.error = received
            else:
                epochs = received
    if epochs is not None:
        watcher.epoch(live.run, epochs)


def _enforce_timeout(live: _Process) -> None:
    limit = live.task.setting.timeout
    if limit is not None and time.monotonic() - live.began > limit and not live.killed:
        live.killed = f"took longer than the {limit:g} s of --timeout; its epochs are kept"
        live.process.kill()


def _outcome(live: _Process) -> RunOutcome:
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


def _child(task: Task, pipe: Connection, devices: str | None) -> None:
    """Execute a run in a process of its own; SIGTERM lets it end its step and save its state."""
    if devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C goes to the whole group; the parent decides
    signals = StopSignals(signal.SIGTERM)
    end_with_parent()
    prepare_output()

    def step(epochs: float) -> None:
        signals.check()
        with contextlib.suppress(OSError):
            pipe.send(epochs)

    try:
        code = execute_run(task, step)
    except Unwritable as error:
        with contextlib.suppress(OSError):
            pipe.send(json.dumps([error.errno, error.strerror, error.filename]))
        code = UNWRITABLE
    except BaseException as error:  # of a user's own code, which may end the process in its own way; or ours
        with contextlib.suppress(OSError):
            pipe.send(json.dumps([type(error).__name__, str(error)]))
        code = RAISED
    os._exit(code)
