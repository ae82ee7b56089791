"""Carry out runs: one process per run, side by side; the store alone decides what is done.

A child claims its run, trains it, and publishes its record itself, so that a parent that dies loses nothing, and a
child whose parent has died notices at its next step and leaves. Children come from a fork server that has imported
torch but has started neither threads nor CUDA, which gives each run a fresh process within milliseconds.
"""

from __future__ import annotations

import collections
import functools
import multiprocessing
import multiprocessing.connection
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resbench.claim import PROBED
from resbench.config import UserError
from resbench.data import DATASETS, default_directory, prepare
from resbench.device import choose, provenance, revision
from resbench.grid import Grid, Planned
from resbench.record import Record, complete
from resbench.share import Share, share
from resbench.step import placed
from resbench.store import Store
from resbench.train import Stopped, empty, train

if TYPE_CHECKING:
    import pandas as pd

_BUSY = 75  # exit code of a child whose run another process holds (EX_TEMPFAIL)
_RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Setting:
    """What all runs of one command share.

    Attributes:
        folder: `results/<study>`.
        directory: torchvision data root.
        device: name of the torch device.
        threads: of torch in each run.
        code: git revision when the command began, and whether the code differed from it.
        probes: what is measured beside the training.
    """

    folder: Path
    directory: Path
    device: str
    threads: int
    code: tuple[str | None, bool]
    probes: tuple[str, ...] = ()


class Watcher:
    """What is told about runs while they go on; the base class says nothing."""

    def epoch(self, run: Planned, done: float) -> None:
        """A run has finished `done` epochs."""

    def finished(self, run: Planned, record: Record) -> None:
        """A run has left a record, here or in another process."""


def local(runs: Iterable[Planned], setting: Setting, jobs: int, watcher: Watcher) -> None:
    """Run processes side by side until every run has a record, whoever wrote it."""
    context = multiprocessing.get_context("forkserver")
    waiting = collections.deque(runs)
    remote = any(DATASETS[run.config.data.name].remote for run in waiting)
    # torch imports its compiler at the first optimizer, a second and a half that each run would pay for itself
    context.set_forkserver_preload(["resbench.train", "torch._dynamo", *(["torchvision"] if remote else [])])
    store = Store(setting.folder)
    later: dict[str, float] = {}  # id -> when a run that another process holds is tried again
    live: dict[Any, tuple[Planned, Any, Connection]] = {}
    try:
        while waiting or live:
            for _ in range(len(waiting)):
                if len(live) >= jobs:
                    break
                run = waiting.popleft()
                if later.get(run.id, 0) > time.monotonic():
                    waiting.append(run)
                    continue
                ours, theirs = context.Pipe(duplex=False)
                child = context.Process(target=_child, args=(run, setting, theirs), daemon=True)
                child.start()
                theirs.close()
                live[child.sentinel] = (run, child, ours)
            pipes = {ours: run for run, _, ours in live.values()}
            for ready in multiprocessing.connection.wait([*pipes, *live], timeout=0.5):
                if isinstance(ready, Connection):
                    _listen(ready, pipes[ready], watcher)
            for sentinel, (run, child, ours) in list(live.items()):
                if child.is_alive():
                    continue
                child.join()
                ours.close()
                del live[sentinel]
                if child.exitcode == _BUSY:
                    later[run.id] = time.monotonic() + _RETRY_SECONDS
                    waiting.append(run)
                else:
                    watcher.finished(run, _outcome(run, store, setting, child.exitcode))
    finally:
        for _, child, _ in live.values():
            child.terminate()
        for _, child, _ in live.values():
            child.join()


def serial(runs: Iterable[Planned], setting: Setting, watcher: Watcher) -> None:
    """The same in this process, one run after the other: for notebooks and debuggers."""
    store = Store(setting.folder)
    for run in runs:
        with store.claim(run.id) as held:
            if held and not complete(store.read(run.id), setting.probes):
                _do(run, setting, store, functools.partial(watcher.epoch, run))
        record = store.read(run.id)
        if record:
            watcher.finished(run, record)


def _listen(pipe: Connection, run: Planned, watcher: Watcher) -> None:
    try:
        while pipe.poll():
            watcher.epoch(run, pipe.recv())
    except (EOFError, OSError):
        return


def _outcome(run: Planned, store: Store, setting: Setting, code: int | None) -> Record:
    """The child's record, or one that says how the child died."""
    record = store.read(run.id)
    if record and (complete(record, setting.probes) or code == 0):
        return record
    died = f"killed by {signal.Signals(-code).name}" if code and code < 0 else f"ended with exit code {code}"
    if code == -signal.SIGKILL:
        died += ", perhaps for want of memory"
    failed = _failed(run, setting, "process died", f"the process of the run was {died}")
    store.add(failed)
    return failed


def _failed(run: Planned, setting: Setting, kind: str, message: str) -> Record:
    """The record of a run that could not even tell of itself."""
    placement = placed(run.config, choose(setting.device), setting.threads)
    return empty(run.config, "failed", provenance(placement, setting.code), {"kind": kind, "message": message})


def _child(run: Planned, setting: Setting, pipe: Connection) -> None:
    """Claim, train, publish, in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C goes to the whole group; the parent decides
    parent = os.getppid()

    def tell(done: float) -> None:
        try:
            pipe.send(done)
        except OSError:
            raise Stopped from None
        if os.getppid() != parent:  # the fork server died, so the command did
            raise Stopped

    store = Store(setting.folder)
    with store.claim(run.id) as held:
        if not held:
            os._exit(_BUSY)
        if complete(store.read(run.id), setting.probes):
            return
        try:
            _do(run, setting, store, tell)
        except Stopped:
            os._exit(1)


def _do(run: Planned, setting: Setting, store: Store, progress: Callable[[float], None]) -> None:
    saved = store.checkpoint(run.id)
    there = store.read(run.id)
    # a record is replaced by one that has all its probes too
    wanted = {*setting.probes, *(there.get("probes", {}) if there else {})}
    try:
        record = train(
            run.config,
            setting.directory,
            choose(setting.device),
            setting.threads,
            saved=saved,
            progress=progress,
            code=setting.code,
            probes=[name for name in PROBED if name in wanted],
        )
    except UserError as error:
        record = _failed(run, setting, "data", str(error))
    store.add(record)
    if record["status"] != "failed":
        saved.unlink(missing_ok=True)


def start(
    grid: Grid,
    results: Path,
    directory: Path | None = None,
    device: str = "auto",
    jobs: int | None = None,
) -> tuple[Setting, Share]:
    """Make ready: device, data, study file. Returns the setting, and how the runs share the machine.

    Raises:
        UserError: a device or data that is not there.
    """
    kind = choose(device).type
    planned = grid.runs()
    folder = results / grid.name
    directory = directory or default_directory()
    for data in {run.of.data.name: run.of.data for run in planned}.values():
        prepare(data, directory)
    Store(folder).write_study(grid.study())
    way = share(jobs, planned, Store(folder), kind)
    return Setting(folder, directory, kind, way.threads, revision(), grid.probes), way


def run(
    grid: Grid | str | Path,
    jobs: int | None = 1,
    results: str | Path = "results",
    data_dir: str | Path | None = None,
    device: str = "auto",
) -> pd.DataFrame:
    """Do what is missing of a grid and return all its records.

    Args:
        grid: a Grid, or the path of a grid file.
        jobs: runs side by side; 1 runs in this process, None chooses.
        results: folder of all studies.
        data_dir: torchvision data root.
        device: auto, cpu, cuda or mps.

    Returns:
        One row per record of the study, as `resbench.load`.

    Raises:
        UserError: anything that keeps the grid from running.
    """
    grid = grid if isinstance(grid, Grid) else Grid.load(grid)
    setting, way = start(grid, Path(results), Path(data_dir) if data_dir else None, device, jobs)
    store = Store(setting.folder)
    done = store.done(grid.probes)
    missing = [planned for planned in grid.runs() if planned.id not in done]
    if jobs == 1:
        serial(missing, setting, Watcher())
    else:
        local(missing, setting, way.jobs, Watcher())
    return store.frame()
