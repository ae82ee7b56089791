"""Which runs are trained at the moment: `.work/<run-id>.running`, which the process of the run keeps up to date."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from resbench.core.files import temporary_in
from resbench.core.locks import LEASE_SECONDS

_BEAT_SECONDS = 2.0


@dataclass(frozen=True)
class RunningRun:
    """A run that a process trains.

    Attributes:
        host, pid, born: of the process; when it started, by its host's clock, tells it from a later one of this pid.
        total: epochs of the run.
        since, seen: times of the first and the last sign of life.
        first, epochs: how many epochs were done at these times.
    """

    host: str
    pid: int
    born: str
    total: int
    since: float
    seen: float
    first: float
    epochs: float

    @property
    def seconds_left(self) -> float | None:
        """Until its training ends, at the pace since it began or was resumed; None where that is not known yet."""
        if self.epochs <= self.first:
            return None
        return (self.total - self.epochs) * (self.seen - self.since) / (self.epochs - self.first)

    def alive(self, lease: Path) -> bool:
        """Whether the process still has the run. One of another host must have given a sign of life lately.

        Args:
            lease: that its process keeps fresh where machines share the folder.
        """
        if self.host == socket.gethostname():
            return self.born == _born(self.pid)
        seen = self.seen
        with contextlib.suppress(OSError):
            seen = max(seen, lease.stat().st_mtime)
        return abs(time.time() - seen) < LEASE_SECONDS


class RunningFile:
    """Says that this process trains a run, and how far it is; never in the way of the run.

    Args:
        path: of the file.
        total: epochs of the run.
        epochs: done before.
    """

    def __init__(self, path: Path, total: int, epochs: float) -> None:
        self._path, self._total = path, total
        self._since, self._next, self._first = time.time(), 0.0, epochs
        self._stepped = False
        self._write(self._since, epochs)

    def step(self, epochs: float) -> None:
        """Note how many epochs are done, every few seconds."""
        now = time.time()
        if not self._stepped:  # the pace is that of the steps, without the start
            self._stepped, self._since, self._first = True, now, epochs
        elif now < self._next:
            return
        self._next = now + _BEAT_SECONDS
        self._write(now, epochs)

    def _write(self, now: float, epochs: float) -> None:
        pid = os.getpid()
        run = RunningRun(socket.gethostname(), pid, _born(pid), self._total, self._since, now, self._first, epochs)
        temporary = temporary_in(self._path.parent, self._path.name)
        with contextlib.suppress(OSError):
            temporary.write_text(json.dumps(asdict(run)), encoding="utf-8")
            temporary.replace(self._path)

    def remove(self) -> None:
        """Nothing is trained any more."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def read_running(path: Path) -> RunningRun | None:
    """The run of a file whose process is alive; None if there is none."""
    kinds = {"host": str, "pid": int, "born": str, "total": int}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        run = RunningRun(**{key: kinds.get(key, float)(value) for key, value in values.items()})
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return run if run.alive(path.with_suffix(".lease")) else None


def _born(pid: int) -> str:
    """When a process started, in the ticks of its host; empty if it has ended, "?" where that cannot be known."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if state in "ZX" else fields[18]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists() or pid <= 0:
            return ""
    except (OSError, ValueError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass
    return "?"
