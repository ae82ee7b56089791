"""Who has a trial: live workers keep theirs, and from those that are gone others take it over."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.trial import TrialState
from support.searches import ENVIRONMENT, SEARCH, load, setting_of, studies_of, wait_until

from resbench.records.store import Store
from resbench.tuning.search import Search
from resbench.tuning.storage import Studies
from resbench.tuning.trial import Lost, RunningTrial
from resbench.tuning.worker import Worker
from resbench.tuning.workers import next_trial


class Machine:
    """One worker on a machine of its own: with its own results, and a clock that tests move."""

    def __init__(self, search: Search, folder: Path, url: str | None) -> None:
        self.folder, self.now = folder, 0.0
        self.studies = Studies(search, url, Store(folder / "results" / search.name))
        self.worker = Worker(Store(folder / "results" / search.name), clock=lambda: self.now)
        self.claims = contextlib.ExitStack()

    def next(self) -> tuple[RunningTrial | None, bool]:
        return next_trial(self.studies, self.worker, setting_of(self.folder), self.claims)


@contextlib.contextmanager
def machines(search: Search, url: str | None, *folders: Path) -> Iterator[list[Machine]]:
    """One on each folder; where the folder is the same, they share it."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(_ending(Machine(search, folder, url))) for folder in folders]


@contextlib.contextmanager
def _ending(machine: Machine) -> Iterator[Machine]:
    with machine.claims:
        yield machine


def test_a_trial_is_left_to_a_live_worker_and_taken_from_one_that_is_gone(tmp_path: Path) -> None:
    search = load(tmp_path, SEARCH, "model.shortcut=identity", "trials=1")
    with machines(search, None, tmp_path, tmp_path) as [first, second]:
        trial, _ = first.next()
        assert trial is not None
        second.now = 1e6  # a claim in the same folder says that the worker lives, however silent it is
        assert second.next() == (None, True)
        first.claims.close()
        taken, _ = second.next()
        assert taken is not None and taken.number == trial.number
        assert second.worker.owns(taken.now()) and not first.worker.owns(taken.now())


def test_between_machines_without_a_common_folder_a_silent_worker_loses_its_trial(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    search = load(tmp_path, SEARCH, "model.shortcut=identity", "trials=1")
    with machines(search, url, tmp_path / "a", tmp_path / "b") as [first, second]:
        frozen, _ = first.next()
        assert frozen is not None
        assert second.next() == (None, True)  # it looks for the first time
        second.now = 170.0
        assert second.next() == (None, True)
        frozen.trial.set_user_attr("beat", "a sign of life")
        second.now = 190.0
        assert second.next() == (None, True)
        second.now = 380.0
        taken, _ = second.next()
        assert taken is not None and taken.number == frozen.number
        assert "validation error" in taken.run()
        with pytest.raises(Lost):  # the first one wakes up
            frozen.run()
    [trial] = studies_of(search, tmp_path / "b", url).trials(0)
    assert trial.state == TrialState.COMPLETE


def test_a_worker_whose_claim_is_lost_leaves_its_trial(tmp_path: Path) -> None:
    search = load(tmp_path, SEARCH, "model.shortcut=identity", "trials=1")
    with machines(search, None, tmp_path, tmp_path) as [first, second]:
        trial, _ = first.next()
        assert trial is not None
        trial.claim.lost.set()  # as a lease does, when another machine has taken it over
        with pytest.raises(Lost):
            trial.run()
        assert trial.now().state == TrialState.RUNNING
        first.claims.close()
        taken, _ = second.next()
        assert taken is not None and "validation error" in taken.run()


CLAIMS_AND_WAITS = """\
import contextlib, sys, time
from pathlib import Path
from support.searches import setting_of, studies_of
from resbench.records.store import Store
from resbench.tuning.reader import load_search
from resbench.tuning.worker import Worker
from resbench.tuning.workers import next_trial
search = load_search("tiny.yaml", sys.argv[1:])
setting = setting_of(Path())
with contextlib.ExitStack() as claims:
    trial, _ = next_trial(studies_of(search, Path()), Worker(Store(setting.folder)), setting, claims)
    trial.trial.report(0.5, 1)
    time.sleep(600)
"""


@pytest.mark.parametrize("locks", ["kernel", "lease"])
def test_a_killed_worker_is_noticed(locks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under both kinds of claims; a lease, which machines share, takes its two minutes, here one second."""
    monkeypatch.setenv("RESBENCH_LOCKS", locks)
    monkeypatch.setattr("resbench.core.locks.LEASE_SECONDS", 1.0)
    words = ["model.shortcut=identity", "trials=1"]
    search = load(tmp_path, SEARCH, *words)
    source = "import resbench.core.locks; resbench.core.locks.LEASE_SECONDS = 1.0\n" + CLAIMS_AND_WAITS
    tests = str(Path(__file__).parents[1])
    environment = ENVIRONMENT | {
        "RESBENCH_LOCKS": locks,
        "PYTHONPATH": os.pathsep.join([tests, ENVIRONMENT["PYTHONPATH"]]),
    }
    with subprocess.Popen([sys.executable, "-c", source, *words], cwd=tmp_path, env=environment) as process:
        try:
            with machines(search, None, tmp_path) as [machine]:
                wait_until(lambda: any(t.intermediate_values for t in machine.studies.trials(0)))
                for _ in range(3):
                    assert machine.next() == (None, True)
                process.send_signal(signal.SIGKILL)
                process.wait()
                taken: list[RunningTrial] = []
                wait_until(lambda: bool(taken.extend(filter(None, machine.next()[:1])) or taken), 30)
                [trial] = taken
                assert trial.number == 0 and trial.now().intermediate_values == {1: 0.5}
        finally:
            process.kill()
