"""A child process ends when the command that started it does, however that ended."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading


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
