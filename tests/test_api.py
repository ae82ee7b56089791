"""The public names: what they are, that their examples are right, and that a Grid is as good as its file."""

from __future__ import annotations

import doctest
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from support.faults import ROOT

import resbench


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory for the examples, with the grid files."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "ablations").symlink_to(ROOT / "ablations")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        threads = torch.get_num_threads()
        yield folder
        torch.set_num_threads(threads)


def documented(name: str) -> Any:
    """What has the docstring; `report` is a package, too."""
    return resbench.report.api.report if name == "report" else getattr(resbench, name)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", resbench.__all__)
def test_examples(name: str, folder: Path) -> None:
    values = {"resbench": resbench, "Path": Path, "torch": torch} | {
        one: getattr(resbench, one) for one in resbench.__all__
    }
    tests = doctest.DocTestFinder(recurse=False).find(documented(name), name, globs=values)
    assert sum(len(test.examples) for test in tests), f"{name} has no example"
    for test in tests:
        messages: list[str] = []
        result = doctest.DocTestRunner().run(test, out=messages.append)
        assert not result.failed, "".join(messages)


def test_names_are_listed_and_others_refused() -> None:
    assert set(resbench.__all__) <= set(dir(resbench)) and resbench.__version__
    assert (Path(resbench.__file__).parent / "py.typed").exists()
    with pytest.raises(AttributeError, match="no attribute 'grids'"):
        resbench.grids  # noqa: B018


def test_what_is_no_grid_no_study_and_no_run_is_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(resbench.UserError, match="a dict is no grid: give the path of a grid file, or"):
        resbench.run({"model.depth": [10]})  # type: ignore[arg-type]
    with pytest.raises(resbench.UserError, match="no records are in it"):
        resbench.load(tmp_path)
    with pytest.raises(resbench.UserError, match="which run"):
        resbench.network("depth", results=ROOT / "results")


def test_the_package_itself_imports_nothing_heavy() -> None:
    code = "import sys, resbench; dir(resbench); print({'torch', 'pandas', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "set()\n"


def test_a_grid_made_in_python_is_as_good_as_its_file(tmp_path: Path) -> None:
    base = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 1}
    (tmp_path / "tiny.yaml").write_text(
        "name: tiny\nbase: {model: {depth: 10, width: 4}, data: {train_size: 64}, recipe: {epochs: 1}}\n"
        "axes: {model.shortcut: [identity, none]}\n"
    )
    grid = resbench.Grid("tiny", base=base, axes={"model.shortcut": ["identity", "none"]})
    results, reports = tmp_path / "results", tmp_path / "reports"
    assert [run.id for run in grid.runs()] == [run.id for run in resbench.read_grid(tmp_path / "tiny.yaml").runs()]
    assert resbench.plan(grid, results).missing == resbench.plan(tmp_path / "tiny.yaml", results).missing == 2
    assert len(resbench.run(grid, results=results, threads=1)) == 2
    assert resbench.plan(tmp_path / "tiny.yaml", results).missing == 0
    assert len(resbench.bench(grid, results, threads=1, seconds=0.0)) == 2
    assert resbench.report(grid, results, reports) == reports / "tiny" / "index.html"
    assert len(resbench.compare(grid, {"model.shortcut": "none"}, results)) == 1
    with pytest.raises(resbench.UserError, match="states no claims"):
        resbench.check("tiny", results)
