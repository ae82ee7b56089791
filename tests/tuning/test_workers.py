"""Workers side by side: budgets that hold, whatever the sampler, and workers that give up."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.pruners import HyperbandPruner
from optuna.trial import TrialState
from support.faults import command, environment
from support.searches import SEARCH, load, setting_of, studies_of

import resbench
from resbench.core.errors import UserError
from resbench.records.record import Provenance, Record, Row
from resbench.training import workshop
from resbench.training.observer import Observer
from resbench.training.run import RunConfig
from resbench.tuning.session import TuneOptions, run_search
from resbench.tuning.storage import surplus
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


def test_a_worker_whose_trials_fail_gives_up_and_another_pass_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise MemoryError("no room")

    search = load(tmp_path, SEARCH, "model.shortcut=identity", "trials=1", "recipe.epochs=1")
    studies = studies_of(search, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(workshop, "load_train", broken)
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
import os
from pathlib import Path

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

AUGMENTS = {"unlucky": unlucky}
"""


def test_a_worker_that_gives_up_leaves_the_search_to_the_others(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(
        "plugins: [faults.py]\n" + SEARCH.replace("val_size: 40", "val_size: 40, augment: unlucky")
    )
    words = ["tune", "tiny.yaml", "model.shortcut=identity", "trials=5", "seeds.confirm=1", "recipe.epochs=1"]
    env = environment(tmp_path, UNLUCKY)
    done = subprocess.run(command(*words, "-j", "2"), cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr.count("no luck") == 3 and "5/5" in done.stderr, done.stderr
    trials = json.loads((tmp_path / "results" / "tiny" / "trials.json").read_text())
    states = [row["state"] for row in trials["rows"]]
    assert (states.count("failed"), states.count("complete")) == (3, 5)
    assert len(resbench.load(tmp_path / "results" / "tiny")) == 2
