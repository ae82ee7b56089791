"""Runs as tasks of Ray Core, one for each.

Ray carries text to machines and tells when one is gone. It retries nothing: a run that was lost with its machine goes
back to the driver, which asks the records before it submits it again.
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
from typing import Any, NoReturn

import ray
from ray.exceptions import LocalRayletDiedError, OutOfMemoryError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import resbench
from resbench.core.config import UserError
from resbench.execution.driver import Ending, Watcher
from resbench.execution.ray.engine import answers
from resbench.execution.remote import apart, around
from resbench.execution.task import Setting, Task
from resbench.grid.grid import Planned
from resbench.records.store import Store
from resbench.training import checkpoint

_CHECK_SECONDS = 5.0  # between looks at the cluster
_LOOK_SECONDS = 120.0  # for a task on every node: a process that imports torch, perhaps from a slow disk
_GRACE_SECONDS = 40.0  # for runs to keep their state: those 30 of a process, and the way there
_LOOKS_PER_SECOND = 20.0  # at checkpoints, for the progress of the runs
_RETRIES = {"max_retries": 0, "retry_exceptions": False}


class RayTasks:
    """The engine of the Ray cluster that this process is in.

    Args:
        jobs: runs side by side; 0 for as many as there is room for.
        gpus: that a run takes where it runs on one; a fraction shares one.
        patience: seconds with a head that does not answer; after 60 Ray would end this process in its own way.
        left: what is closed when all has ended.
    """

    def __init__(self, jobs: int, gpus: float, patience: float, left: contextlib.ExitStack) -> None:
        self._jobs, self._gpus, self._patience, self._left = jobs, gpus, patience, left
        self._going: dict[Any, tuple[Planned, Path]] = {}  # Ray's reference -> run, and its checkpoint
        # Ray's own waiting takes a signal for an error of its own
        self._ended: queue.SimpleQueue[tuple[Any, Future[str]]] = queue.SimpleQueue()
        self._turns: collections.deque[Any] = collections.deque()  # whose progress is looked at next
        self._looked = self._checked = self._answered = time.monotonic()
        self._setting: Setting | None = None
        self._token: Path | None = None
        self._secret = uuid.uuid4().hex
        self._slots = 0
        self._dead = False
        self._head = ray.get_runtime_context().gcs_address
        self._carry = ray.remote(**_RETRIES)(apart)

    def free(self) -> bool:
        if not self._setting:
            return True
        # a few more than have room, so that no slot waits for the driver
        return len(self._going) < (self._jobs or self._slots + 1 + self._slots // 4)

    def submit(self, run: Planned, task: Task) -> None:
        if not self._setting:
            self._begin(task.setting)
        name = f"{task.setting.folder.name} {run.id}"
        carry = self._carry.options(name=name, **needs(task.setting, self._gpus))
        reference = self._awaited(carry.remote(task.dump(), str(self._token), self._secret))
        self._going[reference] = run, Store(task.setting.folder).checkpoint(run.id)
        self._turns.append(reference)

    def wait(self, seconds: float, watcher: Watcher) -> list[Ending]:
        self._check()
        self._tell(watcher)
        return [self._ending(*one) for one in self._some(seconds)]

    def stop(self) -> None:
        try:
            if self._going and not self._dead:
                for reference in self._going:
                    ray.cancel(reference)
                self._all(set(self._going), _GRACE_SECONDS)
        finally:
            if self._token:
                self._token.unlink(missing_ok=True)
            self._left.close()

    def _awaited(self, reference: Any) -> Any:
        reference.future().add_done_callback(lambda future: self._ended.put((reference, future)))
        return reference

    def _some(self, seconds: float) -> list[tuple[Any, Future[str]]]:
        """What has ended, as soon as there is something."""
        with contextlib.suppress(queue.Empty):
            found = [self._ended.get(timeout=max(0.0, seconds))]
            while not self._ended.empty():
                found.append(self._ended.get())
            return found
        return []

    def _all(self, references: set[Any], seconds: float) -> dict[Any, Future[str]]:
        """What has ended of these when all have, or after so many seconds."""
        found: dict[Any, Future[str]] = {}
        until = time.monotonic() + seconds
        while references - found.keys() and time.monotonic() < until:
            found.update(self._some(until - time.monotonic()))
        return found

    def _begin(self, setting: Setting) -> None:
        """Look whether every node that may be given a run can carry one out."""
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
        look = ray.remote(**_RETRIES)(around)
        there = {}
        for node in nodes:
            there_alone = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            reference = look.options(num_cpus=0, scheduling_strategy=there_alone).remote(str(self._token))
            there[self._awaited(reference)] = node["NodeManagerHostname"]
        told = self._all(set(there), _LOOK_SECONDS)
        wrong = [f"node {there[one]}: no answer within {_LOOK_SECONDS:.0f} s" for one in there if one not in told]
        wrong += [line for one in told for line in self._amiss(told[one], there[one], setting)]
        if wrong:
            raise UserError([f"--executor ray: {line}" for line in dict.fromkeys(wrong)])

    def _amiss(self, told: Future[str], node: str, setting: Setting) -> Iterator[str]:
        try:
            found = json.loads(told.result())
        except RayTaskError as error:
            yield f"node {node}: resbench does not start there: {_line(error.cause or error, last=True)}"
            return
        except RayError as error:
            yield f"node {node}: {_line(error)}"
            return
        if found["token"] != self._secret:
            yield f"node {node} does not see {setting.folder.resolve()}: put --results on a file system that all share"
        ours = resbench.__version__, setting.code[0]
        if (found["version"], found["code"]) != ours:
            theirs = f"{found['version']} ({str(found['code'])[:12]})"
            yield f"node {node} has resbench {theirs}, this one {ours[0]} ({str(ours[1])[:12]}): install the same"

    def _count(self, setting: Setting) -> list[dict[str, Any]]:
        """Nodes that have room for a run; counts the slots.

        Raises:
            UserError: the node of this machine is gone, through which alone the others are reached.
        """
        nodes: list[dict[str, Any]] = [node for node in ray.nodes() if node["Alive"]]
        if ray.get_runtime_context().get_node_id() not in {node["NodeID"] for node in nodes}:
            self._over("the Ray node on this machine is gone")
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
                self._over(f"the head of the Ray cluster at {self._head} no longer answers")
            return
        self._answered = now
        self._count(self._setting)
        with contextlib.suppress(OSError):
            os.utime(self._token)  # lest another command takes it for what a crash has left

    def _over(self, why: str) -> NoReturn:
        self._dead = True
        raise UserError(
            f"--executor ray: {why}; every record and the last epoch of each run are kept: start Ray anew, "
            "then the same command goes on",
            code=1,
        )

    def _tell(self, watcher: Watcher) -> None:
        """Progress of some runs, in turn."""
        now = time.monotonic()
        looks = int((now - self._looked) * _LOOKS_PER_SECOND)
        if looks:
            self._looked = now
        for _ in range(min(looks, len(self._turns))):
            reference = self._turns.popleft()
            if reference in self._going:
                self._turns.append(reference)
                run, saved = self._going[reference]
                done = checkpoint.epoch(saved)
                if done:
                    watcher.epoch(run, done)

    def _ending(self, reference: Any, told: Future[str]) -> Ending:
        run, saved = self._going.pop(reference)
        try:
            how, message, kind = json.loads(told.result())
        except LocalRayletDiedError:
            self._over("the Ray node on this machine is gone")
        except OutOfMemoryError as error:  # of the machine: Ray chose this run to make room, perhaps for another's sake
            return Ending(run, "lost", _line(error), "out of memory", checkpoint.epoch(saved))
        except RayTaskError as error:
            return Ending(run, "died", _line(error.cause or error, last=True), type(error.cause or error).__name__)
        except (
            RayError
        ) as error:  # its node died, or the process that waited for it, which does nothing that could fail
            return Ending(run, "lost", _line(error), kept=checkpoint.epoch(saved))
        if how == "unshared":
            folder = self._setting.folder.resolve() if self._setting else ""
            raise UserError(f"--executor ray: node {message} does not see {folder}: it joined the cluster without it")
        return Ending(run, how, message, kind)


def _resources(setting: Setting, gpus: float) -> Iterator[tuple[str, float]]:
    """What a run takes of a node, in Ray's names."""
    yield "CPU", float(setting.threads)
    if setting.device == "cuda":
        yield "GPU", gpus


def needs(setting: Setting, gpus: float) -> dict[str, float]:
    found = dict(_resources(setting, gpus))
    return {"num_cpus": found["CPU"], "num_gpus": found.get("GPU", 0.0)}


def _line(error: BaseException, last: bool = False) -> str:
    """The first line of what an error says; the last one if it ends with the traceback of another process."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1 if last else 0].strip()
