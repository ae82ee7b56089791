"""`trials.json`: what it says of trials of every kind, and the page that is made of it without Optuna's storage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from optuna.trial import TrialState
from support.searches import SEARCH, TWO_TRIALS, load, setting_of, store_of, studies_of

from resbench.records.store import Store
from resbench.records.trials import TrialsFile
from resbench.report import write as write_page
from resbench.tuning.export import export
from resbench.tuning.reader import load_search
from resbench.tuning.session import TuneOptions, run_search
from resbench.tuning.storage import JOURNAL, Studies
from resbench.tuning.trials_file import collect, trials_path, write
from resbench.tuning.winners import confirmation
from resbench.tuning.workers import work


def test_the_journal_of_the_shipped_search_gives_its_trials_file(tmp_path: Path) -> None:
    """An earlier version wrote both."""
    kept = Path("results/tune-shortcut")
    store = Store(tmp_path / "tune-shortcut")
    store.open()
    shutil.copy(kept / JOURNAL, store.folder)
    trials = write(Studies(load_search("ablations/tune-shortcut.yaml"), None, store), store)
    before = TrialsFile.read(kept / "trials.json")
    assert trials.model_copy(update={"importance": before.importance}) == before
    assert TrialsFile.read(trials_path(store)) == trials


def test_the_page_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    """From trials of every kind, without Optuna's storage."""
    search = load(tmp_path)
    store, studies = store_of(tmp_path), studies_of(search, tmp_path)
    for arm in (0, 1):
        for number in range(12):
            trial = studies.ask(arm)
            trial.report(0.9, 1)
            if number == 4:
                trial.set_user_attr("diverged", True)
                studies.studies[arm].tell(trial, 1.0)
            elif number == 7:
                studies.studies[arm].tell(trial, state=TrialState.PRUNED)
            else:
                studies.studies[arm].tell(trial, 0.05 + trial.params["recipe.lr"] / 3)
    trials = write(studies, store)
    importance = trials.arms[0].importance
    assert importance and importance["recipe.lr"] > importance["model.dropout"]
    winners = {arm.label: arm.tuned for arm in trials.arms if arm.tuned}
    store.write_study(confirmation(search, winners).study())
    (store.folder / JOURNAL).unlink()
    pages = []
    for name in ("one", "two"):
        write_page(tmp_path / "results", tmp_path / name, "tiny")
        folder = tmp_path / name / "tiny"
        pages.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
        for figure in ("best-so-far", "slices", "importance"):
            assert (folder / "figures" / f"{figure}.svg").stat().st_size > 5000
    assert pages[0] == pages[1]
    assert b"resbench tune" in pages[0][Path("report.md")]  # what is outstanding, and how to go on
    assert b"PED-ANOVA" in pages[0][Path("report.md")]


def test_a_search_in_which_everything_diverged_has_a_page(tmp_path: Path) -> None:
    search = load(tmp_path, TWO_TRIALS, "model.shortcut=identity")
    store, studies = store_of(tmp_path), studies_of(search, tmp_path)
    for _ in range(3):
        trial = studies.ask(0)
        trial.set_user_attr("diverged", True)
        trial.set_user_attr("message", "the loss was not finite")
        studies.studies[0].tell(trial, 1.0)
    trials = write(studies, store)
    assert [(row.state, row.error, row.message) for row in trials.rows] == [
        ("diverged", None, "the loss was not finite")
    ] * 3
    assert trials.arms[0].winner is None and trials.arms[0].tuned is None
    store.write_study(confirmation(search, {}).study())
    page = write_page(tmp_path / "results", tmp_path / "reports", "tiny").parent
    assert (page / "figures" / "slices.svg").stat().st_size > 3000
    assert "| 3" in (page / "report.md").read_text()


def test_a_choice_may_be_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SEARCH.replace("model.dropout: {choices: [0.0, 0.3]}", "recipe.grow: {choices: [none, [10, 16]]}")
    words = ["model.shortcut=identity", "model.depth=16", "trials=12", "seeds.confirm=1", "data.train_size=40"]
    search = load(tmp_path, text, *words)
    store, studies = store_of(tmp_path), studies_of(search, tmp_path)
    for _ in range(11):
        trial = studies.ask(0)
        trial.report(0.9, 1)
        grown = search.values(trial.params)["recipe.grow"] == [10, 16]
        studies.studies[0].tell(trial, trial.params["recipe.lr"] / (20 if grown else 2))
    assert work(search, None, setting_of(tmp_path))  # the last one trains
    with monkeypatch.context() as patched:
        patched.setattr("resbench.tuning.trials_file.get_param_importances", lambda *_, **__: 1 / 0)
        assert collect(studies).arms[0].importance is None
    assert run_search(search, TuneOptions(tmp_path / "results", tmp_path, "cpu", 2))
    trials = TrialsFile.read(trials_path(store))
    [arm] = trials.arms
    assert arm.tuned and arm.importance
    assert arm.tuned["recipe.grow"] == [10, 16] and arm.importance["recipe.grow"] > 0
    assert {str(row.params["recipe.grow"]) for row in trials.rows} == {"none", "[10, 16]"}
    page = write_page(tmp_path / "results", tmp_path / "reports", "tiny").parent
    assert "[10, 16]" in (page / "tables" / "tuned-values.csv").read_text()
    assert "[10, 16]" in (page / "figures" / "slices.csv").read_text()
    assert "recipe.grow: [[10, 16]]" in export(search, {"model.shortcut=identity": arm.tuned})
