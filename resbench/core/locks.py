"""Locks: what must be done by one process at a time, on one machine or on several.

On a local file system the lock is the kernel's: it dies with its holder. Between machines that share a file system such
locks cannot be trusted, so the lock is a lease: a file that its holder keeps fresh, and that others take over when they
have seen no sign of life for two minutes by their own clocks. Neither is ever deleted by hand. A lease is a hint: a
machine that was frozen may wake and find its work taken over, and then it stops and publishes nothing.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
from filelock import BaseFileLock, FileLock, Timeout

from resbench.core.errors import UserError

if TYPE_CHECKING:
    from filelock import LeaseCompromise

# earlier versions of filelock have no leases, which only folders between machines need
_HELD = (Timeout, getattr(filelock, "LeaseSettingsMismatch", Timeout))
LEASE_SECONDS = 120.0
_BEATS = 12  # signs of life in that time; one that was frozen finds out with the next
_KINDS = ("auto", "kernel", "lease")
# file systems on which another machine may be at work, as /proc/self/mountinfo names them
_SHARED = (
    "nfs",
    "lustre",
    "gpfs",
    "beegfs",
    "ceph",
    "cifs",
    "smb",
    "glusterfs",
    "orangefs",
    "pvfs2",
    "9p",
    "afs",
    "fuse",
)


class HeldLock:
    """A lock that is held.

    Attributes:
        lost: set when another machine has taken it over; then stop, and write nothing.
    """

    def __init__(self) -> None:
        self.lost = threading.Event()


@contextlib.contextmanager
def try_lock(path: Path) -> Iterator[HeldLock | None]:
    """Hold the lock of this path while the body runs; yields None at once if another live process has it."""
    held = HeldLock()
    lock = _lock(path, held)
    if not _acquired(lock):
        yield None
        return
    try:
        yield held
    finally:
        lock.release()


@contextlib.contextmanager
def wait_for_lock(path: Path) -> Iterator[None]:
    """Hold the lock of this path while the body runs, as soon as no other process does."""
    with _lock(path, HeldLock()):
        yield


class LockObserver:
    """Locks that others were seen to hold: only repeated attempts show that a lease is no longer kept fresh."""

    def __init__(self) -> None:
        self._seen: dict[Path, BaseFileLock] = {}

    def free(self, path: Path) -> bool:
        """Whether no process holds the lock of this path at the moment."""
        lock = self._seen.pop(path, None) or _lock(path, HeldLock())
        if _acquired(lock):
            lock.release()
            return True
        self._seen[path] = lock
        return False


def _acquired(lock: BaseFileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except _HELD:
        return False
    return True


def _lock(path: Path, held: HeldLock) -> BaseFileLock:
    if not _between_machines(path.parent):
        return FileLock(path)
    try:
        from filelock import SoftFileLease
    except ImportError:
        raise UserError(
            f"{path.parent}: locks between machines need a newer filelock: pip install -U filelock"
        ) from None

    def compromised(how: LeaseCompromise) -> None:
        held.lost.set()

    return SoftFileLease(
        path.with_suffix(".lease"),
        lease_duration=LEASE_SECONDS,
        heartbeat_interval=LEASE_SECONDS / _BEATS,
        on_compromise=compromised,
    )


def _between_machines(folder: Path) -> bool:
    """Whether locks in this folder must hold between machines; RESBENCH_LOCKS=kernel or lease decides it."""
    kind = os.environ.get("RESBENCH_LOCKS", "auto")
    if kind not in _KINDS:
        raise UserError(f"RESBENCH_LOCKS={kind}: use one of {', '.join(_KINDS)}")
    return kind == "lease" or (kind == "auto" and file_system(folder).startswith(_SHARED))


@functools.cache  # called for every run, and folders are not mounted elsewhere meanwhile
def file_system(folder: Path) -> str:
    """Type of the file system that holds a folder (`ext4`, `nfs4`, `fuse.sshfs`); empty where that cannot be known."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    folder = folder.resolve()
    best, kind = -1, ""
    for point, mounted_kind in map(mounted, lines):
        if folder.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), mounted_kind
    return kind


def mounted(line: str) -> tuple[Path, str]:
    """Mount point and type of a line of mountinfo: the fifth field, with bytes in octal, and what follows a lone hyphen (proc(5))."""
    before, _, after = line.partition(" - ")
    octal = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), os.fsencode(before.split()[4]))
    return Path(os.fsdecode(octal)), after.split()[0]
