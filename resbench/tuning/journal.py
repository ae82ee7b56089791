"""Optuna's journal file: whatever process was killed while it wrote, or held the lock, the next one goes on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from filelock import FileLock
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from resbench.core.config import UserError

_FIRST = b'{"op_code":'  # how each of its lines begins


def open_journal(path: Path, look: bool = False) -> JournalStorage:
    """Open the file; it is made if it is not there.

    Args:
        look: only read it, and take no lock.

    Raises:
        UserError: it is something else, which is left as it is, or it is damaged.
    """
    check_journal(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path), None if look else JournalLock(path)))
    except OSError as error:
        raise UserError(f"--storage {path}: cannot be opened: {error.strerror or error}") from None
    except (ValueError, TypeError, KeyError, AssertionError) as error:
        raise UserError(f"--storage {path}{_damage(path, error)}") from None


def check_journal(path: Path) -> None:
    """See that the file is a journal, before the end of what is none is cut away as unfinished.

    Raises:
        UserError: it is something else.
    """
    if path.is_dir():
        raise UserError(f"--storage {path}: is a folder: name a file in it")
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"--storage {path}: cannot be opened: {error.strerror}") from None
    if head.startswith(b"SQLite format 3"):
        raise UserError(f"--storage {path}: is an SQLite database: write sqlite:///{path}")
    if not (head.startswith(_FIRST) or _FIRST.startswith(head)):
        raise UserError(
            f"--storage {path}: is not a journal of Optuna's: name a new file, or a URL such as sqlite:///x.db"
        )


def _damage(path: Path, error: Exception) -> str:
    advice = "restore the file from a copy, or give the search another name or --storage"
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            if "op_code" not in json.loads(line):
                raise ValueError
        except (ValueError, TypeError):
            return f":{number}: a damaged line: {advice}"
    return f": damaged ({type(error).__name__}: {' '.join(str(error).split())}): {advice}"


class JournalLock(JournalFileOpenLock):
    """A lock that dies with its holder around Optuna's own, which other programs on the same file respect.

    Optuna's is a file, and one of a killed process stands for its grace of half a minute: here three seconds, since
    none of us can hold it meanwhile. A record that a kill cut short is cut away, before another one is glued to it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        beside = path.parent / ".work"
        beside.mkdir(exist_ok=True)
        self._ours = FileLock(beside / f"{path.name}.lock")
        super().__init__(str(path), grace_period=3)

    def acquire(self) -> bool:
        self._ours.acquire()
        try:
            super().acquire()
            cut = _mend(self._path)
        except BaseException:
            self._ours.release(force=True)
            raise
        if cut:
            print(f"{self._path}: {cut} bytes of an unfinished record are cut away", file=sys.stderr)
        return True

    def release(self) -> None:
        try:
            super().release()
        finally:
            self._ours.release()


def _mend(path: Path) -> int:
    """Cut what follows the last line end; returns the number of bytes."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        end = size
        while end:
            start = max(0, end - 4096)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            file.truncate(end)
        return size - end
