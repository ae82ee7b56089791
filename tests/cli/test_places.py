"""Pages are written next to their results, so that no index lists the studies of another folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.inprocess import resbench as command
from support.searches import TWO_TRIALS
from support.tiny import GRID, run_tiny

import resbench
from resbench.core.files import reports_beside


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done")
    run_tiny(folder)
    return folder / "results"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with results of its own; the working folder."""
    (tmp_path / "project" / "results").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    for name in ("RESBENCH_REPORTS", "RESBENCH_RESULTS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "project"


@pytest.mark.parametrize(
    ("results", "reports"),
    [
        ("results", "reports"),
        ("/a/results", "/a/reports"),
        ("a/my-results", "a/my-reports"),
        ("x", "x-reports"),
        ("/a/x/", "/a/x-reports"),
        ("../x", "../x-reports"),
    ],
)
def test_where_pages_go(results: str, reports: str) -> None:
    assert reports_beside(Path(results)) == Path(reports)


def test_where_pages_go_of_the_working_folder(project: Path) -> None:
    assert reports_beside(Path()) == project.parent / "project-reports"
    assert reports_beside(Path("..")).name == f"{project.parent.name}-reports"


@pytest.mark.parametrize(("name", "pages"), [("results", "reports"), ("x", "x-reports")])
def test_report_run_and_python_write_beside_the_results(name: str, pages: str, done: Path, project: Path) -> None:
    results = project.parent / name
    shutil.copytree(done, results)
    page = project.parent / pages / "tiny" / "index.html"
    code, out, _ = command("report", "tiny", "--results", results)
    assert code == 0 and str(page) in out and page.is_file()
    shutil.rmtree(page.parent.parent)
    assert resbench.report("tiny", results) == page and page.is_file()
    shutil.rmtree(page.parent.parent)
    Path("tiny.yaml").write_text(f"{GRID}seeds: 2\n")
    places = ["--results", results, "--only", "seed==1 & model.shortcut==none"]
    assert (
        command("run", "tiny.yaml", "--executor", "serial", "-j1", "--threads", 1, *places)[0] == 0 and page.is_file()
    )
    assert not Path("reports").exists()


def test_a_variable_or_an_option_names_another_folder(
    done: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESBENCH_RESULTS", str(done))
    assert command("report", "tiny", "--reports", "given")[0] == 0 and Path("given/tiny/index.html").is_file()
    monkeypatch.setenv("RESBENCH_REPORTS", "named")
    assert command("report", "tiny")[0] == 0 and Path("named/tiny/index.html").is_file()
    assert not Path("reports").exists()


def test_bench_and_tune(project: Path) -> None:
    Path("tiny.yaml").write_text(GRID)
    Path("search.yaml").write_text(TWO_TRIALS.replace("name: tiny", "name: searched"))
    words = ["--threads", 1, "--results", "../x"]
    assert command("bench", "tiny.yaml", "--seconds", 0, "--only", "model.shortcut==none", *words)[0] == 0
    assert command("tune", "search.yaml", "-j1", *words)[0] == 0
    pages = Path("../x-reports")
    assert (pages / "tiny" / "index.html").is_file() and (pages / "searched" / "index.html").is_file()
    assert not Path("reports").exists()
