"""A grid file does not replace the study that another file of the same name made, unless that is asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.inprocess import resbench as command
from support.searches import TWO_TRIALS

import resbench

GRID = """\
name: g
base: {model: {width: 4, depth: 10}, data: {train_size: 64}, recipe: {epochs: 1}}
axes: {model.shortcut: [identity, none]}
"""
OTHER = GRID.replace("depth: 10", "depth: 16")
RUN = ("--executor", "serial", "--threads", 1, "-j1", "--no-report")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("a.yaml").write_text(GRID)
        assert command("run", "a.yaml", *RUN)[0] == 0
    return folder


@pytest.fixture
def study(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The study in a folder that has been moved; the working folder."""
    shutil.copytree(done, tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")
    Path("b.yaml").write_text(OTHER)
    return Path("results/g/study.json")


@pytest.mark.parametrize("words", [("run", *RUN), ("run", "--fresh", *RUN), ("bench", "--seconds", 0, "--threads", 1)])
def test_another_file_is_refused(words: tuple[object, ...], study: Path) -> None:
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    code, out, err = command(words[0], "b.yaml", *words[1:])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert all(text in err for text in ("a.yaml", "b.yaml", "lacks 2 of its 2 runs", "name=", "--take-over")), err
    assert {path: path.read_bytes() for path in before} == before and len(list(Path("results/g").glob("*.json"))) == 3


def test_it_takes_over_if_asked_and_is_the_file_of_the_study_from_then_on(study: Path) -> None:
    shutil.copy("a.yaml", "c.yaml")
    assert command("run", "b.yaml", "--take-over", *RUN)[0] == 0
    kept = json.loads(study.read_text())
    assert kept["file"] == "b.yaml" and len(list(study.parent.glob("*.json"))) == 5
    assert "--take-over" not in Path("results/g/.work/command.json").read_text()
    Path("b.yaml").write_text(GRID)
    assert command("run", "b.yaml", *RUN)[0] == 0
    assert command("run", "c.yaml", *RUN)[0] == 0  # asks for the same


def test_a_dry_run_says_so(study: Path) -> None:
    for words in (("plan", "b.yaml"), ("run", "b.yaml", "-n")):
        code, _, err = command(*words)
        assert code == 0 and "--take-over" in err
    assert command("plan", "b.yaml", "name=h")[2] == ""


def test_the_same_file_may_be_edited_renamed_or_moved(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy("a.yaml", "copy.yaml")
    assert command("run", "copy.yaml", *RUN)[0] == 0
    Path("copy.yaml").write_text(OTHER)
    code, _, err = command("run", "copy.yaml", "--only", "seed==0", *RUN)
    assert code == 0 and "2 runs that are done are no longer in its grid" in err
    Path("away").mkdir()
    Path("copy.yaml").rename("away/copy.yaml")
    Path("away/copy.yaml").write_text(GRID)
    monkeypatch.chdir(tmp_path)
    assert command("run", "moved/away/copy.yaml", "--results", "moved/results", *RUN)[0] == 0


def test_more_seeds_in_another_file_lose_nothing(study: Path) -> None:
    Path("b.yaml").write_text(f"{GRID}seeds: 2\n")
    assert command("run", "b.yaml", "--shard", "1/2", *RUN)[0] == 0


def test_two_files_of_one_path_in_two_folders(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("one", GRID), ("two", OTHER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "g.yaml").write_text(text)
    monkeypatch.chdir(tmp_path / "one")
    assert command("run", "g.yaml", "--results", tmp_path / "results", *RUN)[0] == 0
    monkeypatch.chdir(tmp_path / "two")
    code, _, err = command("run", "g.yaml", "--results", tmp_path / "results", *RUN)
    assert code == 2 and "one/g.yaml" in err and "two/g.yaml" in err


def test_a_study_of_an_earlier_version_or_without_a_readable_question(study: Path) -> None:
    shutil.rmtree("results/g/.work")
    assert command("run", "b.yaml", *RUN)[0] == 2
    values = json.loads(study.read_text())
    study.write_text(json.dumps({key: values[key] for key in ("schema", "runs", "file")}))
    assert command("run", "a.yaml", *RUN)[0] == 0
    study.write_text("{")
    assert command("run", "a.yaml", *RUN)[0] == 0


def test_grids_in_python_are_edited_freely_but_do_not_replace_a_file(study: Path) -> None:
    other = resbench.read_grid("b.yaml")
    with pytest.raises(resbench.UserError, match=r"take_over=True"):
        resbench.run(other, threads=1)
    base = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 1}
    with pytest.raises(resbench.UserError, match=r"a.yaml: a grid made in Python"):
        resbench.run(resbench.Grid("g", base=base), threads=1, take_over=False)
    for name, depth in (("g", 10), ("mine", 10), ("mine", 16)):
        axes = {"model.shortcut": ["none"]}
        grid = resbench.Grid(name, base={**base, "model.depth": depth}, axes=axes)
        assert len(resbench.run(grid, threads=1, take_over=name == "g")) == 1


def test_a_search_of_another_file(study: Path) -> None:
    Path("s.yaml").write_text(TWO_TRIALS.replace("name: tiny", "name: g"))
    code, _, err = command("tune", "s.yaml", "-j1", "--threads", 1)
    assert code == 2 and "s.yaml has the same name" in err and not Path("results/g/optuna.journal").exists()
