"""One trial: train its seeds without the test set, report validation errors, tell Optuna how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from resbench.core.config import explain
from resbench.core.errors import Stopped, UserError
from resbench.core.files import discard
from resbench.core.locks import HeldLock
from resbench.core.own_code import ChangedCode
from resbench.core.text import plural
from resbench.execution.task import Setting
from resbench.records.record import Record, Row
from resbench.training.device import choose
from resbench.training.observer import Observer
from resbench.training.train import train
from resbench.tuning.search import arm_label
from resbench.tuning.storage import Studies, reachable
from resbench.tuning.worker import BEAT, Worker

# A trial that diverged is complete, with every image counted as wrong: it uses up its part of the budget, is in every
# table, and each of the samplers keeps away from it. Optuna would make a failed trial of NaN, which samplers ignore.
DIVERGED = 1.0
_NO_VALIDATION = "there is no validation error, by which trials are judged"
_STARTS = 5  # of a trial in the same epoch, before it is given up


class Lost(Stopped):
    """Another worker has taken the trial over, and its checkpoints."""

    keep = False


class Pruned(Stopped):
    """The pruner sees no use in going on."""


@dataclass
class RunningTrial:
    """A trial in the hands of this worker.

    Attributes:
        arm: index of its arm.
        claim: of the trial in the store.
    """

    studies: Studies
    arm: int
    trial: optuna.Trial
    worker: Worker
    claim: HeldLock
    setting: Setting

    @property
    def number(self) -> int:
        return self.trial.number

    def now(self) -> FrozenTrial:
        """The trial as the storage has it."""
        return self.studies.trials(self.arm)[self.number]

    def sign(self) -> None:
        """Write this worker's name into the trial; only under admission."""
        trial = self.now()
        reports = len(trial.intermediate_values)
        begun = trial.user_attrs.get("begun") or {"reports": -1, "starts": 0}
        starts = begun["starts"] + 1 if begun["reports"] == reports else 1
        self.trial.set_user_attr("begun", {"reports": reports, "starts": starts})
        self.trial.set_user_attr("worker", self.worker.signature)

    def check_ours(self) -> None:
        """See that no other worker has the trial.

        Raises:
            Lost: one has.
        """
        if self.claim.lost.is_set() or not self.worker.owns(self.now()):
            raise Lost

    def fail(self, why: str) -> None:
        """End the trial as failed; another one comes in its place."""
        self.trial.set_user_attr("message", why)
        self.end(None, TrialState.FAIL)

    def end(self, value: float | None, state: TrialState) -> None:
        """Tell Optuna how the trial ended."""
        self.check_ours()
        self.studies.studies[self.arm].tell(self.trial, value, state)

    def checkpoint(self, seed: int) -> Path:
        """The checkpoint of one seed of the trial."""
        return self.worker.store.checkpoint(f"{self.studies.claim_name(self.arm, self.number)}-{seed}")

    def run(self) -> str:
        """Do the trial, and say in a line how it ended.

        Raises:
            Lost: another worker has it; nothing was told to Optuna.
            Stopped: the command that this process belongs to is gone, or the storage is.
        """
        if self.now().user_attrs["begun"]["starts"] > _STARTS:
            self.fail(f"its process died {_STARTS} times in the same epoch")
        else:
            self._train()
        for seed in range(self.studies.search.seeds):
            discard(self.checkpoint(seed))
        return f"{arm_label(self.studies.arms[self.arm])} trial {self.number}: {outcome(self.now())}"

    def _train(self) -> None:
        search = self.studies.search
        observer = TrialObserver(self)
        for seed in range(search.seeds):
            try:
                record = self._train_seed(seed, observer)
            except ValidationError as error:
                return self.fail("; ".join(f"{path}: {text}" for path, text, _ in explain(error)))
            except ChangedCode:
                raise
            except UserError as error:
                return self.fail(str(error))
            except Pruned:
                self._account([*observer.past, *observer.history])
                return self.end(None, TrialState.PRUNED)
            if record.status == "failed":
                reason = f"{record.error.kind}: {record.error.message}" if record.error else "failed"
                return self.fail(reason.splitlines()[0])
            self._account([*observer.past, *record.history])
            if record.status == "ok" and record.metrics.get("val_accuracy") is None:
                return self.fail(f"{_NO_VALIDATION}: return val_accuracy or val_error")
            if record.status == "diverged":
                self.trial.set_user_attr("diverged", True)
                self.trial.set_user_attr("message", record.error.message if record.error else "")
                return self.end(DIVERGED, TrialState.COMPLETE)
            observer.report(record.history)
            observer.finish_seed(1 - _number(record.metrics, "val_accuracy"))
        return self.end(sum(observer.errors) / len(observer.errors), TrialState.COMPLETE)

    def _train_seed(self, seed: int, observer: TrialObserver) -> Record:
        search, arm, setting = self.studies.search, self.studies.arms[self.arm], self.setting
        run = search.config(arm, search.values(self.now().params), seed)
        observer.last_epoch = run.recipe.epochs if seed + 1 == search.seeds else 0
        return train(
            run,
            setting.directory,
            choose(setting.device),
            setting.threads,
            saved=self.checkpoint(seed),
            observer=observer,
            code=setting.code,
            tested=False,
        )

    def _account(self, history: Sequence[Row]) -> None:
        self.trial.set_user_attr("epochs", len(history))
        self.trial.set_user_attr("seconds", round(sum(_number(row, "seconds") for row in history), 3))


class TrialObserver(Observer):
    """Gives signs of life, reports validation errors, and asks the pruner.

    Attributes:
        errors: of the seeds that are done.
        past: epochs of these seeds.
        history: epochs of this seed.
        last_epoch: of the whole trial, after which pruning saves nothing; 0 while other seeds follow.
    """

    def __init__(self, trial: RunningTrial) -> None:
        self.trial = trial
        self.errors: list[float] = []
        self.last_epoch = 0
        self.past: list[Row] = []
        self.history: list[Row] = []
        self._beat = time.monotonic()
        self._beats = 0

    def step(self, epochs: float) -> None:
        if self.trial.claim.lost.is_set():
            raise Lost
        if time.monotonic() - self._beat > BEAT:
            with reachable():
                self.trial.check_ours()
                self._beat = time.monotonic()
                self._beats += 1
                self.trial.trial.set_user_attr("beat", f"{self.trial.worker.name[:8]} {self._beats}")

    def epoch(self, history: Sequence[Row]) -> None:
        with reachable():
            self.report(history)
            self.trial.check_ours()
            if len(history) != self.last_epoch and self.trial.trial.should_prune():
                raise Pruned

    def report(self, history: Sequence[Row]) -> None:
        """Report the mean over seeds so far; a resumed trial may have trained an epoch that was not reported."""
        self.history = list(history)
        reported = self.trial.now().intermediate_values
        for row in history:
            if row.get("val_accuracy") is None:  # of a user's own code, which need not report it
                continue
            step = len(self.past) + int(_number(row, "epoch"))
            if step not in reported:
                errors = [*self.errors, 1 - _number(row, "val_accuracy")]
                self.trial.trial.report(sum(errors) / len(errors), step)

    def finish_seed(self, error: float) -> None:
        """Go on with the next seed."""
        self.errors.append(error)
        self.past += self.history
        self.history = []


def _number(row: Row, key: str) -> float:
    value = row[key]
    assert value is not None, f"{key} of a finished epoch is a number"
    return value


def outcome(trial: FrozenTrial) -> str:
    """`validation error 3.25 %`, or what else became of it."""
    epochs = trial.user_attrs.get("epochs", 0)
    if trial.state == TrialState.FAIL:
        return f"failed: {trial.user_attrs.get('message', 'no reason known')}"
    if trial.user_attrs.get("diverged"):
        return f"diverged: {trial.user_attrs.get('message', '')}"
    error = f"validation error {100 * trial.value:.2f} %" if trial.value is not None else "no validation error"
    return f"pruned after {plural(epochs, 'epoch')} at {error}" if trial.state == TrialState.PRUNED else error
