"""Where a Ray cluster is, and how this process becomes a part of it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

from resbench.core.errors import UserError
from resbench.core.processes import SHORT_FOLDER, long_folder, same_imports
from resbench.training.device import cores

_OBJECTS = 80 * 2**20  # bytes of Ray's store of objects, of which we have none; about the least it takes
_LONGEST_FOLDER = 30  # bytes: names of Ray's sockets take up to 72 more


def answers(address: str) -> bool:
    """Whether a program listens at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5.0).close()
    except (OSError, OverflowError):
        return False
    return True


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Be in the cluster at this address, or in one that is started here and ends with the body.

    If this process is in a cluster already, that one is used, and is left as it is.

    Raises:
        UserError: no cluster answers, or none can be started.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not address:
        # read when Ray is imported; without it, 127.0.0.1 is resolved to an address that others can reach
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    if "RAY_TMPDIR" not in os.environ and long_folder(_LONGEST_FOLDER):
        os.environ["RAY_TMPDIR"] = SHORT_FOLDER
    import ray

    if ray.is_initialized():
        yield
        return
    # what Ray says of its nodes and their memory it prints to stdout, where our answers go
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        with same_imports():
            _join(ray, address)
        try:
            yield
        finally:
            ray.shutdown()


def _join(ray: Any, address: str | None) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if address:
            ray.init(address, **options)
        else:
            ray.init("local", num_cpus=cores(), include_dashboard=False, object_store_memory=_OBJECTS, **options)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        where = f"--address {address}" if address else "--executor ray"
        raise UserError(f"{where}: {' '.join(str(error).split())}") from None
    finally:
        for number, handler in before.items():  # Ray has replaced the command's by its own
            signal.signal(number, handler)
