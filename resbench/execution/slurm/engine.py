"""Runs as elements of Slurm job arrays, through submitit: one array for all that is missing.

What has ended is read from the store, at a glance, and from squeue, seldom. Each run keeps its own state, so a job that
is requeued, or submitted again, goes on where the run was.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from submitit import SlurmExecutor
from submitit.core.utils import FailedJobError, FailedSubmissionError

from resbench.core.errors import UserError
from resbench.core.locks import hold
from resbench.execution.driver import Ending, Watcher
from resbench.execution.slurm import queue
from resbench.execution.slurm.job import Element
from resbench.execution.slurm.jobs import Book, Sent
from resbench.execution.slurm.options import parameters, parsed
from resbench.execution.slurm.queue import State
from resbench.execution.task import Setting, Task
from resbench.grid.grid import Planned
from resbench.records.store import Store
from resbench.training import checkpoint

if TYPE_CHECKING:
    from resbench.execution.session import Cluster

_MOST_TIMEOUTS = 100
_GRACE_SECONDS = 40.0  # until cancelled jobs have gone; Slurm's own KillWait is 30
_SETTLE_SECONDS = 30.0  # until a record that a job wrote on its node is seen here
_AGAIN_SECONDS = 60.0  # after Slurm has refused more jobs


@dataclass
class _Live:
    run: Planned
    task: Task
    job: str
    before: tuple[int, int] | None
    ours: bool  # not adopted from an earlier command
    ended: float | None = None  # when Slurm first said that it had


class _Pace:
    """When to look again: so that looking takes a twentieth of the time, and within bounds."""

    def __init__(self, least: float) -> None:
        self._least, self._next = least, 0.0

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def looked(self, began: float, least: float | None = None) -> None:
        now = time.monotonic()
        self._next = now + max(self._least if least is None else least, 20 * (now - began))


def slurm_engine(cluster: Cluster) -> Callable[[int, Sequence[Planned]], Slurm]:
    """What makes the engine for a cluster.

    Raises:
        UserError: there is no Slurm here, or an option cannot be meant.
    """
    parsed(cluster.slurm)
    if not queue.installed():
        raise UserError(
            "--executor slurm: this machine has no sbatch, squeue and srun: use a login node of the cluster"
        )
    return functools.partial(Slurm, options=cluster.slurm)


class Slurm:
    """An engine, see `drive.Engine`.

    Args:
        jobs: at most so many at the same time; 0 for all.
        runs: to come.
        options: for sbatch, as `partition=gpu`.
    """

    def __init__(self, jobs: int, runs: Sequence[Planned], options: Iterable[str] = ()) -> None:
        self._jobs = jobs or max(1, len(runs))
        self._options = parsed(options)
        self._new: list[tuple[Planned, Task]] = []
        self._live: dict[str, _Live] = {}
        self._over: list[tuple[str, bool]] = []  # jobs that have ended, and whether well
        self._sent_any = False
        self._began = time.monotonic()
        self._store_pace, self._queue_pace, self._send_pace = _Pace(0.5), _Pace(2.0), _Pace(0.5)
        self._largest = 0

    def free(self) -> bool:
        return True

    def submit(self, run: Planned, task: Task) -> None:
        """Keep it for the next array, which `wait` submits."""
        self._new.append((run, task))

    def wait(self, seconds: float, watcher: Watcher) -> list[Ending]:
        if self._new and self._send_pace.due():
            self.send(watcher)
        endings = self._finished()
        if self._live and self._queue_pace.due():
            endings += self._asked(watcher)
        if not endings:
            time.sleep(seconds)
        return endings

    def stop(self) -> None:
        """Cancel what this command has submitted, and wait until each run has kept its state."""
        ours = {one.job for one in self._live.values() if one.ours}
        over = {job for job, _ in self._over}
        live = set(ours)
        if ours:
            with contextlib.suppress(UserError):
                queue.cancel({job.partition("_")[0] for job in ours})
                book = self._book(next(iter(self._live.values())).task.setting)
                until = time.monotonic() + _GRACE_SECONDS
                while time.monotonic() < until:
                    states = queue.states(book.name)
                    live = {job for job in ours if job in states and states[job].live}
                    if not live:
                        break
                    time.sleep(0.5)
        # those that are still there stay in the book, for the next command to wait for
        if over | (ours - live):
            self._last_book.drop(over | (ours - live), tidy=[job for job, well in self._over if well])
        self._live.clear()
        self._over.clear()

    # Submitting

    def send(self, watcher: Watcher) -> tuple[int, int] | None:
        """Submit what is new as one array, or as few as Slurm allows, but nothing that a job already has.

        Returns:
            Runs that are now with Slurm, and those of them that were before; others stay new. None while another
            command submits.

        Raises:
            UserError: Slurm is not there, or refuses.
        """
        began = time.monotonic()
        setting = self._new[0][1].setting
        book = self._book(setting)
        counted = adopted = 0
        with hold(book.open() / "submit.lock") as held:
            if held is None:
                self._send_pace.looked(began)
                return None
            try:
                adopted = self._adopt(book)
                counted = adopted
                self._largest = self._largest or queue.largest_array()
                arrays = -(-len(self._new) // self._largest)  # which share the number that may run at once
                while self._new:
                    counted += self._array(book, setting, watcher, arrays)
                    self._sent_any = True
            except UserError as error:
                # a limit on jobs, or a controller that restarts: nothing to give up a weekend's work for
                if not (self._sent_any or self._live):
                    raise
                watcher.told(f"{error}: {len(self._new)} runs are submitted later")
                self._send_pace.looked(began, _AGAIN_SECONDS)
        return counted, adopted

    def _adopt(self, book: Book) -> int:
        """Wait for the jobs of earlier commands instead of submitting their runs again."""
        sent = book.sent()
        if not sent:
            return 0
        states = queue.states(book.name)
        rest = []
        for run, task in self._new:
            known = sent.get(run.id)
            if known and known.job in states and states[known.job].live:
                self._live[run.id] = _Live(run, task, known.job, known.before, ours=False)
            else:
                rest.append((run, task))
        adopted = len(self._new) - len(rest)
        self._new = rest
        return adopted

    def _array(self, book: Book, setting: Setting, watcher: Watcher, arrays: int) -> int:
        part = self._new[: self._largest]
        before = {run.id: book.store.stamp(run.id) for run, _ in part}
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):  # submitit repeats there what the exception says
                executor = SlurmExecutor(book.folder, max_num_timeout=_MOST_TIMEOUTS)
                at_once = max(1, self._jobs // arrays)
                executor.update_parameters(**parameters(self._options, book.name, setting, at_once))
                jobs = executor.map_array(Element(), [task.dump() for _, task in part])
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            book.clear()
            lines = [re.sub(r"^sbatch: (error: )?", "", line) for line in str(error).splitlines()]
            why = "; ".join(line for line in lines if line.strip() and not line.startswith("Try "))
            raise UserError(f"Slurm refuses the runs: {why or 'no reason given'}") from None
        del self._new[: self._largest]
        for (run, task), job in zip(part, jobs, strict=True):
            self._live[run.id] = _Live(run, task, job.job_id, before[run.id], ours=True)
        book.add([Sent(run.id, self._live[run.id].job, task, before[run.id]) for run, task in part])
        self._queue_pace.looked(time.monotonic())
        self._began = time.monotonic()
        watcher.told(f"job {jobs[0].job_id.partition('_')[0]}: {len(part)} runs")
        return len(part)

    def _book(self, setting: Setting) -> Book:
        self._last_book = Book(Store(setting.folder))
        return self._last_book

    # Looking

    def _finished(self) -> list[Ending]:
        """Runs whose records have appeared."""
        began = time.monotonic()
        if not self._live or not self._store_pace.due():
            return []
        store = self._last_book.store
        there = [self._live[run_id] for run_id in store.ids() & self._live.keys()]
        endings = [
            self._over_now(one, Ending(one.run, "done"))
            for one in there
            if store.stamp(one.run.id) not in (None, one.before)
        ]
        self._store_pace.looked(began)
        return endings

    def _asked(self, watcher: Watcher) -> list[Ending]:
        """Runs whose jobs have ended, whatever they left; tells the watcher how far the others are."""
        began = time.monotonic()
        store = self._last_book.store
        endings = []
        try:
            states = queue.states(self._last_book.name, [one.job for one in self._live.values()])
        except UserError as error:
            watcher.told(f"{error}: asking again")
            states = {}
        for one in list(self._live.values()) if states else ():
            state = states[one.job]
            if state.name == "RUNNING" and (done := checkpoint.epoch(store.checkpoint(one.run.id))):
                watcher.epoch(one.run, done)
            if not state.live and (ending := self._ending(one, state, store)):
                endings.append(self._over_now(one, ending))
        # often at first, when a mistake shows; then as seldom as is decent
        self._queue_pace.looked(began, min(30.0, max(2.0, (began - self._began) / 4)))
        return endings

    def _ending(self, one: _Live, state: State, store: Store) -> Ending | None:
        verdict = queue.judge(one.job, state, one.task.setting.timeout, self._last_book.folder)
        if store.stamp(one.run.id) not in (None, one.before):
            return Ending(one.run, "done")
        if verdict.how == "done":
            one.ended = one.ended or time.monotonic()
            if time.monotonic() - one.ended < _SETTLE_SECONDS:
                return None
            return Ending(one.run, "died", f"job {one.job} ended without a record", "slurm: COMPLETED")
        if state.name.startswith("CANCELLED") and not one.ours:
            # by the command that submitted it, which was asked to stop; this one was not
            return Ending(one.run, "lost", f"job {one.job} was cancelled", f"slurm: {state.name}")
        return Ending(one.run, verdict.how, verdict.message, verdict.kind)

    def _over_now(self, one: _Live, ending: Ending) -> Ending:
        del self._live[one.run.id]
        self._over.append((one.job, ending.how in ("done", "busy")))
        return ending
