"""Runs as tasks of Ray Core, one for each.

Ray carries text to machines and reports when one is gone. It retries nothing: a run that was lost with its machine goes
back to the driver, which reads the records before it submits the run again.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import queue
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import ray
from ray.exceptions import LocalRayletDiedError, OutOfMemoryError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from resbench.core.errors import UserError
from resbench.core.version import __version__, short_revision
from resbench.execution.driver import RunOutcome, Watcher
from resbench.execution.ray.carried import carried
from resbench.execution.ray.cluster import answers
from resbench.execution.remote import node_info, run_isolated
from resbench.execution.task import Setting, Task
from resbench.grid.grid import PlannedRun
from resbench.records.store import Store
from resbench.training import checkpoint

_CHECK_SECONDS = 5.0  # between checks of the cluster
_INFO_SECONDS = 120.0  # for a task on every node: a process that imports torch, perhaps from a slow disk
_GRACE_SECONDS = 40.0  # for runs to save their state: those 30 of a process, and the way to it
_READS_PER_SECOND = 20.0  # of checkpoints, for the progress of the runs
_RETRIES = {"max_retries": 0, "retry_exceptions": False}
Reference: TypeAlias = Any  # Ray's handle of a task


class RayTasks:
    """The engine of the Ray cluster that this process is in.

    Args:
        jobs: runs side by side; 0 for as many as there is room for.
        gpus: that a run takes if it runs on one; a fraction lets several use one.
        patience: seconds with a head that does not answer; after 60 Ray would end this process in its own way.
        left: what is closed when all has ended.
    """

    def __init__(self, jobs: int, gpus: float, patience: float, left: contextlib.ExitStack) -> None:
        self._jobs, self._gpus, self._patience, self._left = jobs, gpus, patience, left
        self._active: dict[Reference, tuple[PlannedRun, Path]] = {}  # run, and its checkpoint
        # Ray's own waiting takes a signal for an error of its own
        self._ended: queue.SimpleQueue[tuple[Reference, Future[str]]] = queue.SimpleQueue()
        self._turns: collections.deque[Reference] = collections.deque()  # whose progress is read next
        self._read = self._checked = self._answered = time.monotonic()
        self._setting: Setting | None = None
        self._token: Path | None = None
        self._secret = uuid.uuid4().hex
        self._slots = 0
        self._dead = False
        self._head = ray.get_runtime_context().gcs_address
        self._task = ray.remote(**_RETRIES)(carried(run_isolated))

    def free(self) -> bool:
        if not self._setting:
            return True
        # a few more than have room, so that no slot waits for the driver
        return len(self._active) < (self._jobs or self._slots + 1 + self._slots // 4)

    def submit(self, run: PlannedRun, task: Task) -> None:
        if not self._setting:
            self._begin(task.setting)
        name = f"{task.setting.folder.name} {run.id}"
        remote = self._task.options(name=name, **needs(task.setting, self._gpus))
        reference = self._awaited(remote.remote(task.to_json(), str(self._token), self._secret))
        self._active[reference] = run, Store(task.setting.folder).checkpoint(run.id)
        self._turns.append(reference)

    def wait(self, seconds: float, watcher: Watcher) -> list[RunOutcome]:
        self._check()
        self._report_progress(watcher)
        return [self._outcome(reference, future) for reference, future in self._some(seconds)]

    def stop(self) -> None:
        try:
            if self._active and not self._dead:
                for reference in self._active:
                    ray.cancel(reference)
                self._all(set(self._active), _GRACE_SECONDS)
        finally:
            if self._token:
                self._token.unlink(missing_ok=True)
            self._left.close()

    def _awaited(self, reference: Reference) -> Reference:
        reference.future().add_done_callback(lambda future: self._ended.put((reference, future)))
        return reference

    def _some(self, seconds: float) -> list[tuple[Reference, Future[str]]]:
        """What has ended, as soon as anything has."""
        with contextlib.suppress(queue.Empty):
            ended = [self._ended.get(timeout=max(0.0, seconds))]
            while not self._ended.empty():
                ended.append(self._ended.get())
            return ended
        return []

    def _all(self, references: set[Reference], seconds: float) -> dict[Reference, Future[str]]:
        """What has ended of these when all have, or after so many seconds."""
        ended: dict[Reference, Future[str]] = {}
        until = time.monotonic() + seconds
        while references - ended.keys() and time.monotonic() < until:
            ended.update(self._some(until - time.monotonic()))
        return ended

    def _begin(self, setting: Setting) -> None:
        """See that every node that may be given a run can execute one.

        Raises:
            UserError: one line for each that cannot.
        """
        self._setting = setting
        store = Store(setting.folder)
        store.open()
        # named like what is being written: a crash leaves it, and a later command sweeps it away
        self._token = (store.work / f"ray.{self._secret}.tmp").resolve()
        self._token.write_text(self._secret, encoding="utf-8")
        nodes = self._count(setting)
        if not self._slots:
            wanted = " and ".join(f"{amount:g} {name}" for name, amount in _resources(setting, self._gpus))
            raise UserError(f"--executor ray: no node of the cluster has {wanted} for a run (--threads, --gpus)")
        info = ray.remote(**_RETRIES)(carried(node_info))
        names: dict[Reference, str] = {}
        for node in nodes:
            on_node = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            reference = info.options(num_cpus=0, scheduling_strategy=on_node).remote(str(self._token))
            names[self._awaited(reference)] = node["NodeManagerHostname"]
        ended = self._all(set(names), _INFO_SECONDS)
        wrong = [f"node {names[key]}: no answer within {_INFO_SECONDS:.0f} s" for key in names if key not in ended]
        wrong += [line for key in ended for line in self._mistakes(ended[key], names[key], setting)]
        if wrong:
            raise UserError([f"--executor ray: {line}" for line in dict.fromkeys(wrong)])

    def _mistakes(self, answer: Future[str], node: str, setting: Setting) -> Iterator[str]:
        """What keeps a node from executing runs."""
        try:
            info = json.loads(answer.result())
        except RayTaskError as error:
            yield f"node {node}: resbench does not start there: {_line(error.cause or error, last=True)}"
            return
        except RayError as error:
            yield f"node {node}: {_line(error)}"
            return
        if info["token"] != self._secret:
            yield f"node {node} does not see {setting.folder.resolve()}: put --results on a file system that all share"
        ours = __version__, setting.code[0]
        if (info["version"], info["code"]) != ours:
            theirs = f"{info['version']} ({short_revision(str(info['code']))})"
            yield f"node {node} has resbench {theirs}, this one {ours[0]} ({short_revision(str(ours[1]))}): install the same"

    def _count(self, setting: Setting) -> list[dict[str, Any]]:
        """Nodes that have room for a run; counts the slots.

        Raises:
            UserError: the node of this machine is gone, through which alone the others are reached.
        """
        nodes: list[dict[str, Any]] = [node for node in ray.nodes() if node["Alive"]]
        if ray.get_runtime_context().get_node_id() not in {node["NodeID"] for node in nodes}:
            self._give_up("the Ray node on this machine is gone")
        room = {
            node["NodeID"]: min(
                int(node["Resources"].get(name, 0.0) / amount) for name, amount in _resources(setting, self._gpus)
            )
            for node in nodes
        }
        self._slots = sum(room.values())
        return [node for node in nodes if room[node["NodeID"]]]

    def _check(self) -> None:
        """Now and then, whether the cluster is still there, and how large it is."""
        now = time.monotonic()
        if now - self._checked < _CHECK_SECONDS or not self._setting or not self._token:
            return
        self._checked = now
        if not answers(self._head):
            if now - self._answered > self._patience:
                self._give_up(f"the head of the Ray cluster at {self._head} no longer answers")
            return
        self._answered = now
        self._count(self._setting)
        with contextlib.suppress(OSError):
            os.utime(self._token)  # another command would take an old one for what a crash has left

    def _give_up(self, why: str) -> NoReturn:
        self._dead = True
        raise UserError(
            f"--executor ray: {why}; every record and the last epoch of each run are kept: start Ray again, "
            "then the same command goes on",
            code=1,
        )

    def _report_progress(self, watcher: Watcher) -> None:
        """Progress of some runs, in turn."""
        now = time.monotonic()
        reads = int((now - self._read) * _READS_PER_SECOND)
        if reads:
            self._read = now
        for _ in range(min(reads, len(self._turns))):
            reference = self._turns.popleft()
            if reference in self._active:
                self._turns.append(reference)
                run, saved = self._active[reference]
                epochs = checkpoint.epoch(saved)
                if epochs:
                    watcher.epoch(run, epochs)

    def _outcome(self, reference: Reference, future: Future[str]) -> RunOutcome:
        run, saved = self._active.pop(reference)
        try:
            status, message, kind = json.loads(future.result())
        except LocalRayletDiedError:
            self._give_up("the Ray node on this machine is gone")
        except OutOfMemoryError as error:  # of the machine: Ray chose this run to make room, perhaps for another one
            return RunOutcome(run, "lost", _line(error), "out of memory", checkpoint.epoch(saved))
        except RayTaskError as error:
            cause = error.cause or error
            return RunOutcome(run, "died", _line(cause, last=True), type(cause).__name__)
        except (
            RayError
        ) as error:  # its node died, or the process that waited for it, which does nothing that could fail
            return RunOutcome(run, "lost", _line(error), epochs_saved=checkpoint.epoch(saved))
        if status == "unshared":
            folder = self._setting.folder.resolve() if self._setting else ""
            raise UserError(f"--executor ray: node {message} does not see {folder}: it joined the cluster without it")
        return RunOutcome(run, status, message, kind)


def _resources(setting: Setting, gpus: float) -> Iterator[tuple[str, float]]:
    """What a run takes of a node, in Ray's names."""
    yield "CPU", float(setting.threads)
    if setting.device == "cuda":
        yield "GPU", gpus


def needs(setting: Setting, gpus: float) -> dict[str, float]:
    """What a run takes of a node, as options of a Ray task."""
    resources = dict(_resources(setting, gpus))
    return {"num_cpus": resources["CPU"], "num_gpus": resources.get("GPU", 0.0)}


def _line(error: BaseException, last: bool = False) -> str:
    """The first line of what an error says; the last one if it ends with the traceback of another process."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1 if last else 0].strip()
