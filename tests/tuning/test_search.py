"""Searches in Python: what identifies one, what its arms can train, and its mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest
from support.searches import SEARCH, load, load_two_trials

from resbench.core.errors import UserError
from resbench.records.identity import FROZEN
from resbench.tuning.search import Search
from resbench.tuning.session import TuneOptions, describe, tune
from resbench.tuning.space import Choices, Range


def test_ranges_and_choices_know_their_values_and_go_through_the_storage() -> None:
    assert Range(10, 22, step=6).values() == [10, 16, 22] and Range(1, 3).values() == [1, 2, 3]
    assert Range(0.1, 0.35, step=0.1).values() == [0.1, 0.2, 0.3] and Range(0.1, 1.0).values() is None
    assert Range(0.1, 1.0).examples() == [0.1, 1.0]
    choices = Choices(("none", [10, 16]))
    stored = [choices.to_storage(value) for value in choices.values() or []]
    assert stored == ["none", "[10,16]"] and [choices.from_storage(text) for text in stored] == ["none", [10, 16]]
    assert json.dumps(Range(10, 22).describe().to_json()) == '{"low": 10, "high": 22, "log": false, "step": null}'
    assert choices.describe().to_json() == {"choices": ["none", [10, 16]]}


@pytest.mark.parametrize(
    ("low", "high", "step", "values"),
    [
        (0.1, 0.5, 0.2, [0.1, 0.3, 0.5]),
        (0.1, 0.3, 0.2, [0.1, 0.3]),
        (0.0, 0.5, 0.3, [0.0, 0.3]),
        (0.0, 0.9, 0.1, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
        (1, 10, 4, [1, 5, 9]),
    ],
)
@pytest.mark.filterwarnings("error::UserWarning")
def test_what_is_drawn_of_steps_is_what_one_would_write(low: float, high: float, step: float, values: Any) -> None:
    searched = Range(low, high, step=step)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    stored = [study.ask({"x": searched.distribution()}).params["x"] for _ in range(80)]
    assert sorted({searched.from_storage(value) for value in stored}) == values == searched.values()
    assert (searched.last, searched.describe().high, searched.as_given().high) == (values[-1], values[-1], high)


def test_tuned_to_the_value_of_the_base_is_the_base_and_the_plan_says_the_true_end(tmp_path: Path) -> None:
    steps = "{low: 0.1, high: 0.3, step: 0.2}"
    base = SEARCH.replace("width: 4}", "width: 4, dropout: 0.3}")
    search = load(tmp_path, base.replace("{choices: [0.0, 0.3]}", steps))
    values = search.values({"model.dropout": 0.30000000000000004})
    assert search.config({}, values) == search.config({})
    short = load(tmp_path, SEARCH.replace("{choices: [0.0, 0.3]}", "{low: 0.0, high: 0.5, step: 0.3}"))
    text = describe(short, TuneOptions(results=tmp_path, device="cpu"))
    assert "model.dropout: from 0.0 to 0.3 in steps of 0.3 (no step ends at 0.5); untuned 0.0" in text


def test_arms_may_have_their_own_epochs_and_a_base_that_is_nothing_without_them(tmp_path: Path) -> None:
    text = SEARCH.replace("model: {depth: 10, width: 4}", "model: {width: 4, family: cifar}")
    text = text.replace(
        "arms: {model.shortcut: [identity, none]}", "arms: {model.depth: [8, 14], recipe.epochs: [1, 27]}"
    )
    text = text[: text.index("claims:")].replace("epochs: 2, ", "")
    search = load(tmp_path, text, "trials=1", "seeds.search=2")
    assert [search.epochs(arm) for arm in search.points()] == [2, 54, 2, 54]
    assert [list(search.untuned(arm)) for arm in search.points()] == [["recipe.lr", "model.dropout"]] * 4


def test_more_trials_are_the_same_search_and_another_base_is_not(tmp_path: Path) -> None:
    search = load(tmp_path)
    [arm, _] = search.points()
    stored = json.loads(json.dumps(search.identity(arm)))
    assert load(tmp_path, SEARCH, "trials=50", "seeds.confirm=9").differences(arm, stored) == []
    assert load(tmp_path, SEARCH, "pruner=median", "model.width=8").differences(arm, stored) == ["base", "pruner"]


def test_a_search_built_in_python_is_that_of_the_file(tmp_path: Path) -> None:
    read = load_two_trials(tmp_path)
    built = Search(
        "tiny",
        base=read.base,
        arms={"model.shortcut": ["identity"]},
        space={"recipe.lr": Choices((0.1, 1000.0))},
        trials=2,
        confirm=2,
        sampler="grid",
        pruner="none",
    )
    assert [built.identity(arm) for arm in built.points()] == [read.identity(arm) for arm in read.points()]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ({"name": "A B"}, "'A B' is not a name"),
        ({"sampler": "cmaes"}, "search s: sampler: 'cmaes' is not one of tpe, random, grid, gp"),
        ({"pruner": "medin"}, "did you mean 'median'?"),
        ({"arms": {"model.dpth": [10]}}, "model.dpth: unknown field (did you mean 'model.depth'?)"),
        ({"space": {"recipe.lrr": Range(0.1, 1.0)}}, "recipe.lrr: unknown field (did you mean 'recipe.lr'?)"),
        ({"space": {"recipe.lr": Range(0.1, 5000.0)}}, "search s: recipe.lr: 5000.0 is not allowed"),
        ({"arms": {"model.shortcut": ["none"]}, "base": {"model.drop_path": 0.3}}, "needs a shortcut"),
    ],
)
def test_a_mistake_in_python_is_a_line_too(words: dict[str, object], part: str) -> None:
    with pytest.raises(UserError) as caught:
        tune(Search(**({"name": "s"} | words)))  # type: ignore[arg-type]
    assert part in str(caught.value)


def test_a_search_of_before_a_changed_default_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = load(tmp_path, SEARCH)
    arm = search.points()[0]
    now = search.identity(arm)
    assert list(now) == ["base", "arm", "search", "seeds", "sampler", "pruner"] and not search.differences(arm, now)
    monkeypatch.setitem(FROZEN, "recipe.momentum", 0.8)  # as if 0.9 had come later
    monkeypatch.setitem(FROZEN, "model.depth", 50)  # given by the base
    monkeypatch.setitem(FROZEN, "recipe.lr", 0.2)  # searched
    later = search.identity(arm)
    assert later["defaults"] == {"recipe.momentum": 0.9}
    assert search.differences(arm, now) == ["default of recipe.momentum"] and not search.differences(arm, later)
    monkeypatch.undo()
    assert search.differences(arm, later) == ["default of recipe.momentum"]
