"""One run, or several at once, on whatever machine: claim it, train it, publish its record.

Engines carry a `Task` to a process, here or on another machine. Nothing comes back but how the process ended: the store
alone decides what is done.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from resbench.core.config import explain
from resbench.core.errors import Stopped, UserError
from resbench.core.files import discard
from resbench.core.locks import HeldLock
from resbench.core.own_code import ChangedCode, at_home, open_home
from resbench.core.places import start_at
from resbench.data.directory import use_directory
from resbench.execution.saved_weights import not_repeatable, note_problem, save_weights
from resbench.execution.setting import Setting as Setting
from resbench.probes.observer import ProbeObserver
from resbench.records.metrics import PROBED, PROBES, probe_code
from resbench.records.record import Record, RunError
from resbench.records.running import RunningFile
from resbench.records.store import Store
from resbench.training import checkpoint
from resbench.training.course import Job
from resbench.training.device import choose, nearest
from resbench.training.kept import KeptWeights
from resbench.training.lockstep import Outcome
from resbench.training.placement import placement_of
from resbench.training.provenance import provenance
from resbench.training.run import RunConfig
from resbench.training.train import empty_record, train, train_together
from resbench.training.workshop import Workshop

# exit codes of a process that executes a run (sysexits.h)
DONE = 0
STOPPED = 1
MEMORY = 71  # EX_OSERR: out of memory, next to other runs
RAISED = 70  # EX_SOFTWARE: something that training does not turn into a record
UNWRITABLE = 73  # EX_CANTCREAT
BUSY = 75  # EX_TEMPFAIL: another process has the run
OUT_OF_MEMORY = "out of memory"  # as records name it


@dataclass(frozen=True)
class Task:
    """A run and its setting, as text that any machine with this program can execute."""

    config: RunConfig
    setting: Setting

    def to_json(self) -> str:
        """The task as text, its folders absolute."""
        return json.dumps({"config": self.config.model_dump(mode="json"), "setting": self.setting.to_json()})

    def check_own_code(self) -> None:
        """See that the user's own files are what they were when the run was planned.

        Raises:
            ChangedCode: one cannot be loaded, or has changed.
        """
        self.config.check_own_code()
        if self.setting.probe_code:
            try:
                open_home(self.setting.home)
            except UserError as error:
                raise ChangedCode(f"{error.lines[0]}: it was there when the run was planned") from None
            if probe_code(self.setting.probes) != self.setting.probe_code:
                raise ChangedCode(
                    f"{self.setting.probe_code}: has changed since the run was planned; `resbench run` plans it again"
                )

    @classmethod
    def from_json(cls, text: str) -> Task:
        """The inverse of `to_json`.

        Raises:
            UserError: a file of the user's that it needs cannot be loaded here, or is not what it was.
        """
        values: dict[str, Any] = json.loads(text)
        setting = Setting.from_json(values["setting"])
        if setting.home:
            start_at(setting.home)
        use_directory(setting.directory)
        try:
            with at_home(setting.home):
                return cls(RunConfig.model_validate(values["config"]), setting)
        except ValidationError as error:
            raise UserError(f"{path}: {text}" for path, text, _ in explain(error)) from None


def execute_run(
    task: Task,
    step: Callable[[float], None] = lambda epochs: None,
    alone: bool = True,
    workshop: Workshop | None = None,
) -> int:
    """Claim, train, publish; a run that another process holds, or has finished, is left alone.

    Args:
        step: called after every step with the epochs done; Stopped, raised by it, ends the run, whose state is saved.
        alone: whether no other run has memory of its device; else one that runs out of it leaves no record.
        workshop: of a process that executes run after run.

    Returns:
        DONE if the run has its record now; STOPPED; MEMORY if it ran out of memory next to others; or BUSY if another
        process has it, or has taken it over meanwhile.

    Raises:
        ChangedCode: a file of the user's own is not what it was when the run was planned.
        Unwritable: the disk is full, or may not be written.
    """
    setting = task.setting
    task.check_own_code()
    with _hold(task, step) as held:
        if isinstance(held, int):
            return held
        job, device = held.job, choose(setting.device)
        outcome: Outcome
        try:
            outcome = train(
                job.run,
                setting.directory,
                device,
                job.threads or setting.threads,
                saved=job.saved,
                observer=job.observer,
                code=setting.code,
                graph=setting.graph,
                workshop=workshop,
                kept=job.kept,
            )
        except (Stopped, UserError) as error:
            outcome = error
        return held.publish(outcome, alone)


def execute_together(
    tasks: Sequence[Task], step: Callable[[int, float], None] = lambda place, epochs: None, alone: bool = True
) -> list[int]:
    """As `execute_run` for several runs of one setting at once; on CUDA they are branches of one graph.

    Those that other processes hold, or have finished, are left alone.

    Args:
        step: called with the place of a run, too; Stopped, raised by it, ends this run, and the others go on.
        alone: as of `execute_run`.

    Returns:
        What `execute_run` would, for each.

    Raises:
        ChangedCode: as `execute_run`.
    """
    for task in tasks:
        task.check_own_code()
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(_hold(task, functools.partial(step, place))) for place, task in enumerate(tasks)]
        codes = [one if isinstance(one, int) else BUSY for one in held]
        ours = [(place, one) for place, one in enumerate(held) if not isinstance(one, int)]

        def publish(number: int, outcome: Outcome) -> None:
            place, run = ours[number]
            codes[place] = run.publish(outcome, alone)

        if ours:
            setting = tasks[0].setting
            jobs, device = [run.job for _, run in ours], choose(setting.device)
            train_together(jobs, setting.directory, device, setting.threads, code=setting.code, ended=publish)
        return codes


@dataclass
class _Held:
    """A run that this process has claimed.

    Attributes:
        recorded: the record of a run that is done, and is trained again for its weights alone.
    """

    task: Task
    job: Job
    store: Store
    claim: HeldLock
    running: RunningFile
    recorded: Record | None = None

    def publish(self, outcome: Outcome, alone: bool) -> int:
        """Store the record of a run that ended so, if there is one and the run is still ours; returns an exit code."""
        if self.claim.lost.is_set():
            return BUSY
        self.running.remove()
        if isinstance(outcome, Stopped):
            return STOPPED
        if isinstance(outcome, UserError):
            outcome = failed_record(self.task, "data", str(outcome))
        if isinstance(outcome, Exception):
            raise outcome
        if not alone and outcome.error and outcome.error.kind == OUT_OF_MEMORY:
            return MEMORY
        save_weights(self.store, self.job.kept, outcome, self.recorded)
        if not self.recorded:
            self.store.add(outcome)
        if (outcome.finished or self.recorded) and self.job.saved:
            discard(self.job.saved)
        return DONE


@contextlib.contextmanager
def _hold(task: Task, step: Callable[[float], None]) -> Iterator[_Held | int]:
    """Claim a run, and show how far it is while it is held; an exit code where there is nothing to do."""
    run, setting = task.config, task.setting
    own = run.trainer.entry != "none"  # a function that may change the working folder while the claim is held
    store = Store(setting.folder.absolute() if own else setting.folder)
    with store.claim(run.id) as claim:
        if claim is None:
            yield BUSY
            return
        before = store.read(run.id)
        if (before and setting.done(before)) or run.id in store.later:
            yield DONE
            return
        recorded = before if before and before.answers(setting.probes) else None
        if recorded and (why := not_repeatable(recorded, choose(setting.device).type)):
            note_problem(store, run.id, why)
            yield DONE
            return
        saved = store.checkpoint(run.id)
        running = store.running_file(run.id, run.recipe.epochs, checkpoint.epoch(saved))

        def check_claim(epochs: float) -> None:
            if claim.lost.is_set():
                raise Stopped(keep=False)
            running.step(epochs)
            step(epochs)

        # a record is replaced by one that has all its probes too
        wanted = {*setting.probes, *((before.probes if before else None) or {})} if not recorded else set()
        probes = [name for name in PROBED if name in wanted and name in PROBES]  # one of a plug-in may be gone
        observer = ProbeObserver(probes, check_claim)
        try:
            kept = KeptWeights(setting.weights) if setting.weights else None
            threads = recorded.provenance.threads if recorded else None
            yield _Held(task, Job(run, saved, observer, kept, threads), store, claim, running, recorded)
        finally:
            if not claim.lost.is_set():
                running.remove()


def failed_record(task: Task, kind: str, message: str) -> Record:
    """The record of a run that could not write one itself."""
    setting = task.setting
    device = nearest(setting.device)  # the command may sit on a machine without the device that its runs use
    placement = placement_of(task.config, device, setting.threads)
    return empty_record(task.config, "failed", provenance(placement, setting.code), RunError(kind, message))
