"""Analysis of variance: published numbers, an oracle, and grids that bear none."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from resbench.report.statistics.factors import Analysis, anova

pytestmark = pytest.mark.filterwarnings("error")

# Growth of guinea pigs' teeth (Crampton 1947), R's ToothGrowth: supplement -> dose -> length of ten.
TEETH = {
    "VC": {
        0.5: [4.2, 11.5, 7.3, 5.8, 6.4, 10.0, 11.2, 11.2, 5.2, 7.0],
        1.0: [16.5, 16.5, 15.2, 17.3, 22.5, 17.3, 13.6, 14.5, 18.8, 15.5],
        2.0: [23.6, 18.5, 33.9, 25.5, 26.4, 32.5, 26.7, 21.5, 23.3, 29.5],
    },
    "OJ": {
        0.5: [15.2, 21.5, 17.6, 9.7, 14.5, 10.0, 8.2, 9.4, 16.5, 9.7],
        1.0: [19.7, 23.3, 23.6, 26.4, 20.0, 25.2, 25.8, 21.2, 14.5, 27.3],
        2.0: [25.5, 26.4, 22.4, 24.5, 24.8, 30.9, 26.4, 27.3, 29.4, 23.0],
    },
}


def teeth() -> pd.DataFrame:
    rows = [(supp, dose, x) for supp, doses in TEETH.items() for dose, values in doses.items() for x in values]
    return pd.DataFrame(rows, columns=["supp", "dose", "len"])


def grid(axes: dict[str, list[Any]], seeds: int, error: Callable[..., float], noise: float = 0.01) -> pd.DataFrame:
    """One row per cell and seed; the error of a cell plus noise that is always the same."""
    rng = np.random.default_rng(0)
    rows = []
    for values in itertools.product(*axes.values()):
        for seed in range(seeds):
            rows.append((*values, seed, error(*values) + noise * rng.standard_normal()))
    frame = pd.DataFrame(rows, columns=[*axes, "seed", "error"])
    for i, axis in enumerate(axes):
        frame[axis] = pd.Series([row[i] for row in rows], dtype=object)
    return frame


def part(analysis: Analysis, scale: str = "as measured") -> pd.DataFrame:
    return analysis.table[analysis.table["scale"] == scale].set_index("term")


DEPTHS: dict[str, list[Any]] = {"model.depth": [10, 20, 40], "model.shortcut": ["identity", "none"]}


def degradation(depth: int, shortcut: str) -> float:
    return 0.1 + (0.02 * math.log2(depth / 10) if shortcut == "none" else 0)


def test_tooth_growth_is_as_published() -> None:
    found = part(anova(teeth(), ["supp", "dose"], "len", seed=None))
    terms = ["supp", "dose", "supp x dose"]
    assert list(found.index) == [*terms, "residual"]
    assert found.loc[terms, "F"].tolist() == pytest.approx([15.572, 92.000, 4.107], abs=5e-4)
    assert found.loc[terms, "p"].tolist() == pytest.approx([2.312e-4, 4.046e-18, 0.02186], rel=5e-4)
    assert found["sum_sq"].tolist() == pytest.approx([205.35, 2426.434, 108.319, 712.106], abs=5e-4)
    assert found.loc[terms, "eta2"].tolist() == pytest.approx([0.0595, 0.7029, 0.0314], abs=5e-5)
    assert found.loc[terms, "omega2"].tolist() == pytest.approx([0.0555, 0.6926, 0.0236], abs=5e-5)
    assert found["df"].tolist() == [1, 2, 2, 54]
    assert found["eta2"].sum() == pytest.approx(1)
    f, df = found.loc["dose", "F"], 2
    assert found.loc["dose", "partial_omega2"] == pytest.approx(df * (f - 1) / (df * (f - 1) + 60))


@pytest.mark.parametrize("drop", [0, 5])
def test_tables_are_those_of_statsmodels(drop: int) -> None:
    frame = grid(DEPTHS | {"recipe.lr": [0.1, 0.01]}, 4, lambda d, s, lr: degradation(d, s) + lr / 10)
    frame = frame.drop(index=list(range(0, 7 * drop, 7))).reset_index(drop=True)
    plain = frame.astype(object).set_axis(["depth", "shortcut", "lr", "seed", "y"], axis=1).astype({"y": float})
    formula = "C(seed, Sum) + (C(depth, Sum) + C(shortcut, Sum) + C(lr, Sum))**2"
    for scale, response in (("as measured", "y"), ("square root", "np.sqrt(y)")):
        expected = anova_lm(smf.ols(f"{response} ~ {formula}", plain).fit(), typ=2)
        found = part(anova(frame, [*DEPTHS, "recipe.lr"], "error"), scale)
        names = {"model.depth": "C(depth, Sum)", "model.shortcut": "C(shortcut, Sum)", "recipe.lr": "C(lr, Sum)"}
        names |= {"seed": "C(seed, Sum)", "residual": "Residual"}
        for term in found.index:
            row = expected.loc[":".join(names[name] for name in term.split(" x "))]
            assert found.loc[term, ["df", "sum_sq"]].tolist() == pytest.approx([row["df"], row["sum_sq"]], rel=1e-6)
            if term != "residual":
                assert found.loc[term, "F"] == pytest.approx(row["F"], rel=1e-6)
                assert found.loc[term, "p"] == pytest.approx(row["PR(>F)"], rel=1e-5)


def test_the_question_of_depth_and_shortcut_comes_first() -> None:
    axes = {"recipe.lr": [0.1, 0.2], **DEPTHS}
    found = anova(grid(axes, 4, lambda _, depth, shortcut: degradation(depth, shortcut)), list(axes), "error")
    table = part(found)
    assert table.index[0] == "model.depth x model.shortcut"
    assert table["p"].iloc[0] < 1e-4
    assert list(table.index[1:4]) == ["recipe.lr", "model.depth", "model.shortcut"]
    assert list(table.index[-2:]) == ["seed", "residual"]
    assert table.loc["recipe.lr", "p"] > 0.01
    assert found.remark == ""


def test_axes_may_hold_anything() -> None:
    axes = {"a b.c-d": [None, True, 1, 1.5, "one"], "x:y * z": [[1, 2], {"k": None}], "C(odd)": ["identity", "Sum"]}
    frame = grid(axes, 3, lambda one, two, three: 0.1 + 0.05 * (one is None) + 0.05 * isinstance(two, list))
    table = part(anova(frame, list(axes), "error"))
    assert table.loc["a b.c-d", "df"] == 4
    assert (table.loc[["a b.c-d", "x:y * z"], "p"] < 0.001).all()


def test_negative_responses_have_no_root() -> None:
    frame = grid(DEPTHS, 3, lambda depth, shortcut: degradation(depth, shortcut) - 0.2)
    assert set(anova(frame, list(DEPTHS), "error").table["scale"]) == {"as measured"}


def test_cells_that_were_not_run_are_said_and_not_invented() -> None:
    frame = grid(DEPTHS, 4, degradation)
    frame = frame[~((frame["model.depth"] == 40) & (frame["model.shortcut"] == "none"))]
    table, remark = anova(frame, list(DEPTHS), "error")
    assert remark == (
        "Not every combination of model.depth and model.shortcut was run: "
        "their interaction rests on 1 of its 2 degrees of freedom."
    )
    assert part(Analysis(table, remark)).loc["model.depth x model.shortcut", "df"] == 1


def test_a_star_of_one_change_at_a_time_has_main_effects_only() -> None:
    frame = grid({"a": [1, 2, 3], "b": [1, 2, 3]}, 4, lambda a, b: 0.1 * a)
    star = frame[(frame["a"] == 1) | (frame["b"] == 1)]
    table, remark = anova(star, ["a", "b"], "error")
    assert "a x b" not in set(table["term"])
    assert "rests on nothing" in remark
    assert part(Analysis(table, remark)).loc["a", "p"] < 1e-6


def test_designs_that_bear_no_analysis_say_why() -> None:
    axes = list(DEPTHS)
    frame = grid(DEPTHS, 4, degradation)
    same = frame.assign(**{"model.shortcut": frame["model.depth"].map(str)})
    cases = {
        "One seed per cell, so nothing tells an effect from noise.": frame[frame["seed"] == 0],
        "All runs have the same error.": frame.assign(error=0.1),
        "No run has a value of error.": frame.assign(error=None),
        "No axis has two values, so there is nothing to compare.": frame[
            (frame["model.depth"] == 10) & (frame["model.shortcut"] == "none")
        ],
        "The effects of model.depth and model.shortcut cannot be separated, as they always change together.": same,
        "There is no model.shortcut in the runs.": frame.drop(columns="model.shortcut"),
        "The runs of a cell do not differ, so there is no noise to compare the effects with.": grid(
            DEPTHS, 4, degradation, noise=0
        ),
        "Too few seeds: 2 runs leave 0 degrees of freedom to measure noise with.": frame.iloc[[0, 5]].assign(
            **{"model.depth": [10, 20], "model.shortcut": "none", "seed": [0, 0]}
        ),
    }
    for why, rows in cases.items():
        found = anova(rows, axes, "error", None if "2 runs" in why else "seed")
        assert found.table.empty
        assert len(found.table.columns) > 5
        assert found.remark == why


def test_an_axis_with_one_value_takes_no_part() -> None:
    frame = grid({**DEPTHS, "fixed": ["x"]}, 4, lambda depth, shortcut, _: degradation(depth, shortcut))
    found = anova(frame, [*DEPTHS, "fixed"], "error")
    assert found.remark == "Fixed has a single value and takes no part."
    assert "fixed" not in set(found.table["term"])


def test_two_seeds_and_few_runs_leave_the_interactions_out() -> None:
    frame = grid({"a": [1, 2], "b": [1, 2]}, 2, lambda a, b: 0.1 * a)
    found = anova(frame.iloc[:-1], ["a", "b"], "error")
    assert found.remark == "Main effects only: 7 runs are too few for the two-way interactions."
    assert set(part(found).index) == {"a", "b", "seed", "residual"}


def test_a_large_grid_has_all_interactions_and_a_huge_one_only_main_effects() -> None:
    axes: dict[str, list[Any]] = {"a": [*range(5)], "b": [*range(5)], "c": [*range(5)], "d": [*range(4)]}
    found = anova(grid(axes, 4, lambda a, b, c, d: 0.1 + 0.01 * a * b), list(axes), "error")
    assert found.table["term"].nunique() == 4 + 6 + 2
    huge = grid({"a": [*range(40)], "b": [*range(20)]}, 2, lambda a, b: 0.1 + 0.001 * a)
    found = anova(huge, ["a", "b"], "error")
    assert found.remark == "Main effects only: all two-way interactions would take 801 coefficients."
    assert set(part(found).index) == {"a", "b", "seed", "residual"}
