"""Who works on a trial, and whether that worker still lives.

A worker holds a kernel lock of its own for as long as it lives, and writes its name and machine into each trial that it
takes. On the same machine the lock tells at once that a worker was killed. From another machine it is taken for dead when
its trial has shown no sign of life for a while, by the clock of the one who looks. One that was only frozen finds another
name in its trial when it wakes, and leaves: a trial may be computed twice, and is told once.
"""

from __future__ import annotations

import os
import platform
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial

from resbench.records.store import Store

BEAT = 30.0  # seconds between signs of life
LEASE = 180.0  # without one


class Worker:
    """One process that works on one trial after the other.

    Attributes:
        name: what it writes into its trials; no other worker has the same.
    """

    def __init__(self, store: Store) -> None:
        self._work = store.work
        store.open()
        self.name = uuid.uuid4().hex
        self._lock = FileLock(self._path(self.name))
        self._seen: dict[tuple[int, int], tuple[Any, float]] = {}  # trial -> sign of life, and when it was new

    def _path(self, name: str) -> Path:
        return self._work / f"worker-{name}.lock"

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        if kind is None:  # else a trial may bear the name, and the file without a lock says that it is to be taken up
            self._path(self.name).unlink(missing_ok=True)

    @property
    def signature(self) -> dict[str, str]:
        return {"name": self.name, "machine": _machine(), "process": str(os.getpid())}

    def owns(self, trial: FrozenTrial) -> bool:
        return not trial.state.is_finished() and (trial.user_attrs.get("worker") or {}).get("name") == self.name

    def abandoned(self, arm: int, trial: FrozenTrial) -> bool:
        """Whether a running trial has lost its worker; the admission lock is held."""
        holder = trial.user_attrs.get("worker")
        if not holder:  # killed between asking and signing, both of which happen under the admission lock
            return True
        path = self._path(holder["name"])
        if holder["machine"] == _machine() and path.exists():
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                return False
            lock.release()
            path.unlink(missing_ok=True)  # the name is never used again
            return True
        sign = (holder["name"], trial.user_attrs.get("beat"), len(trial.intermediate_values))
        now = time.monotonic()
        known, since = self._seen.get((arm, trial.number), (None, now))
        if known != sign:
            self._seen[arm, trial.number] = (sign, now)
            return False
        return now - since > LEASE


def _machine() -> str:
    """Name and boot of this machine: containers of one host differ in the former."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return f"{platform.node()} {boot}".strip()
