"""Means of levels, each with the noise of its own runs: plain means, coverage where noise differs, gaps of a grid."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from resbench.report.statistics.marginal import marginal_means

DEPTHS: dict[str, list[Any]] = {"depth": [10, 20, 40], "shortcut": ["identity", "none"], "lr": [0.1, 0.2]}


def grid(axes: dict[str, list[Any]], seeds: int) -> pd.DataFrame:
    rows = list(itertools.product(*axes.values(), range(seeds)))
    frame = pd.DataFrame(rows, columns=[*axes, "seed"]).astype({axis: object for axis in axes})
    return frame.assign(error=np.random.default_rng(0).normal(1.0, 0.1, len(frame)))


def test_of_a_complete_grid_they_are_student_s_means_over_the_seeds() -> None:
    frame = grid(DEPTHS, 4)
    for of in (["depth"], ["shortcut", "depth"]):
        found, remark = marginal_means(frame, list(DEPTHS), of, "error")
        assert remark == ""
        for row in found.to_dict("records"):
            level = frame[np.logical_and.reduce([frame[axis] == row[axis] for axis in of])]
            of_seeds = level.groupby("seed")["error"].mean()
            low, high = stats.t.interval(0.95, 3, of_seeds.mean(), of_seeds.sem())
            assert (row["mean"], row["low"], row["high"]) == pytest.approx((of_seeds.mean(), low, high))
            assert (row["runs"], row["df"]) == (len(level), 3)


def test_each_interval_covers_where_noise_differs_twentyfold() -> None:
    """Standard deviations and means as of 22 residual layers and of 100 plain ones; one noise for all covered 55 %."""
    rng = np.random.default_rng(1)
    frame = grid({"depth": [22, 34, 58, 100], "shortcut": ["identity", "none"]}, 5)
    sd = np.repeat([0.05, 0.12, 0.06, 0.14, 0.11, 0.25, 0.07, 0.86], 5)
    truth = np.repeat([0.77, 0.86, 0.77, 1.12, 0.78, 3.05, 0.78, 87.5], 5)
    shared = 0.3  # of the variance: what a seed does to all cells alike
    hits = np.zeros(8)
    for _ in range(400):
        own, common = rng.standard_normal(40), np.tile(rng.standard_normal(5), 8)
        frame["error"] = truth + sd * (np.sqrt(1 - shared) * own + np.sqrt(shared) * common)
        found = marginal_means(frame, ["depth", "shortcut"], ["depth", "shortcut"], "error").table
        hits += (found["low"] <= truth[::5]) & (truth[::5] <= found["high"])
    assert hits.min() / 400 >= 0.92 and 0.94 <= hits.mean() / 400 <= 0.96


def test_values_of_any_type_are_levels() -> None:
    values = [None, True, 1, 1.5, "one"]
    found = marginal_means(grid({"a": values, "b": [[1, 2], {"k": None}]}, 3), ["a", "b"], ["a"], "error").table
    assert found["a"].tolist() == values


def test_a_seed_without_a_run_takes_no_part_where_it_lacks_one() -> None:
    frame = grid(DEPTHS, 4)
    lost = (frame["depth"] == 40) & (frame["shortcut"] == "none") & (frame["lr"] == 0.1) & (frame["seed"] == 3)
    rest = frame[~lost]
    found = marginal_means(rest, list(DEPTHS), ["depth"], "error").table.set_index("depth")
    assert found["runs"].tolist() == [16, 16, 12] and found["df"].tolist() == [3, 3, 2]
    expected = frame[(frame["depth"] == 40) & (frame["seed"] < 3)]["error"].mean()
    assert found.loc[40, "mean"] == pytest.approx(expected)


def test_one_shared_seed_is_no_interval() -> None:
    frame = grid(DEPTHS, 4)
    rest = frame[~((frame["depth"] == 40) & (frame["lr"] == 0.1) & (frame["seed"] > 0))]
    found = marginal_means(rest, list(DEPTHS), ["depth"], "error").table.set_index("depth")
    assert found["low"].isna().tolist() == [False, False, True] and found["mean"].notna().all()


def test_levels_are_compared_at_the_settings_that_all_of_them_have() -> None:
    frame = grid(DEPTHS, 4)
    frame = frame[~((frame["depth"] == 40) & (frame["lr"] == 0.2))]
    found, remark = marginal_means(frame, list(DEPTHS), ["depth", "shortcut"], "error")
    assert remark == "Means of depth and shortcut are at lr 0.1."
    rows = frame[(frame["depth"] == 10) & (frame["shortcut"] == "none") & (frame["lr"] == 0.1)]
    assert found["mean"].iloc[1] == pytest.approx(rows["error"].mean())
    found, _ = marginal_means(frame, list(DEPTHS), ["depth", "lr"], "error")
    assert found["mean"].isna().tolist() == [False] * 5 + [True] and found["runs"].tolist() == [8] * 5 + [0]


def test_levels_that_share_no_setting_with_the_most_have_no_mean() -> None:
    frame = grid(DEPTHS, 4)
    frame = frame[(frame["depth"] == 40) == (frame["lr"] == 0.2)]
    found, remark = marginal_means(frame, list(DEPTHS), ["depth", "shortcut"], "error")
    assert remark == "Means of depth and shortcut are at lr 0.1; 2 of their levels were not run there and have no mean."
    assert found["mean"].isna().tolist() == [False] * 4 + [True] * 2
    expected = frame[(frame["depth"] == 20) & (frame["shortcut"] == "none")]["error"].mean()
    assert found["mean"].iloc[3] == pytest.approx(expected)


def test_designs_without_means_say_why() -> None:
    frame, axes = grid(DEPTHS, 4), list(DEPTHS)
    diagonal = frame[frame["lr"] == 0.1].assign(lr=frame["depth"])
    cases = {
        "No run has a value of error.": (frame.assign(error=None), ["depth"]),
        "There is no shortcut in the runs.": (frame.drop(columns="shortcut"), ["depth"]),
        "Depth has a single value.": (frame[frame["depth"] == 10], ["depth"]),
        "Means are over one axis or two.": (frame, axes),
        "No settings of shortcut and lr were run with two levels of depth, so their means compare unlike runs.": (
            diagonal,
            ["depth"],
        ),
    }
    for why, (rows, of) in cases.items():
        found = marginal_means(rows, axes, of, "error")
        assert found.table.empty and found.remark == why
