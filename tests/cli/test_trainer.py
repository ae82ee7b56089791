"""Grids and searches whose runs are trained by code of the user."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from optuna.trial import TrialState
from support.commands import read_records
from support.inprocess import resbench
from support.searches import load, setting_of, studies_of

from resbench.grid.reader import read_grid
from resbench.tuning.workers import work

CODE = """
def train(config, seed, report):
    if config.trainer.args["size"] == 7 and seed == 1:
        raise RuntimeError("no room")
    return {"auc": 0.9 + config.trainer.args["size"] * (100 + seed) / 100000, "gain": seed, **RATE}
"""
GRID = """\
# Question: does size matter?
name: own
trainer: my.py:train
metrics: {auc: {better: higher, words: area under the curve}}
axes: {trainer.args.size: [1, 50]}
seeds: 5
baseline: {trainer.args.size: 1}
claims:
  - says: a larger one ranks better
    compare: {trainer.args.size: 50}
    to: {trainer.args.size: 1}
    on: auc
    expect: higher
"""
SEARCH = """\
name: tiny
trainer: {entry: my.py:train, args: {rate: 1.0}}
base: {recipe: {epochs: 4}}
arms: {trainer.args.kind: [good, silent]}
search: {trainer.args.rate: {choices: [1.0, 0.1]}}
trials: 2
seeds: {search: 1, confirm: 2}
sampler: grid
pruner: none
"""
SEARCHED = """
def train(config, seed, report):
    error, kind = config.trainer.args["rate"] / 2, config.trainer.args["kind"]
    for epoch in range(config.recipe.epochs):
        report(epoch + 1, **({"val_error": error} if kind == "good" else {}))
    return {"test_error": error} | ({"val_error": error} if kind == "good" else {})
"""


def test_a_grid_with_a_trainer_is_planned_run_reported_and_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    grids = tmp_path / "grids"
    grids.mkdir()
    (grids / "own.yaml").write_text(GRID)
    (grids / "my.py").write_text(CODE.replace("RATE", "{}"))
    _, out, _ = resbench("plan", "grids/own.yaml")
    assert "10 to do" in out and "a guess of 60 s a run" in out and "evaluation" not in out
    code, out, err = resbench("run", "grids/own.yaml", "--executor", "serial")
    assert code == 0, out + err
    assert "supported: a larger one ranks better" in out and "area under the curve +0.0" in out
    assert "Gain is in the records" in out and "`metrics: {gain: {better: higher}}`" in out
    assert "test accuracy" not in out.splitlines()[0] and "auc 0.95" in err
    page = (tmp_path / "reports" / "own" / "report.md").read_text()
    assert "Training code: my.py:train; 5 seeds a cell" in page
    assert "model.depth" not in page  # of our own networks, which it does not train
    assert "nothing to do" in resbench("run", "grids/own.yaml")[1]
    assert json.loads((tmp_path / "results" / "own" / "study.json").read_text())["metrics"][0]["name"] == "auc"
    # what it is has changed: everything is done again, and one seed fails; now it says how many are wrong
    (grids / "my.py").write_text(CODE.replace("RATE", "{'test_error': 0.125}"))
    code, out, err = resbench("run", "grids/own.yaml", "--executor", "serial", "trainer.args.size=[7,50]", "name=two")
    assert code == 1 and "no room" in err
    assert "does not say which test images were wrong" in out
    records = read_records(tmp_path / "results" / "two")
    failed = next(run_id for run_id, record in records.items() if record.status == "failed")
    _, out, err = resbench("show", "two", failed)
    assert len(records) == 10 and 'raise RuntimeError("no room")' in out, out + err


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("trainer: my.py:train", "trainer: [my.py]", "own.yaml:3: trainer: ['my.py'] should be FILE.py:FUNCTION"),
        ("trainer: my.py:train", "trainer: my.py:trian", "own.yaml:3: trainer.entry: "),
        ("seeds: 5", "seeds: 5\nbase: {trainer.entry: my.py:train}", "stands in base and under trainer"),
        ("seeds: 5", "seeds: 5\nprobes: [gradients]", "my.py:train trains: leave them out"),
        ("metrics: {auc:", "metrics: {test_error: lower, auc:", "metrics: metric test_error: resbench has one"),
        ("better: higher", "better: more", "metrics: auc: better: 'more' should be lower or higher"),
        ("axes: {trainer.args.size", "axes: {trainer.arg.size", "trainer.arg.size: unknown field"),
    ],
)
def test_mistakes_are_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert before in GRID
    (tmp_path / "own.yaml").write_text(GRID.replace(before, after))
    (tmp_path / "my.py").write_text(CODE.replace("RATE", "{}"))
    code, _, err = resbench("plan", "own.yaml")
    assert code == 2 and says in err, err


def test_a_search_is_judged_by_what_the_code_reports(tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text(SEARCHED)
    search = load(tmp_path, SEARCH)
    before = search.identity(search.points()[0])
    assert not work(search, None, setting_of(tmp_path))  # the trials of one arm fail one after the other
    good, silent = (studies_of(search, tmp_path).trials(arm) for arm in (0, 1))
    assert good[0].value == 0.5 and good[0].intermediate_values.keys() == {1, 2, 3, 4}
    assert silent[0].state == TrialState.FAIL and "return val_accuracy" in silent[0].user_attrs["message"]
    (tmp_path / "my.py").write_text(SEARCHED + "# changed\n")
    assert load(tmp_path, SEARCH).identity(search.points()[0]) != before
    (tmp_path / "deeper").mkdir()
    (tmp_path / "my.py").rename(tmp_path / "deeper" / "it.py")
    (tmp_path / "deeper" / "it.py").write_text(SEARCHED)
    assert load(tmp_path, SEARCH.replace("my.py", "deeper/it.py")).identity(search.points()[0]) == before


def test_two_grids_of_a_process_have_metrics_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text(CODE)
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(GRID)
    second.write_text(GRID.replace("better: higher", "better: lower"))
    grids = [read_grid(path) for path in (first, second)]
    assert [grid.study().metrics[0].better for grid in grids] == ["higher", "lower"]


def test_a_function_may_go_to_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the process of the command, whose folders need not be whole paths."""
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    Path("my.py").write_text(
        "import os\ndef train(config, seed, report):\n    os.chdir('there')\n    os.environ.pop('OMP_NUM_THREADS')\n"
        "    report(1, val_error=0.5)\n    return {'test_error': 0.5}\n"
    )
    Path("g.yaml").write_text("name: g\ntrainer: my.py:train\nseeds: 2\n")
    code, _, err = resbench("run", "g.yaml", "--executor", "serial", "-j1", "--no-report")
    assert code == 0 and [record.status for record in read_records(Path("results/g")).values()] == ["ok", "ok"], err
    assert Path.cwd() == tmp_path and not list(Path("there").iterdir())
