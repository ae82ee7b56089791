"""Remove a study or a run, and what is of no more use; never what a live process works on."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from resbench.core.errors import UserError
from resbench.core.locks import LockObserver, try_lock
from resbench.records.store import Store

_OF_RUNS = re.compile(r"[0-9a-f]{16}|trial-.*")  # names of locks that are one a run, or a trial


def remove_study(folder: Path) -> None:
    """Remove the folder of a study.

    Raises:
        UserError: it is no study, or a live process works on it.
    """
    check_removable(folder)
    for work in sorted(folder.rglob(".work")):
        shutil.rmtree(work)
    shutil.rmtree(folder)


def check_removable(folder: Path) -> None:
    """See that a folder is a study on which no live process works.

    Raises:
        UserError: it is not.
    """
    store = Store(folder)
    if folder.is_symlink():
        raise UserError(f"{folder}: a link: remove it, or what it leads to, yourself")
    if not store.study_path.is_file() and not store.ids():
        raise UserError(f"{folder}: not a study: neither study.json nor records are in it")
    check_free(folder)


def check_free(folder: Path, name: str = "") -> None:
    """See that no live process holds anything in a study.

    Args:
        name: of a run; by default all that is in the folder.

    Raises:
        UserError: one does.
    """
    held = [one for work in folder.rglob(".work") for one in held_locks(work) if name in ("", one)]
    if held:
        more = f" and {len(held) - 1} more" if len(held) > 1 else ""
        raise UserError(f"{folder}: a live process works on {held[0]}{more}: end its command first")


def remove_run(store: Store, run_id: str) -> None:
    """Forget a run: its record, its checkpoint, and what a crash left of it.

    Raises:
        UserError: a live process trains it.
    """
    with store.claim(run_id) as claim:
        if claim is None:
            raise UserError(f"{store.folder}: a live process works on {run_id}: end its command first")
        store.remove(run_id)
        for path in store.work.glob(f"{run_id}.*"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.suffix not in (".lock", ".lease"):
                path.unlink(missing_ok=True)


def held_locks(work: Path) -> list[str]:
    """Names of the locks in a `.work` folder that a live process holds."""
    observer = LockObserver()
    locks = {path.with_suffix(".lock") for kind in ("lock", "lease") for path in work.glob(f"*.{kind}")}
    return sorted(path.stem for path in locks if not observer.free(path))


def leftovers(store: Store) -> Iterator[Path]:
    """What crashes have left of a study, and the locks of its runs, unless a live process works on it."""
    if not store.work.is_dir() or held_locks(store.work):
        return
    yield from store.leftovers()
    yield from (path for path in sorted(store.work.glob("*.lock")) if _OF_RUNS.fullmatch(path.stem))


def remove_leftover(path: Path) -> None:
    """Remove one of the leftovers; a lock only while it is ours, so that no other process has it."""
    if path.suffix != ".lock":
        path.unlink(missing_ok=True)
        return
    with try_lock(path) as held, contextlib.suppress(OSError):
        if held:
            path.unlink(missing_ok=True)
