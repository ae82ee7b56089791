"""How far each run of a study is, from its records and what is in `.work`: nothing is written, and nothing is locked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from resbench.core.cell import Cell
from resbench.records.checkpoint_head import NO_CHECKPOINT, CheckpointHead, read_head
from resbench.records.record import Record
from resbench.records.running import RunningRun
from resbench.records.store import Store
from resbench.records.study_file import StudyFile, StudyRun

RUNNING, BEGUN, LATER, TO_DO = "running", "begun and interrupted", "of a later version", "to do"
STATES = ("ok", "diverged", "failed", RUNNING, BEGUN, LATER, TO_DO)
ENDED = ("ok", "diverged", "failed", LATER)


@dataclass(frozen=True)
class RunState:
    """A run that a study asks for.

    Attributes:
        cell: empty where the study has no study file.
        state: one of `STATES`.
        record: what it has left so far, which may be a failure of before.
        ended: when its record was written, in seconds; 0 if it has none.
        holder: the process that trains it now, if one does.
        saved: what its checkpoint says of it.
    """

    id: str
    cell: Cell
    seed: int | None
    state: str
    record: Record | None = None
    ended: float = 0.0
    holder: RunningRun | None = None
    saved: CheckpointHead = NO_CHECKPOINT


class StudyState(NamedTuple):
    """All runs of a study, in its order, and how many records there are of others.

    Attributes:
        file: None where the folder has no study file; then every record is a run.
    """

    file: StudyFile | None
    runs: list[RunState]
    others: int

    def of(self, *states: str) -> list[RunState]:
        """The runs in these states."""
        return [run for run in self.runs if run.state in states]


class StateReader:
    """Reads how far a study is, and each record only when it has changed since the last time.

    Args:
        store: of the study.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._records: dict[str, tuple[tuple[int, int], Record | None]] = {}

    def read(self) -> StudyState:
        """How far the study is now.

        Raises:
            UserError: its study file is damaged.
        """
        file = self.store.study()
        records = self._read_records()
        if not file:
            runs = [self._recorded(run_id) for run_id in sorted(records)]
            return StudyState(None, [run for run in runs if run.record or run.state == LATER], 0)
        work = {entry.name for entry in os.scandir(self.store.work)} if self.store.work.is_dir() else set()
        wanted = asked_runs(file)
        runs = [self._state(run, work) for run in wanted]
        others = sum(bool(self._records[run_id][1]) for run_id in records - {run.id for run in wanted})
        later = self.store.later.keys() - {run.id for run in wanted}
        return StudyState(file, runs, others + len(later))

    def _read_records(self) -> set[str]:
        """Ids that have a record file, each of which has been read as it is now."""
        ids = self.store.ids()
        for run_id in self._records.keys() - ids:
            del self._records[run_id]
        for run_id in sorted(ids):
            stamp = self.store.stamp(run_id) or (0, 0)  # of a link to nothing, which reading names
            if self._records.get(run_id, (None,))[0] != stamp:
                self._records[run_id] = stamp, self.store.read(run_id)
        return ids & self._records.keys()

    def _recorded(self, run_id: str) -> RunState:
        """The run as its record has it."""
        stamp, record = self._records.get(run_id, ((0, 0), None))
        state = str(record.status) if record else LATER if run_id in self.store.later else TO_DO
        seed = record.config.get("seed") if record else None
        return RunState(run_id, {}, seed if isinstance(seed, int) else None, state, record, stamp[1] / 1e9)

    def _state(self, run: StudyRun, work: set[str]) -> RunState:
        """The run as its process, its record or its checkpoint has it."""
        known = self._recorded(run.id)
        holder = self.store.running(run.id) if f"{run.id}.running" in work else None
        saved = read_head(self.store.checkpoint(run.id)) if f"{run.id}.ckpt" in work else NO_CHECKPOINT
        state = known.state
        if holder:
            state = RUNNING
        elif state == TO_DO and saved.epoch:
            state = BEGUN
        return RunState(run.id, run.cell, run.seed, state, known.record, known.ended, holder, saved)


def asked_runs(file: StudyFile) -> Sequence[StudyRun]:
    """The runs that a study asks for, each once: two cells with the same settings are the same runs."""
    confirming = file.confirmation.runs if file.confirmation else []
    return list({run.id: run for run in [*file.runs, *confirming]}.values())
