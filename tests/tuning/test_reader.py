"""Search files: every mistake is one line, and nothing runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.searches import SEARCH, TUNING_HELPS, TWO_TRIALS, load

from resbench.core.errors import UserError
from resbench.grid.reader import read_grid
from resbench.report.labels import Labels
from resbench.tuning.export import export
from resbench.tuning.reader import load_search
from resbench.tuning.search import arm_label
from resbench.tuning.winners import confirmation


@pytest.mark.parametrize(
    ("old", "new", "line", "part"),
    [
        ("recipe.lr: {low", "recipe.lrr: {low", 9, "recipe.lrr: unknown field (did you mean 'recipe.lr'?)"),
        ("low: 0.01, high: 1.0", "low: 1.0, high: 0.01", 9, "low 1.0 is above high 0.01"),
        ("low: 0.01, high: 1.0", "low: 0.01, high: 0.01", 9, "empty of choice: low and high are both 0.01"),
        ("recipe.lr: {low: 0.01", "recipe.weight_decay: {low: 0.0", 9, "a log range has to begin above 0, and low is 0"),
        ("low: 0.01, high: 1.0", "low: 0.01, high: 5000.0", 9, "recipe.lr: 5000.0 is not allowed"),
        ("low: 0.01, high: 1.0", "low: fast, high: 1.0", 9, "low: 'fast' should be a number"),
        ("log: true", "log: true, step: 0.1", 9, "a log range has no steps"),
        ("log: true", "step: 2.0", 9, "step: 2.0 is larger than the range from 0.01 to 1.0"),
        ("log: true", "step: 1.0e-9", 9, "has more than 1,000,000 values"),
        ("log: true", "logg: true", 9, "logg: unknown key; allowed are low, high, log, step or choices"),
        ("recipe.lr: {low: 0.01, high: 1.0, log: true}", "recipe.lr: 0.1", 9, "should be {low: ..., high: ...}"),
        ("[0.0, 0.3]", "[0.0, 1.5]", 10, "model.dropout: 1.5 is not allowed"),
        ("[0.0, 0.3]", "[0.3, 0.3]", 10, "0.3 is listed twice"),
        ("[0.0, 0.3]", "[]", 10, "should be a list of two values or more"),
        ("[0.0, 0.3]", "[0.0, 0.3], log: true", 10, "choices stand alone"),
        ("model.dropout: {choices: [0.0, 0.3]}", "model.depth: {low: 10, high: 22}", 10, "not a depth of the family"),
        ("model.dropout: {choices: [0.0, 0.3]}", "model.drop_path: {choices: [0.0, 0.3]}", 10, "needs a shortcut"),
        ("[0.0, 0.3]}", "[0.0, 0.3]}\n  model.shortcut: {choices: [none, identity]}", 11, "stands in arms and in base"),
        ("model.dropout: {choices: [0.0, 0.3]}", "data.val_size: {low: 1, high: 9}", 10, "cannot be searched"),
        ("val_size: 40", "val_size: 0", 5, "leaves no validation images"),
        ("trials: 3", "trials: 0", 11, "trials: 0 should be from 1 to 100000"),
        ("seeds: {search: 1, confirm: 2}", "seeds: 5", 12, "should be {search: 1, confirm: 5}"),
        ("{search: 1, confirm: 2}", "{search: 0, confirm: 2}", 12, "seeds.search: 0 should be from 1 to 1000"),
        ("sampler: random", "sampler: randm", 13, "did you mean 'random'?"),
        ("sampler: random", "sampler: cmaes", 13, "sampler: 'cmaes' is not one of tpe, random, grid, gp"),
        ("sampler: random", "sampler: grid", 9, "the sampler grid needs choices, or a range with a step"),
        ("pruner: none", "prune: none", 14, "prune: unknown key"),
        ("to: {model.shortcut: none}", "to: {model.shortcut: nne}", 18, "'nne' is not one of"),
        ("compare: {model.shortcut: identity}", "compare: {tuning: tined}", 17, "'tined' is not one of tuned, untuned"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_nothing_runs(old: str, new: str, line: int, part: str, tmp_path: Path) -> None:
    assert old in SEARCH
    with pytest.raises(UserError) as caught:
        load(tmp_path, SEARCH.replace(old, new))
    lines = [text for text in caught.value.lines if part in text]
    assert len(lines) == 1 and lines[0].startswith(f"{tmp_path / 'tiny.yaml'}:{line}: "), caught.value.lines
    assert "\n" not in lines[0] and not (tmp_path / "results").exists()


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    text = SEARCH.replace("high: 1.0", "high: 0.001").replace("[0.0, 0.3]", "[0.0, x]")
    with pytest.raises(UserError) as caught:
        load(tmp_path, text.replace("trials: 3", "trials: many"))
    assert [int(line.split(":")[1]) for line in caught.value.lines] == [9, 10, 11]


@pytest.mark.parametrize(
    ("old", "new", "overrides", "start"),
    [
        ("", "", ["recipe.lr=0.1", "model.dropout=0.0"], "command line: recipe.lr=0.1, model.dropout=0.0: nothing is left"),
        ("arms: {", "arms: {tuning: [tuned, untuned], ", [], "tiny.yaml:7: tuning: is no field, and every arm is run"),
        ("  data:", "  tuning: tuned\n  data:", [], "tiny.yaml:5: tuning: is no field"),
        ("", "", ["tuning=tuned"], "command line: tuning: is no field"),
        ("", "", ["model.shortcut=[]"], "command line: model.shortcut: [] should be a list of values"),
        ("", "", ["model.shortcut=[none, none]"], "command line: model.shortcut: 'none' is listed twice: remove one"),
        ("", "", ["trials=2", "trials=3"], "command line: trials: given twice, as trials=2 and as trials=3: leave one out"),
        ("", "", ["bogus=[]"], "command line: bogus: unknown field"),
        ("arms: {", "arms: {model: {shortcut: [conv]}, ", [], "tiny.yaml:7: model.shortcut: given twice (first on line 7)"),
        ("search:\n", "search:\n  recipe: {lr: {low: 0.1, high: 0.2}}\n", [],
         "tiny.yaml:10: recipe.lr: given twice (first on line 9): remove one"),
        ("to: {model.shortcut: none}", "to: {model.shortcut: none}\n    at: {tuning: []}", [],
         "tiny.yaml:19: tuning: [] should be a value, or a list of values"),
        ("", "", ["sampler=cmaes"], "command line: sampler: 'cmaes' is not one of tpe, random, grid, gp"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_or_compared_is_one_line(
    old: str, new: str, overrides: list[str], start: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, SEARCH.replace(old, new, 1), *overrides)
    assert {line.removeprefix(f"{tmp_path}/")[: len(start)] for line in caught.value.lines} == {start}


def test_overrides_fix_a_searched_field_and_change_the_budget(tmp_path: Path) -> None:
    search = load(tmp_path, SEARCH, "recipe.lr=0.05", "trials=7", "seeds.confirm=1", "sampler=tpe", "name=other")
    assert list(search.space) == ["model.dropout"] and search.base["recipe.lr"] == 0.05
    assert (search.name, search.trials, search.confirm, search.sampler) == ("other", 7, 1, "tpe")
    assert len(load(tmp_path, SEARCH, "model.shortcut=none").points()) == 1


def test_any_field_can_be_searched_and_a_grid_is_its_points(tmp_path: Path) -> None:
    text = SEARCH.replace("recipe.lr: {low: 0.01, high: 1.0, log: true}", "model.depth: {low: 10, high: 22, step: 6}")
    search = load(tmp_path, text.replace("sampler: random", "sampler: grid"), "trials=50")
    assert [point["model.depth"] for point in search.grid() or []] == [10, 10, 16, 16, 22, 22]
    assert search.budget == 6
    with pytest.raises(UserError, match="the grid has 6 points, more than 5 trials"):
        load(tmp_path, text.replace("sampler: random", "sampler: grid"), "trials=5")


def test_claims_are_about_tuned_arms_unless_they_say_otherwise(tmp_path: Path) -> None:
    first, second = load(tmp_path, SEARCH + TUNING_HELPS).claims
    assert first.at == {"tuning": ["tuned"]} and second.at == {"model.shortcut": None}
    [both] = load(tmp_path, f"{SEARCH}    at: [tuning]\n").claims
    assert both.at == {"tuning": None}


def test_a_claim_about_a_probe_needs_the_probe(tmp_path: Path) -> None:
    text = TWO_TRIALS + TUNING_HELPS.replace("expect", "on: probe.gradient_decades\n    expect")
    with pytest.raises(UserError, match="is measured by the probe gradients: add it to probes"):
        load(tmp_path, text)
    assert load(tmp_path, text, "probes=[gradients, lesions]").probes == ("gradients", "lesions")


def test_the_shipped_search_meets_its_promise() -> None:
    search = load_search("ablations/tune-shortcut.yaml")
    assert search.trials >= 20 and search.confirm >= 5 and search.about.startswith("Question")
    configs = [search.config(arm) for arm in search.points()]
    assert all(config.model.depth >= 34 and config.data.name == "mnist-5k" for config in configs)


def test_a_search_file_has_labels_as_a_grid_file_has_them(tmp_path: Path) -> None:
    words = "labels: {model.dropout: drop rate, tuning: {tuned: tuned alike}, model.shortcut: {none: plain}}\n"
    search = load(tmp_path, f"{SEARCH}{words}")
    shown = Labels(confirmation(search, {}).study().labels)
    assert shown.name("model.dropout") == "drop rate"
    assert (shown.value("tuning", "tuned"), shown.value("model.shortcut", "none")) == ("tuned alike", "plain")
    winners = {arm_label(arm): search.untuned(arm) for arm in search.points()}
    exported = export(search, winners)
    assert "model.dropout: drop rate" in exported and "tuned alike" not in exported
    with pytest.raises(UserError, match=r"labels: model.dropot is not a field"):
        load(tmp_path, f"{SEARCH}{words.replace('dropout', 'dropot')}")


def test_each_kind_of_file_names_the_command_for_it(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SEARCH)
    (tmp_path / "g.yaml").write_text("name: g\naxes: {model.depth: [10, 16]}\nseeds: 2\n")
    for read, file, part in [
        (read_grid, "s.yaml", ":8: this is a search file, whose arms are tuned first: `resbench tune"),
        (load_search, "g.yaml", ":2: this is a grid file, and there is nothing to search: `resbench run"),
    ]:
        with pytest.raises(UserError) as caught:
            read(tmp_path / file)
        [line] = caught.value.lines
        assert line.startswith(f"{tmp_path / file}{part} {tmp_path / file}`")


def test_a_size_that_the_validation_images_follow_cannot_be_searched(tmp_path: Path) -> None:
    text = SEARCH.replace("recipe.lr: {low: 0.01, high: 1.0, log: true}", "data.train_size: {choices: [50, 64]}")
    assert load(tmp_path, text).space
    with pytest.raises(UserError, match=r"data.train_size: cannot be searched with data.val_size auto"):
        load(tmp_path, text.replace("train_size: 64, val_size: 40", "name: mnist-5k"))
