"""What makes the engine of a Ray cluster."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import re
from collections.abc import Sequence

from resbench.core.errors import UserError
from resbench.execution.driver import Engine
from resbench.execution.executors import Cluster, MakeEngine
from resbench.execution.ray.cluster import answers, connected
from resbench.grid.grid import PlannedRun

_PATIENCE_SECONDS = 30.0  # with a head that does not answer: one on Kubernetes may come back; one of ours does not


def ray_engine(cluster: Cluster) -> MakeEngine:
    """What makes engines on the cluster.

    Raises:
        UserError: Ray is not installed, or there is no such cluster.
    """
    if not importlib.util.find_spec("ray"):
        raise UserError("--executor ray: Ray is not installed: pip install 'resbench[ray]'")
    address = cluster.address
    if address and not re.fullmatch(r"[^:/]+:\d+", address):
        raise UserError(f"--address {address}: name the head as HOST:PORT, and start this on a machine of the cluster")
    if address and not answers(address):  # Ray itself waits for two minutes
        raise UserError(f"--address {address}: no answer there: start Ray (ray start --head), or leave it out")
    return functools.partial(_make, cluster)


def _make(cluster: Cluster, jobs: int, runs: Sequence[PlannedRun]) -> Engine:
    left = contextlib.ExitStack()
    try:
        left.enter_context(connected(cluster.address))
        from resbench.execution.ray.tasks import RayTasks  # imports Ray, which first reads what `connected` sets

        return RayTasks(jobs, cluster.gpus, _PATIENCE_SECONDS if cluster.address else 0.0, left)
    except BaseException:
        left.close()
        raise
