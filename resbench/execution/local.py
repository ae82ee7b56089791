"""Runs on this machine: one after the other in this process, or side by side with a process for each.

Processes come from a fork server that has imported torch but has started neither threads nor CUDA, which gives each run a
fresh process within milliseconds. A process dies with its command.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from resbench.core.errors import Unwritable
from resbench.data.loading import DATASETS
from resbench.execution.driver import Ending, Watcher
from resbench.execution.follow import end_with_parent
from resbench.execution.process import StopSignals
from resbench.execution.task import BUSY, DONE, RAISED, UNWRITABLE, Task, carry_out
from resbench.grid.grid import Planned

PRELOAD = "resbench.execution.preload"
_GRACE_SECONDS = 30.0  # in which a run that is asked to stop ends its step and keeps its state


class Serial:
    """In this process, for notebooks and debuggers; there is no timeout, as nobody is there to keep it."""

    def __init__(self, jobs: int, runs: Sequence[Planned]) -> None:
        self._next: tuple[Planned, Task] | None = None

    def free(self) -> bool:
        return self._next is None

    def submit(self, run: Planned, task: Task) -> None:
        self._next = run, task

    def wait(self, seconds: float, watcher: Watcher) -> list[Ending]:
        if not self._next:
            time.sleep(seconds)  # another process has what is left
            return []
        (run, task), self._next = self._next, None
        signals = None
        if threading.current_thread() is threading.main_thread():
            signals = StopSignals(signal.SIGINT, signal.SIGTERM, at_once=True)

        def tell(done: float) -> None:
            watcher.epoch(run, done)
            if signals:
                signals.check()

        try:
            code = carry_out(task, tell)
        finally:
            if signals:
                signals.restore()
        if signals and signals.got:
            signal.raise_signal(min(signals.got))  # the run has kept its state; now whoever handled it before may act
        return [Ending(run, "busy" if code == BUSY else "done")]

    def stop(self) -> None:
        """Nothing goes on outside `wait`."""


@dataclass
class _Live:
    run: Planned
    task: Task
    process: Any
    pipe: Connection
    began: float
    killed: str = ""
    words: str = ""  # its last


class Local:
    """A process for each run, so many side by side.

    Args:
        jobs: side by side.
        runs: those to come, for what their processes will import.
    """

    def __init__(self, jobs: int, runs: Sequence[Planned]) -> None:
        self.jobs = jobs
        self._context = multiprocessing.get_context("forkserver")
        remote = any(DATASETS[run.of.data.name].remote for run in runs)
        self._context.set_forkserver_preload([PRELOAD, *(["torchvision"] if remote else [])])
        self._live: list[_Live] = []

    def free(self) -> bool:
        return len(self._live) < self.jobs

    def submit(self, run: Planned, task: Task) -> None:
        ours, theirs = self._context.Pipe(duplex=False)
        devices = os.environ.get("CUDA_VISIBLE_DEVICES")  # the fork server knows only what held when it started
        process = self._context.Process(target=_child, args=(task, theirs, devices), daemon=True)
        process.start()
        theirs.close()
        self._live.append(_Live(run, task, process, ours, time.monotonic()))

    def wait(self, seconds: float, watcher: Watcher) -> list[Ending]:
        multiprocessing.connection.wait([x for one in self._live for x in (one.pipe, one.process.sentinel)], seconds)
        endings = []
        for one in list(self._live):
            _listen(one, watcher)
            if one.process.is_alive():
                _keep_time(one)
                continue
            one.process.join()
            _listen(one, watcher)
            one.pipe.close()
            self._live.remove(one)
            endings.append(_ending(one))
        return endings

    def stop(self) -> None:
        until = time.monotonic() + _GRACE_SECONDS
        while any(one.process.is_alive() for one in self._live) and time.monotonic() < until:
            for one in self._live:
                one.process.terminate()  # again and again: one that has only just begun does not listen yet
            multiprocessing.connection.wait([one.process.sentinel for one in self._live if one.process.is_alive()], 1.0)
        for one in self._live:
            if one.process.is_alive():
                one.process.kill()
            one.process.join()
            one.pipe.close()
        self._live.clear()


def _listen(one: _Live, watcher: Watcher) -> None:
    """Tell the watcher how far the run is, and keep its last words."""
    done = None
    with contextlib.suppress(EOFError, OSError):
        while one.pipe.poll():
            said = one.pipe.recv()
            if isinstance(said, str):
                one.words = said
            else:
                done = said
    if done is not None:
        watcher.epoch(one.run, done)


def _keep_time(one: _Live) -> None:
    limit = one.task.setting.timeout
    if limit is not None and time.monotonic() - one.began > limit and not one.killed:
        one.killed = f"took longer than the {limit:g} s of --timeout; its epochs are kept"
        one.process.kill()


def _ending(one: _Live) -> Ending:
    code = one.process.exitcode
    if one.killed:
        return Ending(one.run, "died", one.killed, "timeout")
    if code == DONE:
        return Ending(one.run, "done")
    if code == BUSY:
        return Ending(one.run, "busy")
    if code == UNWRITABLE:
        return Ending(one.run, "unwritable", one.words)
    if code == RAISED and one.words:
        kind, message = json.loads(one.words)
        return Ending(one.run, "died", message or kind, kind)
    died = f"killed by {signal.Signals(-code).name}" if code and code < 0 else f"ended with exit code {code}"
    if code == -signal.SIGKILL:
        died += ", perhaps for want of memory"
    return Ending(one.run, "died", f"the process of the run was {died}")


def _child(task: Task, pipe: Connection, devices: str | None) -> None:
    """Carry out a run in a process of its own; SIGTERM lets it end its step and keep its state."""
    if devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C goes to the whole group; the parent decides
    signals = StopSignals(signal.SIGTERM)
    end_with_parent()

    def tell(done: float) -> None:
        signals.check()
        with contextlib.suppress(OSError):
            pipe.send(done)

    try:
        code = carry_out(task, tell)
    except Unwritable as error:
        with contextlib.suppress(OSError):
            pipe.send(json.dumps([error.errno, error.strerror, error.filename]))
        code = UNWRITABLE
    except BaseException as error:  # of someone's own code, which may end the process in its own way; or ours
        with contextlib.suppress(OSError):
            pipe.send(json.dumps([type(error).__name__, str(error)]))
        code = RAISED
    os._exit(code)
