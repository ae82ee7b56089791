"""What the process of a run does: execute it, and say how far it is and how it ended; then, if asked to stay, the next."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from resbench.core.cards import Card, see
from resbench.core.errors import Unwritable, UserError
from resbench.core.files import user_path
from resbench.core.processes import end_with_parent
from resbench.core.terminal import prepare_output
from resbench.execution.process import StopSignals
from resbench.execution.task import BUSY, DONE, MEMORY, RAISED, UNWRITABLE, Task, execute_run
from resbench.records.store import Store
from resbench.training.device import choose
from resbench.training.memory import is_out_of_memory
from resbench.training.workshop import Workshop

_SECONDS = 0.1  # between signs of progress: each wakes the command


@dataclass(frozen=True)
class Assignment:
    """A run for a process.

    Attributes:
        alone: whether no other run is on its card, so that memory that runs out is its own.
    """

    task: Task
    alone: bool


@dataclass(frozen=True)
class Place:
    """Where a process computes.

    Attributes:
        card: that it has; None on a CPU.
        visible: CUDA_VISIBLE_DEVICES of the command, without a card: the fork server knows only that of its start.
        stays: whether it waits for another run when one has ended well.
    """

    card: Card | None
    visible: str | None
    stays: bool


@dataclass(frozen=True)
class Ended:
    """A process that stays says how its run ended."""

    code: int


def work(first: Assignment, pipe: Connection, place: Place) -> None:
    """Execute one run, or all that come; this process ends with the first that does not end well."""
    see(place.card, place.visible)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C goes to the whole group; the parent decides
    end_with_parent()
    prepare_output()
    assignment = first
    workshop = _workshop(first.task) if place.stays else None
    while True:
        code = _execute(assignment, pipe, workshop)
        if not place.stays or code not in (DONE, BUSY) or _failed(assignment.task):
            os._exit(code)
        _forget_peak()
        with contextlib.suppress(OSError):
            pipe.send(Ended(code))
        try:
            assignment = pipe.recv()
        except (EOFError, OSError):
            os._exit(DONE)


def _workshop(task: Task) -> Workshop | None:
    """What the runs of a process that stays share; none where the device is not there, which the run then says."""
    try:
        return Workshop(choose(task.setting.device), user_path(task.setting.directory), keeps=True)
    except UserError:
        return None


def _execute(assignment: Assignment, pipe: Connection, workshop: Workshop | None) -> int:
    """Execute a run; SIGTERM lets it end its step and save its state. Between runs the signal is ignored, as before."""
    signals = StopSignals(signal.SIGTERM)
    progress = _Progress(lambda epochs: _send(pipe, epochs))

    def step(epochs: float) -> None:
        signals.check()
        progress.step(epochs)

    try:
        return execute_run(assignment.task, step, assignment.alone, workshop)
    except Unwritable as error:
        _send(pipe, json.dumps([error.errno, error.strerror, error.filename]))
        return UNWRITABLE
    except BaseException as error:  # of a user's own code, which may end the process in its own way; or ours
        if not assignment.alone and is_out_of_memory(error):  # a context finds no room before a run has begun
            return MEMORY
        _send(pipe, json.dumps([type(error).__name__, str(error)]))
        return RAISED
    finally:
        signals.restore()


def _send(pipe: Connection, message: float | str) -> None:
    with contextlib.suppress(OSError):
        pipe.send(message)


class _Progress:
    """Passes on the end of every epoch, and ten steps a second at the most."""

    def __init__(self, send: Callable[[float], None]) -> None:
        self._send, self._next = send, 0.0

    def step(self, epochs: float) -> None:
        now = time.monotonic()
        if now >= self._next or epochs == int(epochs):
            self._next = now + _SECONDS
            self._send(epochs)


def _failed(task: Task) -> bool:
    """Whether the run left a failure, after which nothing is sure of CUDA, or of a user's own code."""
    record = Store(task.setting.folder).read(task.config.id)
    return record is not None and not record.finished


def _forget_peak() -> None:
    """Let the peak of this process's memory begin again, where Linux allows it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
