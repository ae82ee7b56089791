"""Runs as elements of Slurm job arrays, through submitit: one array for all that is missing.

What has ended is read from the store, often, and from squeue, seldom. Each run saves its own state, so a job that is
requeued, or submitted again, goes on where the run was.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from submitit import SlurmExecutor
from submitit.core.utils import FailedJobError, FailedSubmissionError

from resbench.core.errors import UserError
from resbench.core.locks import try_lock
from resbench.execution.driver import RunOutcome, Watcher
from resbench.execution.executors import Cluster
from resbench.execution.slurm import queue
from resbench.execution.slurm.job import Element
from resbench.execution.slurm.jobs import JobLedger, SentRun, array_of
from resbench.execution.slurm.options import parameters, parsed
from resbench.execution.slurm.queue import JobState
from resbench.execution.task import Setting, Task
from resbench.grid.grid import PlannedRun
from resbench.records.store import Store
from resbench.training import checkpoint

_MAX_TIMEOUTS = 100
_GRACE_SECONDS = 40.0  # until cancelled jobs have gone; Slurm's own KillWait is 30
_SETTLE_SECONDS = 30.0  # until a record that a job wrote on its node is seen here
_AGAIN_SECONDS = 60.0  # after Slurm has refused more jobs


@dataclass
class _Job:
    """A run that a job has."""

    run: PlannedRun
    task: Task
    id: str
    before: tuple[int, int] | None
    ours: bool  # not adopted from an earlier command
    ended: float | None = None  # when Slurm first said that it had


class _Pace:
    """When to read again: so that reading takes a twentieth of the time, and not more often than every `least` seconds."""

    def __init__(self, least: float) -> None:
        self._least, self._next = least, 0.0

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def done(self, began: float, least: float | None = None) -> None:
        now = time.monotonic()
        self._next = now + max(self._least if least is None else least, 20 * (now - began))


def slurm_engine(cluster: Cluster) -> Callable[[int, Sequence[PlannedRun]], Slurm]:
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
    """An engine, see `driver.Engine`.

    Args:
        jobs: at most so many at the same time; 0 for all.
        runs: to come.
        options: for sbatch, as `partition=gpu`.
    """

    def __init__(self, jobs: int, runs: Sequence[PlannedRun], options: Iterable[str] = ()) -> None:
        self._jobs = jobs or max(1, len(runs))
        self._options = parsed(options)
        self._new: list[tuple[PlannedRun, Task]] = []
        self._live: dict[str, _Job] = {}  # by run id
        self._over: list[tuple[str, bool]] = []  # jobs that have ended, and whether well
        self._any_sent = False
        self._began = time.monotonic()
        self._store_pace, self._queue_pace, self._send_pace = _Pace(0.5), _Pace(2.0), _Pace(0.5)
        self._largest = 0

    def free(self) -> bool:
        return True

    def submit(self, run: PlannedRun, task: Task) -> None:
        """Put it into the next array, which `wait` submits."""
        self._new.append((run, task))

    def wait(self, seconds: float, watcher: Watcher) -> list[RunOutcome]:
        if self._new and self._send_pace.due():
            self.send(watcher)
        outcomes = self._recorded()
        if self._live and self._queue_pace.due():
            outcomes += self._ended(watcher)
        if not outcomes:
            time.sleep(seconds)
        return outcomes

    def stop(self) -> None:
        """Cancel what this command has submitted, and wait until each run has saved its state."""
        ours = {job.id for job in self._live.values() if job.ours}
        over = {job for job, _ in self._over}
        live = set(ours)
        if ours:
            with contextlib.suppress(UserError):
                queue.cancel(set(map(array_of, ours)))
                ledger = self._open_ledger(next(iter(self._live.values())).task.setting)
                until = time.monotonic() + _GRACE_SECONDS
                while time.monotonic() < until:
                    states = queue.states(ledger.name)
                    live = {job for job in ours if job in states and states[job].live}
                    if not live:
                        break
                    time.sleep(0.5)
        # those that are still live stay in the ledger, for the next command to wait for
        if over | (ours - live):
            self._ledger.drop(over | (ours - live), tidy=[job for job, well in self._over if well])
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
        ledger = self._open_ledger(setting)
        total = adopted = 0
        with try_lock(ledger.open() / "submit.lock") as lock:
            if lock is None:
                self._send_pace.done(began)
                return None
            try:
                adopted = self._adopt(ledger)
                total = adopted
                self._largest = self._largest or queue.largest_array()
                arrays = -(-len(self._new) // self._largest)  # which divide the number that may run at once
                while self._new:
                    total += self._submit_array(ledger, setting, watcher, arrays)
                    self._any_sent = True
            except UserError as error:
                # a limit on jobs, or a controller that restarts: no reason to give up a weekend's work
                if not (self._any_sent or self._live):
                    raise
                watcher.message(f"{error}: {len(self._new)} runs are submitted later")
                self._send_pace.done(began, _AGAIN_SECONDS)
        return total, adopted

    def _adopt(self, ledger: JobLedger) -> int:
        """Wait for the jobs of earlier commands instead of submitting their runs again."""
        sent_runs = ledger.sent()
        if not sent_runs:
            return 0
        states = queue.states(ledger.name)
        rest = []
        for run, task in self._new:
            sent = sent_runs.get(run.id)
            if sent and sent.job in states and states[sent.job].live:
                self._live[run.id] = _Job(run, task, sent.job, sent.before, ours=False)
            else:
                rest.append((run, task))
        adopted = len(self._new) - len(rest)
        self._new = rest
        return adopted

    def _submit_array(self, ledger: JobLedger, setting: Setting, watcher: Watcher, arrays: int) -> int:
        part = self._new[: self._largest]
        before = {run.id: ledger.store.stamp(run.id) for run, _ in part}
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # submitit repeats there what the exception says
                executor = SlurmExecutor(ledger.folder, max_num_timeout=_MAX_TIMEOUTS)
                at_once = max(1, self._jobs // arrays)
                executor.update_parameters(**parameters(self._options, ledger.name, setting, at_once))
                jobs = executor.map_array(Element(), [task.to_json() for _, task in part])
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            ledger.clear()
            lines = [re.sub(r"^sbatch: (error: )?", "", line) for line in str(error).splitlines()]
            why = "; ".join(line for line in lines if line.strip() and not line.startswith("Try "))
            raise UserError(f"Slurm refuses the runs: {why or 'no reason given'}") from None
        del self._new[: self._largest]
        for (run, task), job in zip(part, jobs, strict=True):
            self._live[run.id] = _Job(run, task, job.job_id, before[run.id], ours=True)
        ledger.add([SentRun(run.id, self._live[run.id].id, task.to_json(), before[run.id]) for run, task in part])
        self._queue_pace.done(time.monotonic())
        self._began = time.monotonic()
        watcher.message(f"job {array_of(jobs[0].job_id)}: {len(part)} runs")
        return len(part)

    def _open_ledger(self, setting: Setting) -> JobLedger:
        self._ledger = JobLedger(Store(setting.folder))
        return self._ledger

    # Reading

    def _recorded(self) -> list[RunOutcome]:
        """Runs whose records have appeared."""
        began = time.monotonic()
        if not self._live or not self._store_pace.due():
            return []
        store = self._ledger.store
        with_record = [self._live[run_id] for run_id in store.ids() & self._live.keys()]
        outcomes = [
            self._take_out(job, RunOutcome(job.run, "done"))
            for job in with_record
            if store.stamp(job.run.id) not in (None, job.before)
        ]
        self._store_pace.done(began)
        return outcomes

    def _ended(self, watcher: Watcher) -> list[RunOutcome]:
        """Runs whose jobs have ended, whatever they left; the watcher receives how far the others are."""
        began = time.monotonic()
        store = self._ledger.store
        outcomes = []
        try:
            states = queue.states(self._ledger.name, [job.id for job in self._live.values()])
        except UserError as error:
            watcher.message(f"{error}: asking again")
            states = {}
        for job in list(self._live.values()) if states else ():
            state = states[job.id]
            if state.name == "RUNNING" and (epochs := checkpoint.epoch(store.checkpoint(job.run.id))):
                watcher.epoch(job.run, epochs)
            if not state.live and (outcome := self._outcome(job, state, store)):
                outcomes.append(self._take_out(job, outcome))
        # often at first, when a mistake shows; then as seldom as is decent
        self._queue_pace.done(began, min(30.0, max(2.0, (began - self._began) / 4)))
        return outcomes

    def _outcome(self, job: _Job, state: JobState, store: Store) -> RunOutcome | None:
        """How a run whose job has ended did; None while its record may yet appear."""
        end = queue.judge(job.id, state, job.task.setting.timeout, self._ledger.folder)
        if store.stamp(job.run.id) not in (None, job.before):
            return RunOutcome(job.run, "done")
        if end.status == "done":
            record = store.read(job.run.id) if job.task.setting.weights else None
            if record and record.answers(job.task.setting.probes):  # trained again for its weights, it stays as it was
                return RunOutcome(job.run, "done")
            job.ended = job.ended or time.monotonic()
            if time.monotonic() - job.ended < _SETTLE_SECONDS:
                return None
            return RunOutcome(job.run, "died", f"job {job.id} ended without a record", "slurm: COMPLETED")
        if state.name.startswith("CANCELLED") and not job.ours:
            # by the command that submitted it, which was asked to stop; this one was not
            return RunOutcome(job.run, "lost", f"job {job.id} was cancelled", f"slurm: {state.name}")
        return RunOutcome(job.run, end.status, end.message, end.kind)

    def _take_out(self, job: _Job, outcome: RunOutcome) -> RunOutcome:
        del self._live[job.run.id]
        self._over.append((job.id, outcome.status in ("done", "busy")))
        return outcome
