"""No verdict between runs on other data or with missing values, and a verdict says what else could explain it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.inprocess import resbench
from support.studies import HELPS, Cell, make, noise

from resbench.core.json_reader import Json
from resbench.records.metrics import INFINITE, METRICS
from resbench.report.cells import cells
from resbench.report.published import compare_published
from resbench.report.study import load
from resbench.report.tables.cells import cell_table
from resbench.report.tables.probes import probe_table

AXES: dict[str, list[Any]] = {"model.depth": [10], "model.shortcut": ["identity", "none"]}
OURS, OTHER = "0" * 64, "e" * 64
Where = Callable[[Cell, int], Mapping[str, Json]]


def rates(cell: Cell) -> float:
    return 0.02 if cell["model.shortcut"] == "identity" else 0.2


def study(folder: Path, where: Where, **fields: Any) -> Path:
    """A study whose claim is supported if nothing is off, with a published number that is reproduced and a target."""
    fields = {
        "claims": [HELPS],
        "baseline": {"model.shortcut": "identity"},
        "published": [
            {"source": "p", "on": "train_loss", "at": {"model.shortcut": "identity"}, "value": 0.1, "runs": 5}
        ],
        "target": {"test_accuracy": 0.9},
    } | fields
    return make(folder, "s", AXES, 6, noise(rates, images=500, hard=0.5), where=where, **fields)


def plain(cell: Cell) -> bool:
    return bool(cell["model.shortcut"] == "none")


@pytest.mark.parametrize(
    ("name", "where", "counts"),
    [
        ("test data", lambda c, s: {"test_sha256": OTHER if plain(c) else OURS}, "000000000000 (6: identity shortcuts), eeeeeeeeeeee (6: no shortcut)"),
        ("test data", lambda c, s: {"test_sha256": OTHER} if plain(c) else {}, "eeeeeeeeeeee (6: no shortcut), unknown (6: identity shortcuts)"),
        ("test data", lambda c, s: {"test_sha256": OTHER if plain(c) and s < 2 else OURS}, "(10: identity shortcuts 6; no shortcut 4), eeeeeeeeeeee (2: no shortcut)"),
        ("test data", lambda c, s: {"test_sha256": OTHER if s < 2 else OURS}, "(8: identity shortcuts 4; no shortcut 4), eeeeeeeeeeee (4: identity shortcuts 2; no shortcut 2)"),
        ("training data", lambda c, s: {"test_sha256": OURS, "data_sha256": OTHER if s == 5 else OURS}, "eeeeeeeeeeee (2: identity shortcuts 1; no shortcut 1)"),
    ],
    ids=["arms", "one unknown", "within one", "within both", "training"],
)  # fmt: skip
def test_runs_on_other_data_have_no_verdict(name: str, where: Where, counts: str, tmp_path: Path) -> None:
    results = study(tmp_path, where)
    code, out, _ = resbench("check", "s", "--results", results)
    assert code == 1 and "\n≠ not comparable: shortcuts help" in out and "upported" not in out
    assert (
        f"Not comparable at 10 layers: identity shortcuts against no shortcut: different {name}: " in out
        and counts in out
    )
    assert f"note: runs have different {name}: " in out and "model.shortcut=none" in out
    assert out.startswith("Open: 90.00 %") and "Not judged: 2 of 2 cells" in out
    code, out, _ = resbench("compare", "s", "--to", "model.shortcut=none", "--results", results)
    assert code == 0 and f"different {name}: " in out and "points" not in out


def page(results: Path, reports: Path) -> str:
    assert resbench("report", "s", "--results", results, "--reports", reports)[0] == 0
    return (reports / "s" / "report.md").read_text()


def test_the_page_names_other_data_and_judges_nothing(tmp_path: Path) -> None:
    text = page(
        study(tmp_path, lambda cell, seed: {"test_sha256": OTHER if plain(cell) else OURS}), tmp_path / "reports"
    )
    assert "- Runs have different test data: 000000000000 (6: model.depth=10 model.shortcut=identity), eeee" in text
    assert "Supported" not in text and "| supported" not in text and "| not comparable | runs have different" in text
    assert "Effect of each factor" not in text


def test_the_same_data_are_compared(tmp_path: Path) -> None:
    results = study(tmp_path, lambda cell, seed: {"test_sha256": OURS, "data_sha256": OTHER})
    code, out, _ = resbench("check", "s", "--results", results)
    assert code == 0 and "supported: shortcuts help" in out and "different" not in out


@pytest.mark.parametrize("axis", ["data.name", "data.train_size"])
def test_data_that_differ_by_intention_are_compared(axis: str, tmp_path: Path) -> None:
    """An axis of the data: every value of it has images of its own, and runs of one value have the same."""
    claim = {"says": "worse", "compare": {axis: "a"}, "to": {axis: "b"}, "at": {}, "on": "train_loss"}

    def where(cell: Cell, seed: int) -> dict[str, Json]:
        return {"test_sha256": OURS, "data_sha256": OTHER if cell[axis] == "a" else OURS}

    def metrics(cell: Cell, seed: int) -> dict[str, float]:
        return {"train_loss": (0.5 if cell[axis] == "a" else 0.1) + 0.01 * (seed % 3) * (1 if cell[axis] == "a" else 2)}

    make(
        tmp_path, "s", {axis: ["a", "b"]}, 6, noise(lambda cell: 0.1, images=200), where=where, metrics=metrics,
        claims=[claim | {"expect": "higher", "margin": 0}],
    )  # fmt: skip
    code, out, _ = resbench("check", "s", "--results", tmp_path)
    assert code == 0 and out.startswith("✓ supported: worse")


FOLLOW: list[tuple[dict[str, Json], dict[str, Json], str, str]] = [
    ({"revision": "a" * 40}, {"revision": "b" * 40}, "code aaaaaaaaaaaa", "code bbbbbbbbbbbb"),
    ({"dirty": False}, {"dirty": True}, "uncommitted changes false", "uncommitted changes true"),
    ({"versions": {"torch": "2.6"}}, {"versions": {"torch": "2.7"}}, "torch 2.6", "torch 2.7"),
    ({"versions": {"numpy": "2.0"}}, {"versions": {"numpy": "2.1"}}, "numpy 2.0", "numpy 2.1"),
    ({"versions": {"cuda": "12.8"}}, {"versions": {"cuda": "13.0"}}, "CUDA 12.8", "CUDA 13.0"),
    ({"versions": {"cudnn": "9.1.0"}}, {"versions": {"cudnn": "9.10.2"}}, "cuDNN 9.1.0", "cuDNN 9.10.2"),
    ({"driver": "550.54.15"}, {"driver": "580.65.06"}, "driver 550.54.15", "driver 580.65.06"),
    ({"device": "cpu"}, {"device": "cuda"}, "device cpu", "device cuda"),
    ({"device_name": "A100"}, {"device_name": "H100"}, "processor A100", "processor H100"),
    ({"precision": "fp32"}, {"precision": "bf16"}, "precision fp32", "precision bf16"),
    ({"cpu_capability": "AVX2"}, {"cpu_capability": "AVX512"}, "instructions AVX2", "instructions AVX512"),
    ({"channels_last": True}, {"channels_last": False}, "channels last true", "channels last false"),
    ({"threads": 1}, {"threads": 2}, "threads 1", "threads 2"),
]


@pytest.mark.parametrize(("ours", "theirs", "here", "there"), FOLLOW, ids=[row[2].split()[0] for row in FOLLOW])
def test_a_verdict_names_what_follows_the_compared_axis(
    ours: dict[str, Json], theirs: dict[str, Json], here: str, there: str, tmp_path: Path
) -> None:
    results = study(tmp_path, lambda cell, seed: theirs if plain(cell) else ours)
    code, out, _ = resbench("check", "s", "--results", results)
    clause = f", but every run of identity shortcuts was trained with {here}, and every run of no shortcut with {there}, which may be"
    assert code == 0 and "\n✓ supported, confounded with " in out and clause in out
    assert clause in resbench("compare", "s", "--to", "model.shortcut=none", "--results", results)[1]


def test_the_page_names_what_follows_the_compared_axis(tmp_path: Path) -> None:
    results = study(tmp_path, lambda cell, seed: {"device": "cuda" if plain(cell) else "cpu"})
    text = page(results, tmp_path / "reports")
    clause = ", but every run of identity shortcuts was trained with device cpu, and every run of no shortcut with device cuda, which"
    assert text.count(clause) == 1 and "their device differs too" in text.partition("## ")[0]
    assert "| supported, confounded with device |" in text
    assert (
        "different devices: cpu (6), cuda (6). They differ with the shortcut (identity shortcuts: cpu, no shortcut: cuda), w"
        in text
    )


def test_what_is_merely_mixed_is_a_note(tmp_path: Path) -> None:
    facts = [
        {name: value for one in side for name, value in one.items() if name != "versions"}
        for side in zip(*[(a, b) for a, b, _, _ in FOLLOW], strict=True)
    ]
    results = study(tmp_path, lambda cell, seed: facts[seed % 2] | {"versions": {"numpy": f"2.{seed % 2}"}})
    out = resbench("check", "s", "--results", results)[1]
    assert "\n✓ supported: " in out and "every run of" not in out
    text = page(results, tmp_path / "reports")
    for words in (
        "code revisions",
        "versions of numpy",
        "processors",
        "instructions of the processor",
        "memory formats",
    ):
        assert f"- The records come from different {words}" in text
    assert "They differ with" not in text


def test_two_values_on_either_side_and_none_in_common_are_confounded(tmp_path: Path) -> None:
    results = study(tmp_path, lambda cell, seed: {"device_name": f"GPU {seed % 2 + 2 * plain(cell)}"})
    out = resbench("check", "s", "--results", results)[1]
    assert (
        "identity shortcuts was trained with processor GPU 0 or GPU 1, and every run of no shortcut with processor GPU 2 or GPU 3"
        in out
    )
    one = study(tmp_path / "b", lambda cell, seed: {"device_name": "GPU 1" if plain(cell) or seed else "GPU 0"})
    assert "every run" not in resbench("check", "s", "--results", one)[1]


def test_a_precision_that_is_the_axis_is_not_confounded_with_itself(tmp_path: Path) -> None:
    axis = "recipe.precision"
    claim = HELPS | {"compare": {axis: "fp32"}, "to": {axis: "bf16"}, "at": {}}
    make(
        tmp_path, "s", {axis: ["fp32", "bf16"]}, 6, noise(lambda c: 0.02 if c[axis] == "fp32" else 0.2, 500, 0.5), [claim],
        where=lambda cell, seed: {"precision": cell[axis], "channels_last": cell[axis] == "bf16"},
    )  # fmt: skip
    out = resbench("check", "s", "--results", tmp_path)[1]
    assert out.startswith("✓ supported: ") and "every run" not in out


def metric_study(folder: Path, on: str, value: Callable[[Cell, int], float | None], expect: str = "lower") -> Path:
    """A study of 8 seeds with a claim on a metric, of which some values may be missing."""
    return make(
        folder, "s", AXES, 8, noise(rates, images=200, hard=0.5),
        claims=[HELPS | {"on": on, "expect": expect, "margin": 0}],
        published=[{"source": "p", "on": on, "at": {"model.shortcut": "none"}, "value": 0.5, "runs": 5}],
        metrics=lambda cell, seed: {on: value(cell, seed)},
    )  # fmt: skip


@pytest.mark.parametrize("on", ["val_accuracy", "train_loss", "probe.gradient_decades", "test_error", "test_accuracy"])
@pytest.mark.parametrize("lost", [1, 3])
def test_values_that_are_missing_leave_no_verdict(on: str, lost: int, tmp_path: Path) -> None:
    def value(cell: Cell, seed: int) -> float | None:
        return None if plain(cell) and seed < lost else (0.5 if plain(cell) else 0.1) + 0.01 * (seed % 3)

    if on == "test_accuracy":  # compared by its errors, which are there; the published number is not
        results = metric_study(tmp_path, on, value)
    else:
        results = metric_study(tmp_path, on, value, "higher" if on == "val_accuracy" else "lower")
        code, out, _ = resbench("check", "s", "--results", results)
        assert code == 1 and out.startswith("≠ not comparable: ") and "supported" not in out.lower()
        assert f": {lost} of 8 runs of no shortcut have no value; means of the others would be of a selection" in out
    found = compare_published(load(results, "s"))[0]
    assert found.verdict == "not comparable" and found.because.startswith(f"{lost} of 8 runs have no value")


def test_an_arm_without_any_value_has_nothing_to_compare(tmp_path: Path) -> None:
    results = metric_study(tmp_path, "val_accuracy", lambda cell, seed: None if plain(cell) else 0.9)
    code, out, _ = resbench("check", "s", "--results", results)
    assert code == 1 and "no run of one of the arms has a validation accuracy yet" in out


@pytest.mark.parametrize("on", ["probe.gradient_ratio", "probe.gradient_ratio_end"])
def test_an_infinite_value_is_counted_and_no_mean_is_compared(on: str, tmp_path: Path) -> None:
    results = metric_study(
        tmp_path, on, lambda cell, seed: INFINITE if plain(cell) and seed == 5 else 1.0 + 0.1 * (seed % 3)
    )
    code, out, _ = resbench("check", "s", "--results", results)
    assert (
        code == 1 and f"{METRICS[on].words}: it is infinite in 1 of 8 runs of no shortcut" in out and "e+3" not in out
    )
    shown = probe_table(load(results, "s"))
    assert shown and shown.rows[1][-1] == "infinite in 1 of 8" and shown.rows[0][-1].startswith("1.09 [")


def test_tables_say_how_many_runs_a_mean_is_of(tmp_path: Path) -> None:
    on = "probe.sharpness"
    study = load(metric_study(tmp_path, on, lambda cell, seed: None if plain(cell) and seed < 3 else 2.0), "s")
    shown = probe_table(study)
    assert shown and [row[-1] for row in shown.rows] == ["2.00 [2.00, 2.00]", "2.00 [2.00, 2.00] (5 of 8)"]
    lost = load(
        metric_study(tmp_path / "b", "val_accuracy", lambda c, seed: None if plain(c) and seed < 3 else 0.9), "s"
    )
    table = cell_table(cells(lost), lost.axes)
    column = list(table.head).index("val. accuracy")
    assert [row[column] for row in table.rows] == ["90.00", "90.00 (5 of 8)"]
