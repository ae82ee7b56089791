"""Workers side by side: budgets that hold, and nothing that is lost when one of them, or its command, is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.pruners import HyperbandPruner
from optuna.trial import FrozenTrial, TrialState
from support.faults import command, environment
from support.searches import ENVIRONMENT, SEARCH, load, setting_of, store_of, studies_of, wait_until

import resbench
from resbench.core.errors import UserError
from resbench.records.record import Provenance, Record, Row
from resbench.training import train as train_module
from resbench.training.observer import Observer
from resbench.training.run import RunConfig
from resbench.training.train import train
from resbench.tuning.session import TuneOptions, run_search
from resbench.tuning.storage import Studies, surplus
from resbench.tuning.workers import work


def made_up(run: RunConfig, *_: Any, observer: Observer, **__: Any) -> Record:
    """In place of training: the higher the learning rate the worse, and the highest diverge."""
    history: list[Row] = []
    for epoch in (1, 2):
        history.append({"epoch": epoch, "val_accuracy": 1 - run.recipe.lr / epoch, "seconds": 0.1})
        observer.epoch(history)
    status = "diverged" if run.recipe.lr > 0.9 else "ok"
    metrics = {"val_accuracy": history[-1]["val_accuracy"]}
    return Record(run.id, run.model_dump(mode="json"), status, Provenance({}), metrics, history)


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "gp"])
@pytest.mark.parametrize("pruner", ["none", "median", "hyperband"])
def test_samplers_and_pruners_give_each_arm_the_same_budget(
    sampler: str, pruner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resbench.tuning.trial.train", made_up)
    budget = 12 if sampler == "gp" else 24  # it fits a model before each trial
    text = SEARCH.replace("log: true", "step: 0.09" if sampler == "grid" else "log: true")
    search = load(tmp_path, text, f"sampler={sampler}", f"pruner={pruner}", f"trials={budget}")
    assert work(search, None, setting_of(tmp_path))
    studies = studies_of(search, tmp_path)
    for arm in (0, 1):
        trials = studies.trials(arm)
        assert len(trials) == search.budget == budget and all(t.state.is_finished() for t in trials)
        assert all(t.state != TrialState.FAIL for t in trials)
        points = {tuple(sorted(t.params.items())) for t in trials}
        assert len(points) == budget if sampler in ("random", "grid") else len(points) > budget / 2


def test_hyperband_knows_the_epochs_of_each_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = []

    def record(**words: Any) -> HyperbandPruner:
        resources.append((words["min_resource"], words["max_resource"]))
        return HyperbandPruner(**words)

    monkeypatch.setattr(optuna.pruners, "HyperbandPruner", record)
    text = SEARCH.replace("arms: {", "arms: {recipe.epochs: [1, 27], ").replace("epochs: 2, ", "")
    studies_of(load(tmp_path, text, "model.shortcut=none", "pruner=hyperband", "seeds.search=2"), tmp_path)
    assert resources == [(1, 2), (1, 54)]


LONG = 80  # epochs: trials must outlast the time by which one command may start later than the other


def running(studies: Studies) -> list[FrozenTrial]:
    """Trials that are neither just begun nor about to end."""
    trials = [t for arm in (0, 1) for t in studies.trials(arm) if t.state == TrialState.RUNNING]
    return [t for t in trials if 0 < len(t.intermediate_values) < LONG - 20 and "worker" in t.user_attrs]


def parent(process: int) -> int:
    """0 if the process is gone, or a zombie that no process has waited for."""
    try:
        state, number = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:2]
    except FileNotFoundError:
        return 0
    return 0 if state == "Z" else int(number)


def worker_of(trial: FrozenTrial) -> int:
    return int(trial.user_attrs["worker"]["process"])


def trials_of(process: subprocess.Popen[str], trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Those that a command's workers have: children of its fork server, or itself if it is a worker alone."""
    return [t for t in trials if process.pid in (worker_of(t), parent(parent(worker_of(t))))]


ONE_WORKER = """\
import sys
from pathlib import Path
from resbench.execution.task import Setting
from resbench.tuning.reader import load_search
from resbench.tuning.workers import work
search = load_search("tiny.yaml", sys.argv[2:])
assert work(search, sys.argv[1], Setting(Path("results") / search.name, Path(), "cpu", 1, (None, False)))
"""


def test_of_two_commands_at_once_one_is_killed_and_nothing_is_lost(storage: str | None, tmp_path: Path) -> None:
    """Kill -9 of one alone: its workers go with it, and the other takes up their trials under their numbers.

    On the journal both are `resbench tune`; on the other storages they are workers alone, which is quicker.
    """
    name = f"killed-{time.monotonic_ns()}"  # the server outlives one test
    words = [f"name={name}", f"recipe.epochs={LONG}", "data.train_size=200", "trials=3", "seeds.confirm=1"]
    search = load(tmp_path, SEARCH, *words)
    studies = studies_of(search, tmp_path, storage)
    line = [sys.executable, "-c", ONE_WORKER, storage] if storage else command("tune", "tiny.yaml", "-j", "2")
    first, other = (
        subprocess.Popen(
            [*line, *words], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    )
    wait_until(lambda: all(trials_of(process, running(studies)) for process in (first, other)))
    taken = {trial._trial_id: trial for trial in trials_of(first, running(studies))}
    first.kill()
    wait_until(lambda: not any(parent(worker_of(trial)) for trial in taken.values()), 60)
    output = other.communicate(timeout=240)[1]
    first.communicate()
    assert other.returncode == 0 and "6/6" in output, output
    arms = [studies.trials(arm) for arm in (0, 1)]
    assert [len(trials) for trials in arms] == [3, 3]
    assert all(t.state == TrialState.COMPLETE for trials in arms for t in trials), output
    ended = [(taken[t._trial_id], t) for trials in arms for t in trials if t._trial_id in taken]
    finished = next(after for before, after in ended if worker_of(before) != worker_of(after))
    assert all(before.params == after.params for before, after in ended)
    arm = search.points()[next(index for index in (0, 1) if finished in arms[index])]
    alone = train(search.config(arm, finished.params), tmp_path, threads=1, tested=False)
    assert finished.value == 1 - (alone.metrics["val_accuracy"] or 0.0)  # as if nothing had happened
    assert len(finished.intermediate_values) == LONG
    store = store_of(tmp_path, name)
    assert not list(store.work.glob("trial-*.ckpt"))
    assert storage or len(resbench.load(store.folder)) == 4


def test_the_command_replaces_a_worker_that_is_killed(tmp_path: Path) -> None:
    words = ["trials=1", "seeds.confirm=1", "recipe.epochs=40", "data.train_size=400"]
    search = load(tmp_path, SEARCH, *words)
    store = store_of(tmp_path)
    with subprocess.Popen(
        command("tune", "tiny.yaml", *words, "-j", "2"),
        cwd=tmp_path,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until(lambda: process.poll() is None and bool(list(store.work.glob("trial-*.ckpt"))))
        studies = studies_of(search, tmp_path)
        wait_until(lambda: bool(running(studies)))
        os.kill(worker_of(running(studies)[0]), signal.SIGKILL)
        output = process.communicate(timeout=240)[1]
    assert process.returncode == 0 and "another takes up its trial" in output and "2/2" in output, output
    assert [len(studies_of(search, tmp_path).trials(arm)) for arm in (0, 1)] == [1, 1]
    assert len(resbench.load(store.folder)) == 4


def test_a_worker_whose_trials_fail_gives_up_and_another_pass_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise MemoryError("no room")

    search = load(tmp_path, SEARCH, "model.shortcut=identity", "trials=1", "recipe.epochs=1")
    studies = studies_of(search, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(train_module, "load_train", broken)
        assert not work(search, None, setting_of(tmp_path))
        patched.setattr("resbench.tuning.session.run_workers", lambda *_: None)
        with pytest.raises(UserError) as caught:
            run_search(search, TuneOptions(tmp_path / "results", tmp_path, "cpu", 1))
    assert caught.value.code == 1 and caught.value.lines == [
        "model.shortcut=identity: 3 trials failed, the last (number 2): out of memory: no room"
    ]
    assert [t.state for t in studies.trials(0)] == [TrialState.FAIL] * 3
    assert work(search, None, setting_of(tmp_path))
    assert [t.state for t in studies.trials(0)][3:] == [TrialState.COMPLETE]


def test_more_trials_later_go_on_and_another_search_of_the_name_is_refused(tmp_path: Path) -> None:
    words = ["model.shortcut=identity", "recipe.epochs=1"]
    assert work(load(tmp_path, SEARCH, *words, "trials=1"), None, setting_of(tmp_path))
    more = load(tmp_path, SEARCH, *words, "trials=2")
    before = studies_of(more, tmp_path).trials(0)
    assert work(more, None, setting_of(tmp_path)) and work(more, None, setting_of(tmp_path))
    after = studies_of(more, tmp_path).trials(0)
    assert len(after) == 2 and after[0].params == before[0].params
    with pytest.raises(UserError, match="with another base and pruner: a search goes on as it began"):
        studies_of(load(tmp_path, SEARCH, "model.shortcut=identity", "pruner=median"), tmp_path)


def test_of_two_that_asked_at_once_the_later_is_one_too_many(tmp_path: Path) -> None:
    studies = studies_of(load(tmp_path, SEARCH, "model.shortcut=identity", "trials=2"), tmp_path)
    for _ in range(3):
        studies.ask(0)
    trials = studies.trials(0)
    assert [surplus(trials, number, 2) for number in range(3)] == [False, False, True]
    studies.studies[0].tell(0, state=TrialState.FAIL)
    assert not surplus(studies.trials(0), 2, 2)  # a failed one leaves its place


UNLUCKY = """
import os, sys
from pathlib import Path
sys.path.insert(0, os.environ["RESBENCH_ROOT"])
from resbench.data.augment import AUGMENTS

def unlucky(images, generator):
    first = Path(__file__).with_name("first")
    try:
        with first.open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        pass
    if first.read_text() == str(os.getpid()):
        raise RuntimeError("this process has no luck")
    return images

AUGMENTS["unlucky"] = unlucky
"""


def test_a_worker_that_gives_up_leaves_the_search_to_the_others(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SEARCH.replace("val_size: 40", "val_size: 40, augment: unlucky"))
    words = ["tune", "tiny.yaml", "model.shortcut=identity", "trials=5", "seeds.confirm=1", "recipe.epochs=1"]
    env = environment(tmp_path / "custom", UNLUCKY)
    done = subprocess.run(command(*words, "-j", "2"), cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr.count("no luck") == 3 and "5/5" in done.stderr, done.stderr
    trials = json.loads((tmp_path / "results" / "tiny" / "trials.json").read_text())
    states = [row["state"] for row in trials["rows"]]
    assert (states.count("failed"), states.count("complete")) == (3, 5)
    assert len(resbench.load(tmp_path / "results" / "tiny")) == 2
