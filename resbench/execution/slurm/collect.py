"""Runs that a command left to Slurm and went: how they are, and taking in what has ended."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from resbench.core.errors import Unwritable, UserError
from resbench.execution.driver import Watcher
from resbench.execution.slurm.jobs import Book, Sent
from resbench.execution.slurm.queue import State, judge, states
from resbench.execution.task import Setting, Task, failed
from resbench.grid.grid import Planned
from resbench.records.store import Store

_PATIENCE_SECONDS = 60.0  # with another command that submits


class _Said(Watcher):
    def told(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def detach(runs: Sequence[Planned], jobs: int, options: Sequence[str], setting: Setting) -> str:
    """Submit what is missing and leave it to Slurm.

    Args:
        runs: without the records that are asked for.
        jobs: at most so many at the same time.
        options: of sbatch.

    Returns:
        What has become of the runs, in a line.

    Raises:
        UserError: Slurm is not there, or refuses.
    """
    from resbench.execution.slurm.engine import Slurm  # needs submitit, which those who only look do without

    engine, name = Slurm(jobs, runs, options), setting.folder.name
    for run in runs:
        engine.submit(run, Task(run.config, setting))
    until = time.monotonic() + _PATIENCE_SECONDS
    while (counts := engine.send(_Said())) is None and time.monotonic() < until:
        time.sleep(0.5)
    all_of_them, before = counts or (0, 0)
    told = [f"{all_of_them - before} runs submitted"]
    told += [f"{before} were so already"] if before else []
    told += [f"{len(runs) - all_of_them} not yet: the same command does it"] if all_of_them < len(runs) else []
    return f"{name}: {', '.join(told)}; how they are: resbench status {name}; to take them in: resbench collect {name}"


@dataclass
class Taken:
    """What `collect` found, in numbers of runs.

    Attributes:
        ended: that have left a record since they were submitted.
        died: of whose jobs' deaths a record was written now.
        again: that wait for the same command to submit them once more: their node failed, or another process had them.
        going: that Slurm still has.
    """

    ended: int = 0
    died: int = 0
    again: int = 0
    going: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        parts = [f"{self.ended + self.died} runs have ended"]
        parts += [f"{self.again} must be submitted again"] if self.again else []
        return ", ".join([*parts, *(f"{number} {state}" for state, number in self.going.items())])


def collect(store: Store) -> Taken:
    """Take in what has ended of the runs that Slurm was given.

    Raises:
        UserError: Slurm does not answer.
        Unwritable: results cannot be kept, here or on a node.
    """
    book = Book(store)
    sent = book.sent()
    taken = Taken()
    if not sent:
        return taken
    known = states(book.name, [one.job for one in sent.values()])
    over, well = [], []
    full: Unwritable | None = None
    for one in sent.values():
        state, verdict = known[one.job], None
        if store.stamp(one.run_id) not in (None, one.before):
            taken.ended += 1
            well.append(one.job)
        elif state.live or not store.free(one.run_id):
            taken.going[str(state) if state.live else "running elsewhere"] += 1
            continue
        else:
            verdict = judge(one.job, state, one.task.setting.timeout, book.folder)
        over.append(one.job)
        if verdict and verdict.how in ("busy", "lost"):
            taken.again += 1
        elif verdict and verdict.how == "unwritable":
            full = Unwritable(*json.loads(verdict.message))
        elif verdict:
            message = verdict.message or f"job {one.job} ended without a record"
            if store.add(failed(one.task, verdict.kind or f"slurm: {state.name}", message)):
                taken.died += 1
            else:
                taken.ended += 1
    book.drop(over, tidy=well)
    if full:
        raise full
    return taken


def describe(store: Store) -> list[str]:
    """Lines about a study's jobs for `resbench status`; none where none are known."""
    book = Book(store)
    sent = book.sent()
    if not sent:
        return []
    arrays = ", ".join(dict.fromkeys(one.job.partition("_")[0] for one in sent.values()))
    try:
        known = states(book.name, [one.job for one in sent.values()])
    except UserError as error:
        return [f"  {len(sent)} runs in Slurm's jobs {arrays}: {error}"]
    counts = Counter(_word(one, known[one.job], store) for one in sent.values())
    lines = [f"  Slurm's jobs {arrays}: {', '.join(f'{number} {word}' for word, number in sorted(counts.items()))}"]
    if any(not state.live for state in known.values()):
        lines.append(f"  to take in what has ended: resbench collect {store.folder.name}")
    return lines


def _word(one: Sent, state: State, store: Store) -> str:
    why = f" ({state.reason})" if state.name == "PENDING" and state.reason else ""
    return f"{state}{why}"
