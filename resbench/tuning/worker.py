"""A worker: who works on a trial, and how others notice that it is gone.

A worker claims each trial in the store, as every process claims its run: a claim ends with its process, or, between
machines that share the folder, two minutes after the last sign of life. Machines may also share a storage and no folder,
where no claim can be seen. So a worker writes its name and its place into the trial too, and signs of life: from another
place, a trial is taken up when it has shown none for a while, by the clock of the one who waits. A worker that was only
frozen finds that the claim, or the name in its trial, is no longer its own, and leaves: a trial may be computed twice,
and is counted once.
"""

from __future__ import annotations

import os
import platform
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from optuna.trial import FrozenTrial

from resbench.records.store import Store

BEAT = 30.0  # seconds between signs of life
SILENCE = 180.0  # seconds without one after which a worker in another place is taken for dead


class Worker:
    """One process that works on one trial after the other.

    Args:
        store: where trials are claimed.
        clock: in seconds.

    Attributes:
        name: what it writes into its trials; no other worker has the same.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        store.open()
        self.store = store
        self.name = uuid.uuid4().hex
        self.place = _place(store.work)
        self._clock = clock
        self._signs: dict[str, tuple[object, float]] = {}  # claim -> sign of life, and when it was new

    @property
    def signature(self) -> dict[str, str]:
        return {"name": self.name, "place": self.place, "process": str(os.getpid())}

    def owns(self, trial: FrozenTrial) -> bool:
        return not trial.state.is_finished() and (trial.user_attrs.get("worker") or {}).get("name") == self.name

    def abandoned(self, claim: str, trial: FrozenTrial) -> bool:
        """Whether a running trial has lost its worker; only under admission.

        Args:
            claim: of the trial in the store.
        """
        silent = self._silent(claim, trial)
        if not self.store.free(claim):
            return False
        owner = trial.user_attrs.get("worker")
        # without a name it was killed between asking and signing, both of which happen under admission
        return not owner or owner.get("place") == self.place or silent

    def _silent(self, claim: str, trial: FrozenTrial) -> bool:
        """Whether a trial has shown no sign of life for too long."""
        sign = (trial.user_attrs.get("worker"), trial.user_attrs.get("beat"), len(trial.intermediate_values))
        now = self._clock()
        last, since = self._signs.get(claim, (None, now))
        if last != sign:
            since = now
            self._signs[claim] = (sign, now)
        return now - since > SILENCE


def _place(folder: Path) -> str:
    """Name and boot of this machine, and the folder: from the same place, claims in it can be seen."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    status = folder.stat()
    return f"{platform.node()} {boot} {status.st_dev}:{status.st_ino}"
