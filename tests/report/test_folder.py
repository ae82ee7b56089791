"""The folder of the pages: what is not ours stays, studies whose results are elsewhere too, and a damaged study is named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from support.inprocess import resbench
from support.studies import with_accuracies

from resbench.core.errors import UserError
from resbench.report import write, write_index
from resbench.report.page.markdown import escape, unescape

CLAIM: dict[str, Any] = {"says": "a | b `c`, \\| & <d>", "compare": {"model.depth": 22}, "to": {"model.depth": 10}}
CLAIM |= {"at": {}, "on": "parameters", "expect": "lower", "margin": 0.0}


def made(results: Path, name: str, **fields: Any) -> None:
    about = f"Question: is *{name}* [deep](x) enough, or 10 | 22? It is."
    fields = {"about": about, "claims": [CLAIM], **fields}
    with_accuracies(results, name, {"model.depth": [10, 22]}, lambda *_: 0.9, **fields)


def page(folder: Path, name: str) -> Path:
    written = write(folder / "results", folder / "reports", name).parent
    write_index(folder / "results", folder / "reports")
    return written


def test_only_what_an_earlier_page_wrote_is_removed(tmp_path: Path) -> None:
    about = "See figures/mine.svg and ![x](figures/mine.svg)\n\n(`tables/mine.csv`, `tables/mine.tex`)"
    made(tmp_path / "results", "g", about=about, baseline={"model.depth": 10})
    folder = page(tmp_path, "g")
    kept = [folder / "figures" / "mine.png", folder / "figures" / "mine.svg", folder / "tables" / "mine.csv"]
    for path in kept:
        path.write_text("mine")
    before = {path.relative_to(folder) for path in folder.rglob("*")}
    shutil.rmtree(tmp_path / "results")
    made(tmp_path / "results", "g", about=about, claims=[])
    page(tmp_path, "g")
    assert all(path.read_text() == "mine" for path in kept)
    gone = before - {path.relative_to(folder) for path in folder.rglob("*")}
    assert Path("tables/comparisons.csv") in gone and Path("tables/comparisons.tex") in gone
    assert {path.suffix for path in gone if path.parts[0] == "figures"} <= {".svg", ".png", ".csv"}
    fresh = write(tmp_path / "results", tmp_path / "other", "g").parent
    assert {path.relative_to(folder) for path in folder.rglob("*")} == {
        path.relative_to(fresh) for path in fresh.rglob("*")
    } | {path.relative_to(folder) for path in kept}


@pytest.mark.parametrize("name", ["README.md", "index.html"])
def test_an_index_that_is_not_ours_stays(name: str, tmp_path: Path) -> None:
    made(tmp_path / "results", "g")
    for text in ("# My project\n", "# Reports\n\nOf my own.\n", "<title>Mine</title>"):
        (tmp_path / name).write_text(text)
        code, out, err = resbench("report", "g", "--results", tmp_path / "results", "--reports", tmp_path)
        assert code == 2 and "g/index.html" in out
        assert err == f"{tmp_path / name}: " + (
            "not written by resbench, and stays as it is: move it away, or name another folder with --reports\n"
        )
        assert (tmp_path / name).read_text() == text
        assert {"README.md", "index.html"} & {path.name for path in tmp_path.iterdir()} == {name}


@pytest.mark.parametrize("name", ["report.md", "index.html"])
def test_a_page_that_is_not_ours_stays(name: str, tmp_path: Path) -> None:
    made(tmp_path / "results", "docs")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / name).write_text("mine")
    with pytest.raises(UserError, match="not written by resbench"):
        write(tmp_path / "results", tmp_path, "docs")
    assert [path.name for path in (tmp_path / "docs").iterdir()] == [name]


def test_the_index_keeps_studies_whose_results_are_elsewhere(tmp_path: Path) -> None:
    for name in ("a", "c"):
        made(tmp_path / "results", name)
        page(tmp_path, name)
    reports = tmp_path / "reports"
    made(tmp_path / "results", "b")
    page(tmp_path, "b")
    every = {name: (reports / name).read_text() for name in ("README.md", "index.html")}
    (tmp_path / "results" / "b").rename(tmp_path / "b")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "b").rename(tmp_path / "elsewhere" / "b")
    write_index(tmp_path / "elsewhere", reports)
    assert {name: (reports / name).read_text() for name in every} == every
    (reports / "a" / "index.html").unlink()  # as in a clone: git keeps the text alone
    write_index(tmp_path / "elsewhere", reports)
    assert (reports / "README.md").read_text() == every["README.md"]
    assert "a/index.html" not in (reports / "index.html").read_text()
    (reports / "README.md").unlink()
    write_index(tmp_path / "elsewhere", reports)
    assert (reports / "README.md").read_text() == every["README.md"]  # what is said of a study stands with its page


def test_markdown_is_read_back_as_it_was_written() -> None:
    for text in ("1. a\\b `c` *d* _e_ |f| [g](h) ~i~ #j $k$ a_b", "&amp; <b> &lt; \\| \\\\", "- x", "&#45; 2"):
        assert unescape(escape(text)) == text


def test_a_damaged_study_and_a_stray_file_stop_no_other(tmp_path: Path) -> None:
    results, reports = tmp_path / "results", tmp_path / "reports"
    for name in ("b", "c", "good"):
        made(results, name)
        page(tmp_path, name)
    before = (reports / "README.md").read_text()
    (results / "a").mkdir()
    (results / "a" / "notes.json").write_text("{}")
    (results / "b" / "study.json").write_text('{"half')
    (results / "c" / "study.json").unlink()
    (results / "c" / "study.json").mkdir()
    (results / "goals.json").write_text("[")
    folders = ("--results", results, "--reports", reports)
    code, out, err = resbench("report", *folders)
    assert code == 0 and out.splitlines() == [str(reports / "good" / "index.html"), str(reports / "index.html")]
    lines = err.splitlines()
    assert len(lines) == 4 and sum("nothing to report" in line for line in lines) == 1
    assert all(sum(f"{results / name}" in line for line in lines) == 1 for name in ("a", "b", "c", "goals.json"))
    assert (reports / "README.md").read_text() == before
    code, out, err = resbench("status", "--results", results)
    assert code == 0 and out.startswith("good: 4 runs: 4 ok") and len(err.splitlines()) == 3
    for name, code in (("good", 0), ("b", 2), ("a", 2)):
        assert resbench("status", name, "--results", results)[0] == code
        assert resbench("report", name, *folders)[0] == code
    assert resbench("report", "b", "good", *folders)[0] == 2
