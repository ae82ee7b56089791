"""Grid files that come with the package, and those to start from."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.faults import ROOT
from support.inprocess import resbench

from resbench.core.version import source_hash
from resbench.grid.parts import KEYS
from resbench.grid.reader import read_grid
from resbench.grid.shipped import resolve, shipped_files
from resbench.tuning.reader import load_search

SMALL = "base: {model: {depth: 10, width: 4}}\naxes: {model.shortcut: [identity, none]}\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder outside of the checkout."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_shipped_grid_is_found_by_name_and_the_message_says_which_file_it_is() -> None:
    shipped = ROOT / "ablations" / "quickstart.yaml"
    for given in ("quickstart", "quickstart.yaml", "ablations/quickstart.yaml"):
        assert resolve(given) == (
            str(shipped),
            f"{given}: no such file here, so the one that comes with resbench: {shipped}",
        )
    code, out, err = resbench("plan", "quickstart", "model.depth=10", "model.width=1")
    assert code == 0 and "quickstart: 2 cells" in out and str(shipped) in err


def test_a_file_here_comes_before_a_shipped_one(elsewhere: Path) -> None:
    (elsewhere / "quickstart.yaml").write_text(f"name: mine\n{SMALL}")
    code, out, err = resbench("plan", "quickstart")
    assert code == 0 and "mine: 2 cells" in out and "quickstart: the file quickstart.yaml" in err
    assert "the file" not in resbench("plan", "quickstart.yaml")[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "quickstrat"], "did you mean 'quickstart'?"),
        (["plan", "nothing.yaml"], "nothing.yaml: cannot be read: No such file"),
        (["tune", "../pyproject", "-n"], "cannot be read"),
        (["init", "mine.txt"], "a grid file ends in .yaml"),
        (["init", "Mine.yaml"], "cannot be the name of a study"),
        (["init", "no/mine.yaml"], "there is no folder no"),
        (["init", "--from", "dept"], "did you mean 'depth'?"),
    ],
)
def test_what_is_not_there_is_said(words: list[str], said: str) -> None:
    code, _, err = resbench(*words)
    assert code == 2 and said in err, err


def test_ls_grids_lists_each_with_its_question() -> None:
    lines = resbench("ls", "grids")[1].splitlines()
    assert len(lines) == len(list((ROOT / "ablations").glob("*.yaml"))) + 1
    assert any(re.match(r"tune tune-shortcut +Does a shortcut still help at 34 layers .*\?$", line) for line in lines)


def test_init_writes_a_grid_that_can_be_run_and_never_overwrites(elsewhere: Path) -> None:
    code, out, _ = resbench("init")
    assert code == 0 and "resbench run my-question.yaml" in out and "resbench check my-question" in out
    grid = read_grid("my-question.yaml")
    assert grid.name == "my-question" and grid.claims and len(grid.runs()) == 10
    work = sum(3 * 3000 * run.config.network_size["flops"] for run in grid.runs())
    assert work < 5e12  # what two slow cores do in half a minute
    code, _, err = resbench("init", "my-question.yaml")
    assert code == 2 and "is not overwritten" in err


def test_the_examples_in_the_grid_that_init_writes_are_of_every_key_and_right(elsewhere: Path) -> None:
    resbench("init", "all.yaml")
    file = elsewhere / "all.yaml"
    file.write_text(re.sub(r"^( *)#(?=\S)", r"\1", file.read_text(), flags=re.MULTILINE))
    grid = read_grid(file)
    assert grid.zips and grid.exclude and grid.probes and grid.published and grid.target and grid.labels and grid.story
    assert grid.theory
    assert "`trainer: my.py:train`" in file.read_text()  # with which probes and most fields mean nothing
    assert set(re.findall(r"^(\w+):", file.read_text(), flags=re.MULTILINE)) == {*KEYS} - {"trainer"}


@pytest.mark.parametrize("name", sorted(shipped_files()))
def test_a_copy_of_a_shipped_grid_is_a_study_of_its_own(name: str) -> None:
    code, out, _ = resbench("init", "--from", name)
    assert code == 0 and f"my-{name}.yaml: written" in out
    text = Path(f"my-{name}.yaml").read_text()
    assert f"\nname: my-{name}  # a copy of {name}.yaml\n" in text and "\nstory:" not in text
    for plugin in shipped_files()[name].content.get("plugins", []):
        assert Path(plugin).read_bytes() == (ROOT / "ablations" / plugin).read_bytes()
    if name in ("depth", "tune-shortcut"):
        read = load_search if shipped_files()[name].command == "tune" else read_grid
        assert read(f"my-{name}.yaml").name == f"my-{name}"


def test_nothing_is_written_outside_of_the_folder_of_a_copy(elsewhere: Path) -> None:
    theirs = elsewhere / "a" / "b" / "theirs.yaml"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("plugins: [../mine.py]\n")
    (elsewhere / "a" / "mine.py").write_text("")
    code, _, err = resbench("init", "mine.yaml", "--from", theirs)
    assert code == 2 and "its plug-in ../mine.py is outside of its folder" in err
    assert not (elsewhere.parent / "mine.py").exists() and not (elsewhere / "mine.yaml").exists()


def test_an_installed_package_has_the_grids_and_the_hash_of_its_code(elsewhere: Path) -> None:
    """As a wheel has them: inside of the package, where they are no part of its code."""
    site = elsewhere / "site-packages"
    shutil.copytree(ROOT / "resbench", site / "resbench", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "ablations", site / "resbench" / "ablations")
    code = (
        "from resbench.core.version import revision; from resbench.grid.shipped import resolve\n"
        "print(*revision(), *resolve('depth'))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=site, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{source_hash()} False {site / 'resbench' / 'ablations' / 'depth.yaml'} depth: ")
