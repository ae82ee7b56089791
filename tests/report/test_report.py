"""The report: statistics on known numbers, and pages built from real files."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.studies import make, noise

from resbench.core.config import UserError
from resbench.records.store import Store
from resbench.report import summary, write, write_index
from resbench.report.cells import cells, comparisons
from resbench.report.page.markdown import escape
from resbench.report.published import compare_published, prediction
from resbench.report.study import load

EVIL = "<script>alert(1)</script>"
Result = float | str  # an accuracy, or "diverged", "failed", "missing"


def record(run_id: str, cell: dict[str, Any], seed: int, result: Result) -> dict[str, Any]:
    config: dict[str, Any] = {"model": {"width": 8}, "data": {"name": "mnist"}, "recipe": {"epochs": 2}, "seed": seed}
    for path, value in cell.items():
        group, field = path.split(".")
        config[group][field] = value
    status = result if isinstance(result, str) else "ok"
    metrics: dict[str, Any] = {}
    if not isinstance(result, str):
        metrics = {"test_accuracy": result, "test_error": 1 - result, "train_loss": 0.1, "train_accuracy": 0.9}
        metrics |= {"parameters": 1000, "flops": 5_000_000, "train_seconds": 12.0, "val_accuracy": None}
    history = [{"epoch": n, "train_accuracy": 1 - 0.1 / n, "val_accuracy": 1 - 0.2 / n} for n in (1, 2)]
    provenance = {"revision": "abc", "dirty": False, "device": "cpu", "precision": "fp32", "threads": 1}
    error = {"kind": "failed", "message": EVIL} if status == "failed" else None
    whole = {"schema": 1, "id": run_id, "config": config, "status": status, "metrics": metrics, "history": history}
    return whole | {"predictions": None, "provenance": provenance, "error": error}


def study(
    results: Path,
    name: str,
    axes: dict[str, list[Any]],
    result: Callable[[dict[str, Any], int], Result],
    seeds: int = 2,
    **asked: Any,
) -> Path:
    folder = results / name
    folder.mkdir(parents=True)
    runs = []
    for values in itertools.product(*axes.values()):
        for seed in range(seeds):
            cell = dict(zip(axes, values, strict=True))
            run_id = hashlib.sha256(repr((cell, seed)).encode()).hexdigest()[:16]
            runs.append({"id": run_id, "cell": cell, "seed": seed})
            if (one := result(cell, seed)) != "missing":
                text = json.dumps(record(run_id, cell, seed, one))
                (folder / f"{run_id}.json").write_text(text)
    whole = {"schema": 1, "name": name, "file": f"ablations/{name}.yaml", "about": "", "overrides": []}
    whole |= {"axes": list(axes), "baseline": {}, "published": [], "runs": runs, "excluded": []} | asked
    (folder / "study.json").write_text(json.dumps(whole))
    return folder


def test_cells_have_an_interval_for_new_images_and_one_for_these(tmp_path: Path) -> None:
    axes = {"model.shortcut": ["identity", "none"]}
    found = cells(load(make(tmp_path, "s", axes, 5, noise(lambda cell: 0.01, images=2000)), "s"))
    records = Store(tmp_path / "s").records()[:5]
    accuracy = np.array([record["metrics"]["test_accuracy"] for record in records])
    first = found.iloc[0]
    half = 2.7764451051977987 * accuracy.std(ddof=1) / math.sqrt(5)  # t quantile of four degrees of freedom
    assert (first["mean"], first["sd"]) == pytest.approx((accuracy.mean(), accuracy.std(ddof=1)))
    assert (first["seed_low"], first["seed_high"]) == pytest.approx((accuracy.mean() - half, accuracy.mean() + half))
    assert first["low"] < first["seed_low"] and first["seed_high"] < first["high"]
    assert first["errors"] == pytest.approx(1e4 * (1 - accuracy.mean()))
    assert 0 <= first["true_sd"] <= first["sd"] and first["predicted_sd"] > 0


def test_one_network_has_the_interval_of_its_count(tmp_path: Path) -> None:
    """Wilson's for 77 errors of 10,000, as published: 99.03877 to 99.38343 % (statistics of the article of 2016)."""
    wrong = np.arange(10_000) < 77
    found = cells(load(make(tmp_path, "s", {"model.depth": [34]}, 1, lambda cell, seed, draw: wrong), "s")).iloc[0]
    assert (found["low"], found["high"]) == pytest.approx((0.9903877, 0.9938343), abs=1e-7)
    assert math.isnan(found["sd"]) and math.isnan(found["seed_low"])


def test_diverged_runs_are_counted_and_not_averaged(tmp_path: Path) -> None:
    fates = ["ok", "diverged", "failed", "missing"]
    normal = noise(lambda cell: 0.1, images=100)
    axes = {"model.depth": [10]}
    made = make(tmp_path, "s", axes, 4, lambda c, seed, draw: normal(c, seed, draw) if seed == 0 else fates[seed])
    found = cells(load(made, "s")).iloc[0]
    counts = ["planned", "seeds_done", "seeds_ok", "diverged", "failed"]
    assert list(found[counts]) == [4, 2, 1, 1, 1]
    assert found["diverged_low"] < 0.5 < found["diverged_high"]


def test_comparisons_pair_the_seeds_that_both_cells_share(tmp_path: Path) -> None:
    normal = noise(lambda cell: 0.2 if cell["model.shortcut"] == "none" else 0.1, images=500)
    axes = {"model.shortcut": ["identity", "none", "projection"]}

    def outcome(cell: Any, seed: int, draw: np.random.Generator) -> Any:
        lost = cell["model.shortcut"] == "none" and seed == 2
        return "missing" if lost else normal(cell, seed, draw)

    study_ = load(make(tmp_path, "s", axes, 4, outcome, baseline={"model.shortcut": "none"}), "s")
    found = comparisons(study_, study_.baseline)
    assert list(found["model.shortcut"]) == ["identity", "projection"]
    contrast = found.iloc[0]["contrast"]
    by_seed = {
        (r["config"]["model"]["shortcut"], r["config"]["seed"]): r["metrics"] for r in study_.records if r["metrics"]
    }
    gaps = [by_seed["identity", s]["test_error"] - by_seed["none", s]["test_error"] for s in (0, 1, 3)]
    assert contrast.seeds == 3 and contrast.seed_only.estimate == pytest.approx(np.mean(gaps))
    assert (found["q"] >= [one.p for one in found["contrast"]]).all()


def test_survivors_of_diverged_arms_are_not_compared(tmp_path: Path) -> None:
    normal = noise(lambda cell: 0.2 if cell["model.shortcut"] == "none" else 0.1, images=500)
    axes = {"model.shortcut": ["identity", "none"]}

    def outcome(cell: Any, seed: int, draw: np.random.Generator) -> Any:
        lost = cell["model.shortcut"] == "none" and seed < 3
        return "diverged" if lost else normal(cell, seed, draw)

    made = make(tmp_path, "s", axes, 10, outcome, baseline={"model.shortcut": "none"})
    assert comparisons(load(made, "s"), {"model.shortcut": "none"})["contrast"].isna().all()
    page = (write(made, tmp_path / "reports", "s").parent / "report.md").read_text()
    assert "Not compared, because runs diverged there or in the baseline: 1" in page and "fewer test errors" not in page


def test_published_numbers_are_reproduced_or_not_or_not_comparable(tmp_path: Path) -> None:
    rows = [
        {"source": "a", "on": "test_error", "at": {"model.depth": 10}, "value": 0.0103},
        {"source": "b", "on": "test_error", "at": {"model.depth": 10}, "value": 0.05},
        {"source": "c", "on": "test_error", "at": {"model.depth": 10}, "value": 0.01, "differs": "other images"},
        {"source": "d", "on": "parameters", "at": {"model.depth": 10}, "value": 1000},
        {"source": "e", "on": "test_error", "at": {"model.depth": 34}, "value": 0.01},
    ]
    made = make(tmp_path, "s", {"model.depth": [10]}, 8, noise(lambda cell: 0.01), published=rows)
    found = compare_published(load(made, "s"))
    assert [one.verdict for one in found] == [
        "reproduced", "not reproduced", "not comparable", "reproduced", "not comparable",
    ]  # fmt: skip
    assert found[2].because == "other images" and "no cell" in found[4].because
    assert all(
        one.verdict != "reproduced"
        for one in compare_published(
            load(make(tmp_path, "t", {"model.depth": [10]}, 2, noise(lambda cell: 0.01), published=rows[:2]), "t")
        )
    )


def test_a_new_run_lies_where_the_interval_of_new_runs_says() -> None:
    """Coverage of the prediction interval by simulation: 95 % within the error of 4,000 replicates."""
    draw = np.random.default_rng(3)
    inside = 0
    for _ in range(4000):
        ours, theirs = draw.normal(size=5), draw.normal()
        found = prediction(list(ours), 1)
        inside += found.low <= theirs <= found.high
    assert inside / 4000 == pytest.approx(0.95, abs=0.011)


def _build(results: Path, reports: Path, hash_seed: str) -> dict[str, bytes]:
    """Every file that a process of its own writes; the process also checks that it never imported torch."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom resbench.report import summary, write, write_index\n"
        "results, reports = map(Path, sys.argv[1:])\n"
        "write(results, reports, 'depth')\nwrite_index(results, reports)\nsummary(results, 'depth')\n"
        "assert 'torch' not in sys.modules"
    )
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    subprocess.run([sys.executable, "-c", code, str(results), str(reports)], env=environment, check=True)
    return {str(path.relative_to(reports)): path.read_bytes() for path in reports.rglob("*") if path.is_file()}


def test_builds_are_equal_byte_for_byte_and_do_without_torch(tmp_path: Path) -> None:
    axes: dict[str, list[Any]] = {"model.depth": [10, 22, 34], "model.shortcut": ["identity", "projection", "none"]}
    study(
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
    assert set(first) >= figures | tables | pages
    assert {path.split("/")[1] for path in first if path.count("/") > 1} == {"figures", "tables"}


def test_nothing_in_the_data_becomes_markup(tmp_path: Path) -> None:
    asked = {"about": EVIL, "file": EVIL, "excluded": [{"cell": {"model.norm": EVIL}, "because": EVIL}]}
    asked |= {"published": [{"source": EVIL, "on": "test_error", "at": {"model.norm": EVIL}, "value": 0.1}]}
    axes: dict[str, list[Any]] = {"model.norm": [EVIL, "a|b `c` $x$"]}
    folder = study(tmp_path / "results", "evil", axes, lambda _, seed: "failed" if seed else 0.9)
    (folder / "study.json").write_text(json.dumps(json.loads((folder / "study.json").read_text()) | asked))
    page = write(tmp_path / "results", tmp_path / "reports", "evil")
    write_index(tmp_path / "results", tmp_path / "reports")
    pages = [page, page.parent / "report.md", *(tmp_path / "reports" / name for name in ("index.html", "README.md"))]
    for path in pages:
        lines = path.read_text().splitlines()
        text = "\n".join(line for line in lines if path.suffix == ".html" or not line.startswith("    "))  # no code
        assert text.lower().count("<script") == (path == page)  # the page's own
        assert "<script>alert" not in text.lower()
        assert "&lt;script&gt;" in text
    assert "a\\|b \\`c\\` \\$x\\$" in pages[1].read_text()


def test_markdown_keeps_numbers_and_names_and_defuses_lists() -> None:
    assert escape("99.23 ± 0.05 max_pool") == "99.23 ± 0.05 max_pool"
    assert escape("1. one\n- two") == "1&#46; one\n&#45; two"


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    axes = {"model.shortcut": ["identity", "none"]}
    accuracy = {"identity": 0.9923, "none": 0.9916}
    study(
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
    study(tmp_path, "dead", {"model.depth": [10, 22]}, lambda *_: "diverged")
    text = write(tmp_path, tmp_path / "reports", "dead").read_text()
    assert "4 runs diverged, so nothing can be compared" in text


def test_notes_say_what_is_off(tmp_path: Path) -> None:
    axes = {"model.norm": ["batch", None]}
    results: dict[int, Result] = {0: 0.9, 1: 0.91, 2: "failed", 3: "missing"}
    folder = study(tmp_path, "some", axes, lambda _, seed: results[seed], 4, overrides=["recipe.lr=[0.1, 0.2]"])
    other = record("f" * 16, {"model.norm": "layer"}, 0, 0.5)
    (folder / f"{'f' * 16}.json").write_text(json.dumps(other))
    (folder / f"{'e' * 16}.json").write_text("{")
    path = next(
        path for path in sorted(folder.glob("*.json")) if '"ok"' in path.read_text() and path.stem[0] not in "ef"
    )
    changed = json.loads(path.read_text())
    changed["provenance"] |= {"revision": "def", "dirty": True}
    path.write_text(json.dumps(changed))
    text = summary(tmp_path, "some")
    for note in (
        "Outstanding runs: 2 of 8",
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


def test_records_without_a_study_file_span_their_own_axes(tmp_path: Path) -> None:
    folder = study(tmp_path, "bare", {"model.depth": [22, 10], "model.norm": ["batch"]}, lambda *_: 0.9)
    (folder / "study.json").unlink()
    lines = summary(tmp_path, "bare").splitlines()
    assert lines[0].split()[0] == "model.depth"
    assert [line.split()[0] for line in lines[2:4]] == ["10", "22"]


def test_published_numbers_stand_beside_ours(tmp_path: Path) -> None:
    published = [{"source": "paper", "on": "test_error", "at": {"model.depth": 10}, "value": 0.0661}]
    axes: dict[str, list[Any]] = {"model.depth": [10, 22], "model.norm": ["batch"]}
    study(tmp_path, "published", axes, lambda *_: 0.95, published=published)
    text = (write(tmp_path, tmp_path / "reports", "published").parent / "report.md").read_text()
    assert "| paper | model.depth 10 | test_error | 6.61 | 5.00 \\[5.00, 5.00\\] |" in text


def test_a_study_without_runs_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    study(tmp_path, "empty", {}, lambda *_: 0.9, 0)
    with pytest.raises(UserError, match="nothing to report"):
        summary(tmp_path, "empty")


@pytest.mark.parametrize("name", ["none", "", "..", "../results"])
def test_a_study_that_is_not_there_is_a_mistake_of_the_user(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no such study"):
        write(tmp_path, tmp_path / "reports", name)
