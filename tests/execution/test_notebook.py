"""What a notebook shows: progress of `resbench.run`, plans, checks and comparisons; nothing in them is markup."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from support.studies import HELPS, accuracy_record, make, noise

import resbench
from resbench.execution.grid_plan import GridPlan
from resbench.execution.notebook import NotebookLive, in_notebook
from resbench.grid.grid import PlannedRun

HOSTILE = "<script>alert(1)</script>"
AXES = {"model.depth": [10, 16], "model.shortcut": ["identity", "none"]}
RATES = noise(lambda cell: 0.01 if cell["model.shortcut"] == "identity" else 0.05, images=1000)


@pytest.fixture
def runs() -> list[PlannedRun]:
    grid = resbench.Grid("tiny", base={"recipe.epochs": 4}, axes={"model.shortcut": ["identity", "none"]})
    return grid.runs()


def test_the_bar_is_where_the_work_is_and_lists_what_goes_on(runs: list[PlannedRun]) -> None:
    live = NotebookLive(runs, {runs[0].id: 30.0, runs[1].id: 10.0})
    live.epoch(runs[0], 2.0)
    html = live._repr_html_()
    assert 'value="0.3750"' in html and "0 of 2 runs done, 38 %" in html
    assert "<li>model.shortcut=identity seed=0: epoch 2.0 of 4</li>" in html
    live.finished(runs[0], accuracy_record(runs[0].id, runs[0].cell, 0, 0.9))
    html = live._repr_html_()
    assert 'value="0.7500"' in html and "1 of 2 runs done" in html and "<li>" not in html
    assert "[1/2] model.shortcut=identity seed=0: test accuracy 90.00 %" in html
    live.finished(runs[1], accuracy_record(runs[1].id, runs[1].cell, 0, "diverged"))
    assert 'value="1.0000"' in live._repr_html_() and repr(live) == "2 of 2 runs done"


def test_an_error_of_a_run_is_no_markup(runs: list[PlannedRun]) -> None:
    live = NotebookLive(runs, {})
    live.finished(runs[0], accuracy_record(runs[0].id, runs[0].cell, 0, "failed"))  # its message is a script
    assert "<script" not in live._repr_html_() and "&lt;script&gt;" in live._repr_html_()


def test_outside_of_a_notebook_run_says_nothing_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not in_notebook()
    base = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 1}
    resbench.run(resbench.Grid("tiny", base=base), results=tmp_path, threads=1)
    assert capsys.readouterr() == ("", "")


def test_a_plan_is_a_table_of_its_cells() -> None:
    plan = resbench.plan(resbench.Grid("depth", axes={"model.depth": [10, 16]}, seeds=2))
    html = plan._repr_html_()
    assert html.count("<tr>") == 3 and ">303,866</td>" in html and "4 to do" in html
    assert [line.split()[0] for line in str(plan).splitlines()[:3]] == ["cell", "model.depth=10", "model.depth=16"]
    hostile = dataclasses.replace(plan.cells[0], label=HOSTILE)
    assert "<script" not in GridPlan("x", [hostile], [], HOSTILE, 1.0, HOSTILE, 1, "cpu")._repr_html_()


def test_checks_and_comparisons_are_lists(tmp_path: Path) -> None:
    make(tmp_path, "s", AXES, 6, RATES, claims=[HELPS | {"says": HOSTILE}])
    checked = resbench.check("s", tmp_path)
    html = checked._repr_html_()
    assert html.count("<li") == len(checked.lines) and "<script" not in html and "&lt;script&gt;" in html
    compared = resbench.compare("s", {"model.shortcut": "none"}, tmp_path)
    assert len(compared) == 2 and compared._repr_html_().count("<li>") == 2
