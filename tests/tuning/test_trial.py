"""Single trials: what they see, what they report, and how they end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from support.searches import SEARCH, load, setting_of, store_of, studies_of

from resbench.training import course
from resbench.training.train import train
from resbench.tuning.winners import best
from resbench.tuning.workers import work


def test_a_trial_never_sees_the_test_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a trial asked for test images")

    monkeypatch.setattr(course, "load_test", refuse)
    search = load(tmp_path, SEARCH, "trials=1", "model.shortcut=none")
    assert work(search, None, setting_of(tmp_path))
    [trial] = studies_of(search, tmp_path).trials(0)
    assert trial.state == TrialState.COMPLETE, trial.user_attrs
    assert sorted(trial.intermediate_values) == [1, 2]
    assert trial.value == trial.intermediate_values[2]  # the weights of the last epoch are what is chosen
    record = train(search.config({"model.shortcut": "none"}), tmp_path)  # but a run does ask
    assert record.status == "failed" and record.error and "asked for test images" in record.error.message


def test_a_diverged_trial_counts_and_wins_nothing(tmp_path: Path) -> None:
    text = SEARCH.replace("low: 0.01, high: 1.0", "low: 900.0, high: 1000.0")
    text = text.replace("width: 4", "width: 4, norm: none")
    search = load(tmp_path, text, "model.shortcut=identity", "trials=2")
    assert work(search, None, setting_of(tmp_path))
    trials = studies_of(search, tmp_path).trials(0)
    assert [(t.state, t.value) for t in trials] == [(TrialState.COMPLETE, 1.0)] * 2
    assert all(t.user_attrs["diverged"] and "not finite" in t.user_attrs["message"] for t in trials)
    assert best(trials) is None


def test_several_seeds_are_averaged(tmp_path: Path) -> None:
    search = load(tmp_path, SEARCH, "model.shortcut=identity", "trials=1", "seeds.search=2")
    assert work(search, None, setting_of(tmp_path))
    [trial] = studies_of(search, tmp_path).trials(0)
    assert sorted(trial.intermediate_values) == [1, 2, 3, 4] and trial.user_attrs["epochs"] == 4
    configs = [search.config({"model.shortcut": "identity"}, trial.params, seed) for seed in (0, 1)]
    errors = [1 - (train(config, tmp_path, threads=1).metrics["val_accuracy"] or 0.0) for config in configs]
    assert trial.value == pytest.approx(sum(errors) / 2)
    assert not list(store_of(tmp_path).work.glob("*.ckpt"))


def test_a_pruned_trial_says_what_was_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optuna.pruners, "NopPruner", lambda: optuna.pruners.ThresholdPruner(upper=0.0))
    search = load(tmp_path, SEARCH, "model.shortcut=identity", "trials=1")
    assert work(search, None, setting_of(tmp_path))
    [trial] = studies_of(search, tmp_path).trials(0)
    assert trial.state == TrialState.PRUNED and trial.user_attrs["epochs"] == 1
    assert not list(store_of(tmp_path).work.glob("*.ckpt"))
