"""Pages built from real files: the same bytes each time, no markup from data, and what a reader must know."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.studies import MESSAGE, Accuracy, accuracy_record, with_accuracies

from resbench.records.record import Record
from resbench.records.store import Store
from resbench.report import write, write_index
from resbench.report.page.study_page import summary

EVIL = MESSAGE

EVIL = MESSAGE


def _build(results: Path, reports: Path, hash_seed: str) -> dict[str, bytes]:
    """Every file that a process of its own writes; the process also checks that it never imported torch."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom resbench.report import write, write_index\nfrom resbench.report.page.study_page import summary\n"
        "results, reports = map(Path, sys.argv[1:])\n"
        "write(results, reports, 'depth')\nwrite_index(results, reports)\nsummary(results, 'depth')\n"
        "assert 'torch' not in sys.modules"
    )
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    subprocess.run([sys.executable, "-c", code, str(results), str(reports)], env=environment, check=True)
    return {str(path.relative_to(reports)): path.read_bytes() for path in reports.rglob("*") if path.is_file()}


def test_builds_are_equal_byte_for_byte_and_do_without_torch(tmp_path: Path) -> None:
    axes: dict[str, list[Any]] = {"model.depth": [10, 22, 34], "model.shortcut": ["identity", "projection", "none"]}
    with_accuracies(
        tmp_path / "results",
        "depth",
        axes,
        lambda cell, seed: "diverged" if cell["model.depth"] == 34 and seed else 0.9 + 0.01 * seed,
        baseline={"model.shortcut": "none"},
    )
    first = _build(tmp_path / "results", tmp_path / "one", "1")
    assert first == _build(tmp_path / "results", tmp_path / "two", "2")
    figures = {f"depth/figures/{name}.{kind}" for name in ("error", "curves") for kind in ("svg", "png", "csv")}
    names = ("cells", "comparisons", "protocol", "provenance")
    tables = {f"depth/tables/{name}.{kind}" for name in names for kind in ("csv", "tex")}
    pages = {"index.html", "README.md", "depth/index.html", "depth/report.md", "depth/report.json"}
    runs = {f"depth/runs/{run_id}.html" for run_id in Store(tmp_path / "results" / "depth").ids()}
    assert set(first) >= figures | tables | pages | runs | {"depth/data.csv"}
    assert {path.split("/")[1] for path in first if path.count("/") > 1} == {"figures", "tables", "runs"}


def test_nothing_in_the_data_becomes_markup(tmp_path: Path) -> None:
    fields = {"about": EVIL, "file": EVIL, "excluded": [{"cell": {"model.norm": EVIL}, "because": EVIL}]}
    fields |= {"published": [{"source": EVIL, "on": "test_error", "at": {"model.norm": EVIL}, "value": 0.1}]}
    axes: dict[str, list[Any]] = {"model.norm": [EVIL, "a|b `c` $x$"]}
    folder = with_accuracies(tmp_path / "results", "evil", axes, lambda _, seed: "failed" if seed else 0.9)
    (folder / "study.json").write_text(json.dumps(json.loads((folder / "study.json").read_text()) | fields))
    page = write(tmp_path / "results", tmp_path / "reports", "evil")
    write_index(tmp_path / "results", tmp_path / "reports")
    pages = [page, page.parent / "report.md", *(tmp_path / "reports" / name for name in ("index.html", "README.md"))]
    for path in pages:
        lines = path.read_text().splitlines()
        text = "\n".join(line for line in lines if path.suffix == ".html" or not line.startswith("    "))  # no code
        tags = set(re.findall(r"<script[^>]*>", text.lower()))
        own = {"<script>", '<script type="application/json">'} if path.suffix == ".html" else set()
        assert tags <= own  # the page's own
        assert "<script>alert" not in text.lower()
        assert "&lt;script&gt;" in text
    assert "a\\|b `c` \\$x\\$" in pages[1].read_text()


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    axes = {"model.shortcut": ["identity", "none"]}
    accuracy = {"identity": 0.9923, "none": 0.9916}
    with_accuracies(
        tmp_path,
        "quick",
        axes,
        lambda cell, _: accuracy[cell["model.shortcut"]],
        1,
        baseline={"model.shortcut": "none"},
    )
    text = write(tmp_path, tmp_path / "reports", "quick").read_text()
    assert "No cell shares 5 seeds with the baseline" in text and "At most 1 seed a cell" in text
    assert "99.23</td>" in text
    assert "99.23 [" not in text


def test_all_diverged_says_so(tmp_path: Path) -> None:
    with_accuracies(tmp_path, "dead", {"model.depth": [10, 22]}, lambda *_: "diverged")
    text = write(tmp_path, tmp_path / "reports", "dead").read_text()
    assert "4 runs did not (4 diverged), so nothing can be compared" in text


def test_notes_say_what_is_off(tmp_path: Path) -> None:
    axes = {"model.norm": ["batch", None]}
    results: dict[int, Accuracy] = {0: 0.9, 1: 0.91, 2: "failed", 3: "missing"}
    folder = with_accuracies(
        tmp_path, "some", axes, lambda _, seed: results[seed], 4, overrides=["recipe.lr=[0.1, 0.2]"]
    )
    other = accuracy_record("f" * 16, {"model.norm": "layer"}, 0, 0.5)
    (folder / f"{'f' * 16}.json").write_text(other.to_json())
    (folder / f"{'e' * 16}.json").write_text("{")
    path = next(
        path for path in sorted(folder.glob("*.json")) if '"ok"' in path.read_text() and path.stem[0] not in "ef"
    )
    changed = Record.from_json(path.read_text())
    changed.provenance = changed.provenance.with_facts(revision="def", dirty=True)
    path.write_text(changed.to_json())
    text = summary(tmp_path, "some")
    for note in (
        "Missing runs: 2 of 8",
        "2 of 8: failed: <script>",
        "different code revisions: abc (5), def (1)",
        "not committed: 1 of 6",
        "1 record of other settings",
        "1 damaged record",
    ):
        assert note in text
    assert "null" in text
    assert "layer" not in text
    page = write(tmp_path, tmp_path / "reports", "some").parent / "report.md"
    assert "resbench run ablations/some.yaml 'recipe.lr=[0.1, 0.2]'" in page.read_text()
