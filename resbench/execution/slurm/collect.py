"""Runs that a command left to Slurm: what has become of them, and taking in what has ended."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from resbench.core.errors import Unwritable, UserError
from resbench.core.own_code import ChangedCode
from resbench.execution.driver import Watcher
from resbench.execution.saved_weights import unsaved
from resbench.execution.slurm.jobs import JobLedger, array_of
from resbench.execution.slurm.queue import JobState, judge, states
from resbench.execution.task import Setting, Task, failed_record
from resbench.grid.grid import PlannedRun
from resbench.records.store import Store

_PATIENCE_SECONDS = 60.0  # with another command that submits


class _Printer(Watcher):
    def message(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def detach(runs: Sequence[PlannedRun], jobs: int, options: Sequence[str], setting: Setting) -> str:
    """Submit what is missing and leave it to Slurm.

    Args:
        runs: those without a record.
        jobs: at most so many at the same time.
        options: of sbatch.

    Returns:
        What has become of the runs, in a line.

    Raises:
        UserError: Slurm is not there, or refuses.
    """
    from resbench.execution.slurm.engine import Slurm  # needs submitit, which `status` and `collect` do without

    engine, name = Slurm(jobs, runs, options), setting.folder.name
    for run in runs:
        engine.submit(run, Task(run.config, setting))
    until = time.monotonic() + _PATIENCE_SECONDS
    while (counts := engine.send(_Printer())) is None and time.monotonic() < until:
        time.sleep(0.5)
    total, before = counts or (0, 0)
    parts = [f"{total - before} runs submitted"]
    parts += [f"{before} were so already"] if before else []
    parts += [f"{len(runs) - total} not yet: the same command does it"] if total < len(runs) else []
    return f"{name}: {', '.join(parts)}; how they are: resbench status {name}; to take them in: resbench collect {name}"


@dataclass
class Collected:
    """What `collect` took in, in numbers of runs.

    Attributes:
        ended: that have left a record since they were submitted.
        died: whose jobs died, of which a record was written now.
        again: that wait for the same command to submit them once more: their node failed, or another process had them.
        active: that Slurm still has, by state.
        unsaved: a line for each whose weights were to be saved and are not.
    """

    ended: int = 0
    died: int = 0
    again: int = 0
    active: Counter[str] = field(default_factory=Counter)
    unsaved: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [f"{self.ended + self.died} runs have ended"]
        parts += [f"{self.again} must be submitted again"] if self.again else []
        return ", ".join([*parts, *(f"{number} {state}" for state, number in self.active.items())])


def collect(store: Store) -> Collected:
    """Take in what has ended of the runs that Slurm was given.

    Raises:
        UserError: Slurm does not answer.
        ChangedCode: a file of the user's own was not what it was when a run was planned.
        Unwritable: results cannot be stored, here or on a node.
    """
    ledger = JobLedger(store)
    sent_runs = ledger.sent()
    collected = Collected()
    if not sent_runs:
        return collected
    known = states(ledger.name, [sent.job for sent in sent_runs.values()])
    over, well = [], []
    full: Unwritable | None = None
    changed: ChangedCode | None = None
    for sent in sent_runs.values():
        state, end = known[sent.job], None
        if store.stamp(sent.run_id) not in (None, sent.before):
            collected.ended += 1
            well.append(sent.job)
        elif state.live or not store.free(sent.run_id):
            collected.active[str(state) if state.live else "running elsewhere"] += 1
            continue
        else:
            end = judge(sent.job, state, sent.setting.timeout, ledger.folder)
        over.append(sent.job)
        if end and end.status in ("busy", "lost"):
            collected.again += 1
        elif end and end.status == "unwritable":
            full = Unwritable(*json.loads(end.message))
        elif end and end.kind == ChangedCode.__name__:
            changed = ChangedCode(end.message)
            collected.again += 1
        elif end:
            message = end.message or f"job {sent.job} ended without a record"
            if store.add(failed_record(sent.task, end.kind or f"slurm: {state.name}", message)):
                collected.died += 1
            else:
                collected.ended += 1
    for sent in (sent for sent in sent_runs.values() if sent.job in over):
        collected.unsaved += unsaved(store, [sent.run_id], sent.setting.weights)
    ledger.drop(over, tidy=well)
    if full:
        raise full
    if changed:
        raise changed
    return collected


def describe(store: Store) -> list[str]:
    """Lines about a study's jobs for `resbench status`; none if no jobs are known."""
    ledger = JobLedger(store)
    jobs = [sent.job for sent in ledger.sent().values()]
    if not jobs:
        return []
    arrays = ", ".join(dict.fromkeys(map(array_of, jobs)))
    try:
        known = states(ledger.name, jobs)
    except UserError as error:
        return [f"  {len(jobs)} runs in Slurm's jobs {arrays}: {error}"]
    counts = Counter(_words(known[job]) for job in jobs)
    lines = [f"  Slurm's jobs {arrays}: {', '.join(f'{number} {words}' for words, number in sorted(counts.items()))}"]
    if any(not state.live for state in known.values()):
        lines.append(f"  to take in what has ended: resbench collect {store.folder.name}")
    return lines


def _words(state: JobState) -> str:
    return f"{state} ({state.reason})" if state.name == "PENDING" and state.reason else str(state)
