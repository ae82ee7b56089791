"""Optuna's journal file: if a process is killed while it writes, or holds the lock, the next one goes on."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from resbench.core.errors import UserError
from resbench.core.locks import wait_for_lock

_FIRST = b'{"op_code":'  # how each of its lines begins
_CHUNK = 4096


def open_journal(path: Path, readonly: bool = False) -> JournalStorage:
    """Open the file; it is made if it does not exist.

    Args:
        readonly: take no lock.

    Raises:
        UserError: it is something else, which is left as it is, or it is damaged.
    """
    check_journal(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path), None if readonly else JournalLock(path)))
    except OSError as error:
        raise UserError(f"--storage {path}: cannot be opened: {error.strerror or error}") from None
    except (ValueError, TypeError, KeyError, AssertionError) as error:
        raise UserError(f"--storage {path}{_damage(path, error)}") from None


def check_journal(path: Path) -> None:
    """See that the file is a journal, before the end of another file is cut away as unfinished.

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
    """The lock of this program around Optuna's own, which other programs on the same file respect.

    Optuna's is a file, and one of a killed process is valid for its grace of half a minute: here three seconds, since no
    process of ours can have it meanwhile. A record that a kill cut short is cut away, before another one is glued to it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        work = path.parent / ".work"
        work.mkdir(exist_ok=True)
        self._ours = work / f"{path.name}.lock"
        # an object of its own: Optuna's `acquire` calls `release` to remove the file of a killed process
        self._optunas = JournalFileOpenLock(str(path), grace_period=3)
        self._held = contextlib.ExitStack()

    def acquire(self) -> bool:
        with contextlib.ExitStack() as stack:
            stack.enter_context(wait_for_lock(self._ours))
            self._optunas.acquire()
            stack.callback(self._optunas.release)
            removed = _remove_unfinished(self._path)
            self._held = stack.pop_all()
        if removed:
            print(f"{self._path}: {removed} bytes of an unfinished record are cut away", file=sys.stderr)
        return True

    def release(self) -> None:
        self._held.close()


def _remove_unfinished(path: Path) -> int:
    """Cut what follows the last line end; returns the number of bytes."""
    with path.open("r+b") as file:
        size = end = file.seek(0, 2)
        while end:
            start = max(0, end - _CHUNK)
            file.seek(start)
            position = file.read(end - start).rfind(b"\n")
            if position >= 0:
                end = start + position + 1
                break
            end = start
        if end < size:
            file.truncate(end)
        return size - end
