"""`resbench show` and `resbench ls runs`: a study and its runs, in 80 columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.inprocess import resbench
from support.studies import HELPS, MESSAGE, make, noise, with_accuracies
from support.tiny import run_tiny, tiny_store

import resbench as package
from resbench.records.curve import Curve
from resbench.records.looks_file import read_looks
from resbench.report.document import Table
from resbench.report.page.study_page import summary
from resbench.report.shown import fitted

AXES = {"model.depth": [10, 16], "model.shortcut": ["identity", "none"]}
RATES = noise(lambda cell: 0.01 if cell["model.shortcut"] == "identity" else 0.05, images=1000)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_the_table_fits_and_reading_its_verdicts_is_kept(tmp_path: Path) -> None:
    make(tmp_path, "s", AXES, 6, RATES, claims=[HELPS])
    code, out, _ = resbench("show", "s", "--results", tmp_path)
    lines = out.splitlines()
    assert code == 0 and max(map(len, lines)) <= 80
    assert lines[0].split()[:4] == ["depth", "shortcut", "seeds", "test"]
    assert re.match(r" *10 +identity +6 +99\.\d\d? \[", lines[2])
    assert "✓ supported: shortcuts help at each depth" in out
    assert "not shown in 80 columns:" in out and "MFLOPs)" in out
    assert [look.command for look in read_looks(tmp_path / "s").looks] == ["show"]


def test_a_wide_terminal_shows_every_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    make(tmp_path, "s", AXES, 6, RATES)
    assert "not shown" not in resbench("show", "s", "--results", tmp_path)[1]


def test_the_table_after_a_run_fits_a_terminal_and_is_whole_in_a_file(tmp_path: Path) -> None:
    make(tmp_path, "s", AXES, 6, RATES)
    narrow, whole = summary(tmp_path, "s", 60).splitlines(), summary(tmp_path, "s").splitlines()
    assert max(map(len, narrow[:6])) <= 60 < len(whole[0])
    assert narrow[2].split()[:2] == whole[2].split()[:2] == ["10", "identity"]


def test_a_run_has_its_settings_its_curve_and_its_record(tmp_path: Path) -> None:
    assert run_tiny(tmp_path)[0] == 0
    store = tiny_store(tmp_path)
    run = next(one for one in store.records() if one.settings["model.shortcut"] == "none")
    code, out, _ = resbench("show", "tiny", run.id[:8], "--results", tmp_path / "results")
    assert code == 0
    assert f"run {run.id} of tiny: shortcut none, seed 0: ok" in out
    assert f"record: {store.path(run.id)}" in out.replace("record:\n", "record: ")  # a path stays whole
    assert re.search(r"train loss +[▁█]{2} ", out)
    assert re.search(r"data.train_size +200", out)


def test_the_loss_of_a_run_is_shown_as_finely_as_it_was_recorded(tmp_path: Path) -> None:
    losses = (2.3, 1.9, None, 1.1, 0.7, 0.5)
    plan = {"model.shortcut": ["none"]}
    make(
        tmp_path,
        "s",
        plan,
        2,
        noise(lambda _: 0.1, 100),
        curves=lambda _, seed: Curve(20, 50, losses) if seed else None,
    )
    fine, coarse = (resbench("show", "s", f"{number:016x}", "--results", tmp_path)[1] for number in (1, 0))
    assert re.search(r"train loss █[▁-▇]{3}▁ 2\.3 to 0\.5\n", fine)
    assert re.search(r"train loss █[▁-▇]▁ 1 to 0\.333\n", coarse)  # the epochs of its history


def test_what_differs_from_the_baseline_comes_first(tmp_path: Path) -> None:
    with_accuracies(tmp_path, "s", AXES, lambda cell, seed: 0.9, baseline={"model.shortcut": "none"})
    listed = resbench("ls", "runs", "s", "--results", tmp_path)[1].splitlines()
    assert len(listed) == 8 and listed[0].endswith("ok: depth 10, shortcut identity, seed 0: test accuracy 90.00 %")
    _, out, _ = resbench("show", "s", listed[0].split()[0], "--results", tmp_path)
    settings = out.partition("Settings\n")[2].splitlines()
    assert settings[0].split() == ["setting", "value", "baseline"]
    assert settings[2].split() == ["model.shortcut", "identity", "none"]


def test_a_failed_run_is_listed_with_its_error_and_shown_with_its_traceback(tmp_path: Path) -> None:
    with_accuracies(tmp_path, "s", AXES, lambda cell, _: "failed" if cell["model.depth"] == 16 else 0.9)
    out = resbench("ls", "runs", "s", "--failed", "--results", tmp_path)[1]
    assert out.count("\n") == 4 and MESSAGE in out and "ok:" not in out
    run_id = out.split()[0]
    shown = resbench("show", "s", run_id, "--results", tmp_path)[1]
    assert f"Error\n  failed: {MESSAGE}" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "ss"], "no such study; there are: s"),
        (["show", "s", "zz"], "s zz: no run of it has such an id: resbench ls runs s lists them"),
        (["show", "s", "0"], "8 runs begin so: "),
        (["ls", "runs", "t"], "no such study"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, tmp_path: Path) -> None:
    make(tmp_path, "s", AXES, 2, RATES)
    code, out, err = resbench(*words, "--results", tmp_path)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1


def test_a_run_without_a_record_says_so(tmp_path: Path) -> None:
    make(tmp_path, "s", AXES, 1, lambda *_: "missing")
    assert "no record yet" in resbench("show", "s", "0000000000000001", "--results", tmp_path)[1]


def test_in_a_notebook_a_study_is_a_table_and_nothing_in_it_is_markup(tmp_path: Path) -> None:
    hostile = HELPS | {"says": "<script>alert(1)</script>"}
    make(tmp_path, "s", AXES, 6, RATES, claims=[hostile])
    html = package.show("s", results=tmp_path)._repr_html_()
    assert html.count("<tr>") == 5 and "&lt;script&gt;" in html and "<script" not in html


def test_brackets_go_before_columns_and_columns_before_axes() -> None:
    table = Table(
        ["model.depth", "test accuracy", "parameters"], [["10", "99.1 (of the 3 that trained)", "1,000,000,000"]]
    )
    assert "(of the 3" in "\n".join(fitted(table, 80))
    assert fitted(table, 40)[2].split() == ["10", "99.1", "1,000,000,000"]
    assert fitted(table, 20)[2].split() == ["10", "99.1"]
    assert all(len(line) <= 20 for line in fitted(table, 20))
