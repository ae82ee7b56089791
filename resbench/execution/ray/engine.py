"""Runs on a Ray cluster, or on one that is started here for the command: where it is, and how it is reached."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import logging
import os
import re
import signal
import socket
from collections.abc import Iterator, Sequence
from typing import Any

from resbench.core.config import UserError
from resbench.execution.driver import Engine
from resbench.execution.session import Cluster, MakeEngine
from resbench.grid.grid import Planned
from resbench.training.device import cores

_PATIENCE_SECONDS = 30.0  # with a head that does not answer: one on Kubernetes may come back; one of ours does not
_OBJECTS = 80 * 2**20  # bytes of Ray's store of objects, of which we have none; about the least it takes
if not importlib.util.find_spec("ray"):
    raise UserError("--executor ray: Ray is not installed: pip install 'resbench[ray]'")


def ray_engine(cluster: Cluster) -> MakeEngine:
    """What makes engines on the cluster.

    Raises:
        UserError: there is no such cluster.
    """
    address = cluster.address
    if address and not re.fullmatch(r"[^:/]+:\d+", address):
        raise UserError(f"--address {address}: name the head as HOST:PORT, and start this on a machine of the cluster")
    if address and not answers(address):  # Ray itself asks for two minutes
        raise UserError(f"--address {address}: nobody answers there: start Ray (ray start --head), or leave it out")
    return functools.partial(_made, cluster)


def _made(cluster: Cluster, jobs: int, runs: Sequence[Planned]) -> Engine:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not cluster.address:
        # read when Ray is imported; without it, 127.0.0.1 is resolved to an address that others can reach
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    from resbench.execution.ray.tasks import RayTasks

    left = contextlib.ExitStack()
    try:
        left.enter_context(_connected(cluster.address))
        return RayTasks(jobs, cluster.gpus, _PATIENCE_SECONDS if cluster.address else 0.0, left)
    except BaseException:
        left.close()
        raise


@contextlib.contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """Be in the cluster at this address, or in one that is started here and ends with the body.

    A cluster that this process is in already is taken as it is, and left so.

    Raises:
        UserError: there is none.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    # what Ray tells of its nodes and their memory it prints to stdout, where our answers go
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        _join(ray, address)
        try:
            yield
        finally:
            ray.shutdown()


def answers(address: str) -> bool:
    """Whether somebody listens at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5.0).close()
    except (OSError, OverflowError):
        return False
    return True


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
        for number, handler in before.items():  # Ray has put its own in the place of the command's
            signal.signal(number, handler)
