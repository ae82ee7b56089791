"""How far a study is: for `resbench status`, as text and as a document."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Literal

from resbench.core.cell import Value, label
from resbench.core.errors import UserError
from resbench.core.output import Finite, Output, OutputPart
from resbench.core.text import duration, plural

if TYPE_CHECKING:
    from resbench.records.run_states import RunState
    from resbench.records.running import RunningRun
    from resbench.records.store import Store
    from resbench.records.study_file import SearchSource, StudyFile


class RunningOutput(OutputPart):
    """A run that a process trains; times in seconds."""

    id: str
    cell: dict[str, Value]
    seed: int | None
    epochs: Finite
    epochs_total: int
    pid: int
    host: str
    running_for: Finite
    left: Finite


class BegunOutput(OutputPart):
    """A run that was interrupted, and the epochs that are kept of it."""

    id: str
    cell: dict[str, Value]
    seed: int | None
    epochs: int


class StudyStatus(OutputPart):
    """How far a study is.

    Attributes:
        states: how many runs are in each state that some are in.
        others: records of runs that it does not ask for.
        trials, target, jobs, looks: on the trials of a search, the target, Slurm's jobs and planned looks, in words.
        unfinished: whether something is left to do; `command` goes on with it, and is empty where that is not known.
    """

    study: str
    runs: int
    states: dict[str, int]
    others: int
    running: list[RunningOutput]
    begun: list[BegunOutput]
    trials: str
    target: str
    jobs: list[str]
    looks: str
    unfinished: bool
    command: str

    def lines(self) -> list[str]:
        """The same for people."""
        more = f" (+{self.others} of earlier grids)" if self.others else ""
        counts = ", ".join(f"{count} {state}" for state, count in self.states.items())
        lines = [f"{self.study}: {plural(self.runs, 'run')}: {counts}{more}"]
        lines += [f"  running: {_text(run)}: {_progress(run)}" for run in self.running]
        lines += [f"  begun: {_text(run)}: epochs done: {run.epochs}" for run in self.begun]
        lines += [f"  open: {self.trials}"] if self.trials else []
        lines += [f"  target: {self.target}"] if self.target else []
        lines += [*self.jobs, *([f"  {self.looks}"] if self.looks else [])]
        again = "if it stops, to go on" if self.running else "to go on"
        return lines + ([f"  {again}: {self.command}"] if self.command else [])


class StatusOutput(Output):
    """`status`."""

    command: Literal["status"] = "status"
    studies: list[StudyStatus]


def study_status(name: str, store: Store) -> StudyStatus:
    """How far a study is.

    Raises:
        UserError: it is none, or its study file is damaged.
    """
    from resbench.records.run_states import BEGUN, RUNNING, STATES, TO_DO, StateReader
    from resbench.report.study import how_to_go_on

    state = StateReader(store).read()
    file = state.file
    if not file and not store.ids():
        raise UserError(f"{store.folder}: not a study: neither study.json nor records are in it")
    trials = open_trials(file, store) if file else ""
    target, to_confirm = _target(file, store) if file else ("", False)
    jobs = _jobs(store)
    look, asks = _look(store) if file and file.looks else ("", False)
    left = bool(trials or asks or to_confirm or state.of(TO_DO, "failed", BEGUN, RUNNING))
    return StudyStatus(
        study=name,
        runs=len(state.runs),
        states={one: len(runs) for one in STATES if (runs := state.of(one))},
        others=state.others,
        running=[_running(run, run.holder) for run in state.runs if run.holder],
        begun=[
            BegunOutput(id=run.id, cell=dict(run.cell), seed=run.seed, epochs=run.saved.epoch)
            for run in state.of(BEGUN)
        ],
        trials=trials,
        target=target,
        jobs=jobs,
        looks=look,
        unfinished=left,
        command=how_to_go_on(store, file) if file and file.file and left else "",
    )


def _running(run: RunState, holder: RunningRun) -> RunningOutput:
    """How far a run is, who trains it, and how long it will take."""
    now, left = time.time(), holder.seconds_left
    return RunningOutput(
        id=run.id,
        cell=dict(run.cell),
        seed=run.seed,
        epochs=holder.epochs,
        epochs_total=holder.total,
        pid=holder.pid,
        host=holder.host,
        running_for=now - holder.since,
        left=None if left is None else max(0.0, left - (now - holder.seen)),
    )


def _progress(run: RunningOutput) -> str:
    left = "" if run.left is None else f", about {duration(run.left)} left"
    return (
        f"epoch {run.epochs or 0:.1f} of {run.epochs_total}, process {run.pid} on {run.host}, "
        f"for {duration(run.running_for or 0)}{left}"
    )


def _text(run: RunningOutput | BegunOutput) -> str:
    return f"{label(run.cell)} seed={run.seed}".lstrip()


def _jobs(store: Store) -> list[str]:
    """What Slurm has of a study; torch is imported only where a command has left it something."""
    if not (store.work / "slurm").is_dir():
        return []
    from resbench.execution.slurm.collect import describe

    return describe(store)


def _look(store: Store) -> tuple[str, bool]:
    """What the looks of a study have decided, and whether they ask for runs that no command has begun yet."""
    from resbench.report.look_progress import look_progress
    from resbench.report.study import load

    study = load(store.folder.parent, store.folder.name)
    asked, line = look_progress(study)
    return line, any(asked[key] > len(runs) for key, _, runs in study.cells)


def _target(file: StudyFile, store: Store) -> tuple[str, bool]:
    """What fresh seeds say of the target, and whether some are to be run; nothing where none confirm it."""
    if not file.target or not (file.target.confirm or file.confirmation):
        return "", False
    from resbench.report.study import load
    from resbench.report.target import to_confirm
    from resbench.report.wording.target import target_sentence

    study = load(store.folder.parent, store.folder.name)
    return target_sentence(study), to_confirm(study) is not None


def _search_ended(search: SearchSource, store: Store) -> bool:
    """Whether `trials.json` says so, for which neither Optuna nor the storage is needed."""
    from resbench.records.trials import TrialsFile

    try:
        trials = TrialsFile.read(store.folder / "trials.json")
    except (OSError, ValueError):
        return False
    ended = Counter(row.arm for row in trials.rows if row.state in ("complete", "pruned", "diverged"))
    return len(trials.arms) == len(search.studies) and all(ended[arm.label] >= search.trials for arm in trials.arms)


def open_trials(file: StudyFile, store: Store) -> str:
    """How many trials of a search are open; empty if none is, or if the study has no search."""
    if not file.search:
        return ""
    if _search_ended(file.search, store):
        return ""
    from resbench.tuning.readonly import unfinished

    try:
        return unfinished(file.search, store)
    except UserError as error:  # the storage may be on another machine, and its password is not kept
        return f"trials that cannot be counted here: {error.lines[0]}"
