"""A target accuracy: which cell reaches it for the least, and what is not claimed of it."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from support.studies import Cell, make

from resbench.report import check, summary, write
from resbench.report.statistics.interval import t_interval
from resbench.report.target import Spending

ERRORS = {1: 40, 2: 12, 4: 10, 8: 8}  # in 1,000, of each number of epochs
TARGET = {"test_accuracy": 0.985, "training_flops": 3e16, "source": "somebody"}


def missed(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_]:
    """As many errors as the cell has, more or less two by the seed, whose mean is exact over five."""
    return np.arange(1000) < ERRORS[cell["recipe.epochs"]] + (seed - 2)


def cost(cell: Cell, seed: int) -> dict[str, float]:
    """FLOPs grow with the epochs; the second cell is slow all the same."""
    epochs = cell["recipe.epochs"]
    return {"training_flops": 1e12 * epochs, "train_seconds": {2: 100.0}.get(epochs, 10.0 * epochs)}


def checked(folder: Path, seeds: int = 5, **target: float | str) -> tuple[list[str], bool]:
    make(folder, "cheap", {"recipe.epochs": list(ERRORS)}, seeds, missed, metrics=cost, target=target or TARGET)
    return check(folder, "cheap")


def test_the_cheapest_cell_is_named_by_flops_and_by_seconds(tmp_path: Path) -> None:
    (line,), settled = checked(tmp_path / "results")
    assert settled
    assert "98.50 % of test accuracy, for the least FLOPs by recipe.epochs 2 (98.80 [98.60, 99.00] %, 5 seeds)" in line
    assert "2.0e+12 FLOPs of training a run, 15,000 times fewer than the published 3.0e+16 (somebody) in 100" in line
    assert "in the least time by recipe.epochs 4 (99.00 [98.80, 99.20] %, 5 seeds) in 40." in line
    page = write(tmp_path / "results", tmp_path / "reports", "cheap")
    table = pd.read_csv(page.parent / "tables" / "target.csv")
    assert list(table["reached"]) == ["no", "yes", "yes", "yes"]
    assert list(table["times fewer"]) == pytest.approx([30_000, 15_000, 7_500, 3_750])
    assert line in page.read_text()
    assert line in summary(tmp_path / "results", "cheap").splitlines()
    facts = json.loads((page.parent / "report.json").read_text())["target"]
    assert facts["sentence"] == line and facts["source"] == "somebody"
    assert [(one["at"], one["reached"]) for one in facts["cells"]][1] == ({"recipe.epochs": 2}, "yes")


def test_a_mean_above_the_target_is_less_than_an_interval_above_it(tmp_path: Path) -> None:
    checked(tmp_path / "results", test_accuracy=0.987)
    page = write(tmp_path / "results", tmp_path / "reports", "cheap")
    assert list(pd.read_csv(page.parent / "tables" / "target.csv")["reached"]) == ["no", "by its mean", "yes", "yes"]


def test_four_seeds_reach_nothing(tmp_path: Path) -> None:
    assert checked(tmp_path / "results", seeds=4) == (
        ["Not reached: 98.50 % of test accuracy as a mean of at least 5 seeds."],
        False,
    )


def test_a_target_beyond_all_cells_is_not_reached(tmp_path: Path) -> None:
    assert checked(tmp_path / "results", test_accuracy=0.9999)[1] is False


def test_runs_that_diverged_or_are_missing_count_against_a_cell(tmp_path: Path) -> None:
    def half(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        lost = {2: "diverged", 4: "missing"}.get(cell["recipe.epochs"], "")
        return lost if lost and seed >= 5 else missed(cell, seed % 5, draw)

    axes = {"recipe.epochs": list(ERRORS)}
    make(tmp_path / "results", "cheap", axes, 10, half, metrics=cost, target=TARGET)
    (line,), settled = check(tmp_path / "results", "cheap")
    assert line.startswith("Reached, so far") and "least FLOPs by recipe.epochs 4" in line
    assert settled  # by the cell of eight epochs, all of whose runs have a result
    page = write(tmp_path / "results", tmp_path / "reports", "cheap")
    table = pd.read_csv(page.parent / "tables" / "target.csv")
    assert list(table["reached"]) == ["no", "5 diverged", "yes", "yes"]
    assert list(table["seeds"]) == ["10", "5 of 10", "5 of 10", "10"]


def test_a_cell_that_costs_more_and_an_old_record_are_described_as_they_are(tmp_path: Path) -> None:
    (line,), _ = checked(tmp_path / "dear", test_accuracy=0.985, training_flops=1e12)
    assert "2.0e+12 FLOPs of training a run, 2.0 times the published 1.0e+12" in line

    def old(cell: Cell, seed: int) -> dict[str, float]:  # 5 MFLOPs an image, 100 images a second
        return {"train_seconds": 10.0} if seed else cost(cell, seed) | {"train_seconds": 10.0}

    make(tmp_path / "old", "cheap", {"recipe.epochs": [2]}, 5, missed, metrics=old, target=TARGET)
    mean = (2e12 + 4 * 3 * 5e6 * 100 * 10) / 5
    assert f"{mean:.1e} FLOPs of training a run" in check(tmp_path / "old", "cheap")[0][0]


@pytest.mark.parametrize("errors", [[5, 5, 5, 5, 5], [4, 6, 5, 4, 6]])
def test_a_mean_of_exactly_the_target_reaches_it(errors: list[int], tmp_path: Path) -> None:
    def missing(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_]:
        return np.arange(1000) < errors[seed]

    target = {"test_accuracy": 0.995}
    make(tmp_path, "equal", {"recipe.epochs": [1]}, 5, missing, metrics=cost, target=target)
    (line,), settled = check(tmp_path, "equal")
    assert settled and line.startswith("Reached: 99.50 %")


def test_every_count_of_errors_reaches_the_target_that_it_makes() -> None:
    """Five seeds, whose mean is a count over five times the images, against that number as a file has it."""
    for count in range(0, 5000, 7):
        accuracy = t_interval([1 - (count // 5 + (seed < count % 5)) / 1000 for seed in range(5)])
        spending = Spending({}, 5, accuracy, 1.0, 1.0, 0, 0)
        assert spending.reaches(float(f"{1 - count / 5000:.4f}")) in ("yes", "by its mean")
        assert spending.reaches(1 - (count - 1) / 5000) != "yes"
        assert spending.reaches(accuracy.estimate + 1 / 5_000_000) != "by its mean"
