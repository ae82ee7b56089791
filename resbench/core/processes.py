"""Processes that this one starts: they import what it imports but its script, and their sockets have short names.

A fresh interpreter looks for modules in the working folder first, before the standard library: a file `random.py` or
another checkout there would come into a run without a word.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.util
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import forkserver, resource_tracker, spawn
from multiprocessing.context import ForkServerContext, ForkServerProcess

from resbench.core.errors import UserError

_LONGEST_FOLDER = 70  # bytes: a socket in it has up to 32 more, and its whole name 103 on macOS, 107 on Linux
SHORT_FOLDER = "/tmp"
_lock = threading.RLock()


def fork_server(modules: Sequence[str]) -> ForkServerContext:
    """Where processes are forked from a server, which imports these modules once.

    Raises:
        UserError: there is no folder for its sockets.
    """
    context = _ForkServerContext()
    context.set_forkserver_preload(list(modules))
    _prepare()
    return context


def start_fork_server(modules: Sequence[str]) -> None:
    """Start that server now, so that it imports its modules while this process goes on.

    Raises:
        UserError: as `fork_server`.
    """
    fork_server(modules)
    with same_imports(), _without_script(), _set(patience()):
        forkserver.ensure_running()


class _ForkServerProcess(ForkServerProcess):
    def start(self) -> None:
        # the first one starts the server, and so does one that finds it dead
        with same_imports(), _without_script(), _set(patience()):
            super().start()


class _ForkServerContext(ForkServerContext):
    Process = _ForkServerProcess


def import_variables() -> dict[str, str]:
    """The environment with which an interpreter finds modules where this one does, in the same order."""
    folders = [os.path.abspath(folder) for folder in sys.path if isinstance(folder, str)]  # noqa: PTH100, links stay
    return {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(folders)}


def machine_load() -> float:
    """How many processes wanted a core in the last minute; 0 where that is not known."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def patience() -> dict[str, str]:
    """Where others use all cores, the environment in which threads of OpenMP sleep while they wait for each other.

    By default they spin, and take the processor from those that they wait for: on two cores with three other processes
    a run of two threads took 2 to 30 times as long. Results are the same bits either way.
    """
    busy = machine_load() >= (os.cpu_count() or 1)
    return {"OMP_WAIT_POLICY": "PASSIVE"} if busy and "OMP_WAIT_POLICY" not in os.environ else {}


def same_imports() -> contextlib.AbstractContextManager[None]:
    """Interpreters that are started meanwhile find modules where this one does."""
    return _set(import_variables())


@contextlib.contextmanager
def _set(changes: Mapping[str, str]) -> Iterator[None]:
    """Variables of the environment, for a while."""
    with _lock:
        before = {name: os.environ.get(name) for name in changes}
        os.environ.update(changes)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


@contextlib.contextmanager
def _without_script() -> Iterator[None]:
    """Processes that this thread starts meanwhile do not import the script that this one executes.

    They need nothing of it, and would run all of a script that has no `if __name__ == "__main__":`.
    """
    thread = threading.get_ident()

    def prepare(name: str) -> dict[str, object]:
        data = whole(name)
        ours = threading.get_ident() == thread
        return {key: value for key, value in data.items() if not (ours and key.startswith("init_main_from"))}

    with _lock:
        whole = spawn.get_preparation_data
        try:
            spawn.get_preparation_data = prepare
            yield
        finally:
            spawn.get_preparation_data = whole


def long_folder(longest: int = _LONGEST_FOLDER) -> str | None:
    """The folder of temporary files if a socket in it would have too long a name."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) > longest else None


def _prepare() -> None:
    """Start what processes share, and choose the folder of their sockets."""
    with same_imports():
        resource_tracker.ensure_running()
        given = long_folder()
        if given is None:
            return
        try:
            tempfile.tempdir = SHORT_FOLDER
            multiprocessing.util.get_temp_dir()  # kept for this process and those that it starts
        except OSError as error:
            advice = f"and {SHORT_FOLDER} cannot be used ({error.strerror})"
            raise UserError(f"TMPDIR={given}: too long for the name of a socket, {advice}: set a shorter one") from None
        finally:
            tempfile.tempdir = given


def end_with_parent() -> None:
    """From now on this process ends at once when its parent has.

    The parent of a process from a fork server is the server, which lives as long as any of its children; the command
    behind it is known by a pipe that closes with it. A thread waits there, so that a run that hangs ends too.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, name="end with parent", daemon=True).start()
