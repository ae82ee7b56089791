"""Published numbers next to ours: verdicts, and the coverage of their interval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.studies import MESSAGE, make, noise, with_accuracies

from resbench.report import write
from resbench.report.published import compare_published, prediction
from resbench.report.study import load

EVIL = MESSAGE


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


def test_published_numbers_stand_beside_ours(tmp_path: Path) -> None:
    published = [{"source": "paper", "on": "test_error", "at": {"model.depth": 10}, "value": 0.0661}]
    axes: dict[str, list[Any]] = {"model.depth": [10, 22], "model.norm": ["batch"]}
    with_accuracies(tmp_path, "published", axes, lambda *_: 0.95, published=published)
    text = (write(tmp_path, tmp_path / "reports", "published").parent / "report.md").read_text()
    assert "| paper | 10 layers | test error | 6.61 | 5.00 \\[5.00, 5.00\\] |" in text


@pytest.mark.parametrize(("on", "value"), [("test_error", 0.007), ("test_accuracy", 0.993)])
def test_a_published_number_that_equals_ours_is_reproduced(on: str, value: float, tmp_path: Path) -> None:
    published = [{"source": "p", "on": on, "at": {"model.depth": 10}, "value": value, "runs": 5}]
    made = make(tmp_path, "s", {"model.depth": [10]}, 5, lambda *_: np.arange(1000) < 7, published=published)
    assert [one.verdict for one in compare_published(load(made, "s"))] == ["reproduced"]


def test_runs_that_did_not_train_reproduce_nothing_but_where_none_trained(tmp_path: Path) -> None:
    rows = [{"source": "a", "on": "test_error", "at": {"model.depth": depth}, "value": 0.887} for depth in (10, 100)]
    normal = noise(lambda cell: 0.01, images=1000)

    def outcome(cell: Any, seed: int, draw: np.random.Generator) -> Any:
        lost = cell["model.depth"] == 100 or seed < 2
        return np.arange(1000) < 880 + seed if lost else normal(cell, seed, draw)

    found = compare_published(load(make(tmp_path, "s", {"model.depth": [10, 100]}, 8, outcome, published=rows), "s"))
    assert [one.verdict for one in found] == ["not reproduced", "reproduced"]
    assert found[0].because == "2 of 8 runs did not train (2 collapsed)"
