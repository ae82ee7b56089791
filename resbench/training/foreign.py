"""One run by the training code of a user: a function, or a command in a folder of its own. Returns its record, as `train` does."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from resbench.core.errors import Stopped, Unwritable
from resbench.core.version import Revision
from resbench.records.record import Provenance, Record, Row, RunError
from resbench.training import foreign_command
from resbench.training.course import empty_record
from resbench.training.foreign_results import WrongResult, diverged, final, numbers
from resbench.training.memory import is_out_of_memory
from resbench.training.observer import Observer
from resbench.training.placement import placement_of
from resbench.training.provenance import provenance
from resbench.training.run import RunConfig

_OURS = ("precision", "channels_last")  # facts that only our own code decides
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass
class Reporter:
    """What the code calls to say how far it is: `report(epoch, val_accuracy=0.9, ...)`.

    Attributes:
        device, threads: that the process has, as torch calls it; the code decides what it makes of them.
        history: a row for each call with metrics.
        stopped: why the run has to end, even if the code goes on.
    """

    observer: Observer
    device: str = "cpu"
    threads: int = 1
    history: list[Row] = field(default_factory=list)
    stopped: Stopped | None = None
    _since: float = field(default_factory=time.perf_counter)

    def __call__(self, epoch: float, **metrics: Any) -> None:
        """Note the epochs that are done, as a fraction if need be, and what was measured.

        Raises:
            Stopped: the run has to end here: the code should not catch it.
            WrongResult: what is reported is not a number.
        """
        self.note(epoch, metrics)

    def note(self, epoch: float, metrics: Mapping[str, Any]) -> None:
        """The same of metrics with any names."""
        done = numbers({"epoch": epoch})["epoch"] or 0.0
        try:
            self.observer.step(done)
            if metrics:
                now = time.perf_counter()
                row: Row = {"epoch": int(done) if done == int(done) else done, **numbers(metrics)}
                self.history.append(row | {"seconds": round(now - self._since, 4)})
                self._since = now
                self.observer.epoch(self.history)
        except Stopped as stopped:
            self.stopped = stopped
            raise


def train_foreign(
    run: RunConfig,
    device: torch.device,
    threads: int,
    saved: Path | None = None,
    observer: Observer | None = None,
    code: Revision | None = None,
    tested: bool = True,
) -> Record:
    """Do one run by the code of its `trainer`.

    Args:
        device, threads: that the process has.
        saved: where a checkpoint would be; a command has its folder next to it.
        observer, code, tested: as of `train`; without the test set its metrics are left out.

    Returns:
        The record: ok, diverged, or failed with the traceback, or with what a command said at its end.

    Raises:
        Stopped: by the observer.
        UserError: the code cannot be loaded.
    """
    facts = provenance(placement_of(run, device, threads), code).facts
    record = empty_record(run, "ok", Provenance({name: fact for name, fact in facts.items() if name not in _OURS}))
    reporter = Reporter(observer or Observer(), device.type, threads)
    record.history = reporter.history
    began = time.perf_counter()
    try:
        with _threads(threads), run.at_home():
            returned = _call(run, device, saved, reporter, tested)
        record.metrics, record.predictions = final(returned, reporter.history, tested)
        if name := diverged(record.metrics):
            record.status, record.error = "diverged", RunError("diverged", f"{name} is not a finite number")
    except (Stopped, Unwritable):
        raise
    except (Exception, SystemExit) as error:
        if reporter.stopped:
            raise reporter.stopped from None
        record.status, record.error = "failed", _why(error)
    if reporter.stopped:
        raise reporter.stopped
    seconds = round(time.perf_counter() - began, 3)
    record.metrics = {"train_seconds": seconds, **record.metrics, "run_seconds": seconds}
    return record


def _call(run: RunConfig, device: torch.device, saved: Path | None, reporter: Reporter, tested: bool) -> Any:
    if run.trainer.command != "none":
        return foreign_command.call(run, device.type, saved, reporter.note, keep=tested)
    function = run.trainer.function()
    # the process of a run may have no children by default; data loaders are some
    multiprocessing.process.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    with _seeded(run.seed, device), contextlib.chdir(Path.cwd()):  # the code may go elsewhere
        return function(run, run.seed, reporter)


def _why(error: BaseException) -> RunError:
    """The error of a record."""
    if isinstance(error, foreign_command.CommandFailed):
        return RunError("command", str(error), {"traceback": error.output} if error.output else {})
    if isinstance(error, WrongResult):
        return RunError("result", str(error))
    kind = "out of memory" if isinstance(error, Exception) and is_out_of_memory(error) else type(error).__name__
    return RunError(kind, str(error) or type(error).__name__, {"traceback": traceback.format_exc()})


@contextlib.contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the generators of Python, NumPy and torch; they are as before at the end."""
    python, arrays = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(arrays)


@contextlib.contextmanager
def _threads(threads: int) -> Iterator[None]:
    """Let torch, and the libraries that read the environment or know threadpoolctl, use so many threads."""
    before, own = torch.get_num_threads(), {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(threads)))
    torch.set_num_threads(threads)
    try:
        with _limited(threads):
            yield
    finally:
        torch.set_num_threads(before)
        for name in _THREADS:
            os.environ.pop(name, None)  # the code may have done so
        os.environ.update({name: value for name, value in own.items() if value is not None})


def _limited(threads: int) -> contextlib.AbstractContextManager[Any]:
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return contextlib.nullcontext()
    limits: contextlib.AbstractContextManager[Any] = threadpool_limits(threads)
    return limits
