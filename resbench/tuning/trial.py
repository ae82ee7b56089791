"""One trial: train its seeds without the test set, report validation errors, tell Optuna how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from resbench.core.config import UserError, digest, explain
from resbench.core.files import discard
from resbench.execution.session import Setting
from resbench.records.store import Store
from resbench.training.device import choose
from resbench.training.epoch import Stopped
from resbench.training.train import train
from resbench.tuning.search import label
from resbench.tuning.storage import Studies, reachable
from resbench.tuning.worker import BEAT, Worker

# A trial that diverged is complete, with every image counted as wrong: it uses up its part of the budget, stands in every
# table, and each of the samplers keeps away from it. Optuna would make a failed trial of NaN, which samplers ignore.
DIVERGED = 1.0
_STARTS = 5  # of a trial in the same epoch, before it is given up


class Lost(Stopped):
    """Another worker has taken the trial over, and its checkpoints."""

    keep = False


class Pruned(Stopped):
    """The pruner sees no use in going on."""


@dataclass
class Task:
    """A trial in the hands of this worker.

    Attributes:
        arm: index of its arm.
    """

    studies: Studies
    arm: int
    trial: optuna.Trial
    worker: Worker
    setting: Setting

    @property
    def number(self) -> int:
        return self.trial.number

    def now(self) -> FrozenTrial:
        """The trial as the storage has it."""
        return self.studies.trials(self.arm)[self.number]

    def sign(self) -> None:
        """Write this worker's name into the trial; the admission lock is held."""
        reports = len(self.now().intermediate_values)
        begun = self.now().user_attrs.get("begun") or {"reports": -1, "starts": 0}
        starts = begun["starts"] + 1 if begun["reports"] == reports else 1
        self.trial.set_user_attr("begun", {"reports": reports, "starts": starts})
        self.trial.set_user_attr("worker", self.worker.signature)

    def fail(self, why: str) -> None:
        """Tell a trial as failed; another one comes in its place."""
        self.trial.set_user_attr("message", why)
        self._tell(None, TrialState.FAIL)

    def _tell(self, value: float | None, state: TrialState) -> None:
        if not self.worker.owns(self.now()):
            raise Lost
        self.studies.studies[self.arm].tell(self.trial, value, state)

    def saved(self, seed: int) -> Path:
        """The checkpoint of one seed of the trial."""
        store = Store(self.setting.folder)
        return store.checkpoint(f"trial-{digest(self.studies.studies[self.arm].study_name)}-{self.number}-{seed}")

    def run(self) -> str:
        """Do the trial, and say in a line how it ended.

        Raises:
            Lost: another worker has it; nothing was told.
            Stopped: the command that this process belongs to is gone, or the storage is.
        """
        if self.now().user_attrs["begun"]["starts"] > _STARTS:
            self.fail(f"its process died {_STARTS} times in the same epoch")
        else:
            self._train()
        for seed in range(self.studies.search.seeds):
            discard(self.saved(seed))
        found = self.now()
        return f"{label(self.studies.arms[self.arm])} trial {self.number}: {outcome(found)}"

    def _train(self) -> None:
        search, arm = self.studies.search, self.studies.arms[self.arm]
        errors: list[float] = []  # of the seeds that are done
        clock = _Clock(self)
        for seed in range(search.seeds):
            try:
                run = search.config(arm, search.values(self.now().params), seed)
            except ValidationError as error:
                return self.fail("; ".join(f"{path}: {text}" for path, text, _ in explain(error)))
            last = run.recipe.epochs if seed + 1 == search.seeds else 0
            follow = _Follow(self, errors, clock, last)
            try:
                record = train(
                    run, self.setting.directory, choose(self.setting.device), self.setting.threads,
                    saved=self.saved(seed), progress=clock.tick, code=self.setting.code, ended=follow, tested=False,
                )  # fmt: skip
            except UserError as error:
                return self.fail(str(error))
            except Pruned:
                self._account([*follow.past, *follow.history])
                return self._tell(None, TrialState.PRUNED)
            if record["status"] == "failed":
                return self.fail(f"{record['error']['kind']}: {record['error']['message']}".splitlines()[0])
            self._account([*follow.past, *record["history"]])
            if record["status"] == "diverged":
                self.trial.set_user_attr("diverged", True)
                self.trial.set_user_attr("message", record["error"]["message"])
                return self._tell(DIVERGED, TrialState.COMPLETE)
            follow.report(record["history"])
            errors.append(1 - record["metrics"]["val_accuracy"])
            clock.past += record["history"]
        self._tell(sum(errors) / len(errors), TrialState.COMPLETE)
        return None

    def _account(self, history: Sequence[dict[str, Any]]) -> None:
        self.trial.set_user_attr("epochs", len(history))
        self.trial.set_user_attr("seconds", round(sum(row["seconds"] for row in history), 3))


class _Clock:
    """Called after every step: gives signs of life."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.past: list[dict[str, Any]] = []  # epochs of the seeds that are done
        self._beat = time.monotonic()
        self._count = 0

    def tick(self, done: float) -> None:
        if time.monotonic() - self._beat > BEAT:
            with reachable():
                if not self.task.worker.owns(self.task.now()):
                    raise Lost
                self._beat = time.monotonic()
                self._count += 1
                self.task.trial.set_user_attr("beat", f"{self.task.worker.name[:8]} {self._count}")


class _Follow:
    """Called after every epoch of one seed: reports what is new of its history, and asks the pruner."""

    def __init__(self, task: Task, errors: Sequence[float], clock: _Clock, last: int) -> None:
        self.task, self.errors, self.last = task, list(errors), last
        self.past = list(clock.past)
        self.history: list[dict[str, Any]] = []

    def __call__(self, history: list[dict[str, Any]]) -> None:
        with reachable():
            self.report(history)
            if not self.task.worker.owns(self.task.now()):
                raise Lost
            if len(history) != self.last and self.task.trial.should_prune():  # after the last nothing is saved by it
                raise Pruned

    def report(self, history: list[dict[str, Any]]) -> None:
        """The mean over seeds so far; a resumed trial may have trained an epoch that was not reported."""
        self.history = history
        there = self.task.now().intermediate_values
        for row in history:
            step = len(self.past) + row["epoch"]
            if step not in there:
                errors = [*self.errors, 1 - row["val_accuracy"]]
                self.task.trial.report(sum(errors) / len(errors), step)


def outcome(trial: FrozenTrial) -> str:
    """`validation error 3.25 %`, or what else became of it."""
    epochs = trial.user_attrs.get("epochs", 0)
    if trial.state == TrialState.FAIL:
        return f"failed: {trial.user_attrs.get('message', 'no reason known')}"
    if trial.user_attrs.get("diverged"):
        return f"diverged: {trial.user_attrs.get('message', '')}"
    told = f"validation error {100 * trial.value:.2f} %" if trial.value is not None else "no validation error"
    return f"pruned after {epochs} epochs at {told}" if trial.state == TrialState.PRUNED else told
