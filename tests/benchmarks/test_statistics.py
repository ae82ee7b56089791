"""How long the statistics of a large grid take."""

import itertools

import numpy as np
import pandas as pd
from pytest_benchmark.fixture import BenchmarkFixture

from resbench.report.statistics.crossed import new_images
from resbench.report.statistics.factors import anova


def test_analysis_of_variance_of_500_cells(benchmark: BenchmarkFixture) -> None:
    axes = {"a": range(5), "b": range(5), "c": range(5), "d": range(4), "seed": range(4)}
    frame = pd.DataFrame(list(itertools.product(*axes.values())), columns=list(axes))
    frame["error"] = 0.1 + 0.01 * frame["a"] * frame["b"] + np.random.default_rng(0).normal(0, 0.01, len(frame))
    analysis = benchmark(anova, frame, list("abcd"), "error")
    assert analysis.table["term"].nunique() == 4 + 6 + 2


def test_crossed_interval_of_a_hundred_seeds_on_ten_thousand_images(benchmark: BenchmarkFixture) -> None:
    errors = np.random.default_rng(0).random((10_000, 100)) < 0.01
    assert benchmark(new_images, errors).se > 0
