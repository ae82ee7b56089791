"""Families of comparisons: published adjustments, an oracle, and members that could not be computed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from resbench.report.statistics.family import benjamini_hochberg, holm, simultaneous_level

P = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1]


def test_families_are_adjusted_as_published() -> None:
    expected = [0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.06385714, 0.06385714, 0.0645, 0.0765, 0.486]
    expected += [0.58118182, 0.714875, 0.75323077, 0.81321429, 1]
    assert benjamini_hochberg(P) == pytest.approx(expected, abs=5e-9)
    assert holm(P)[:9] == pytest.approx([0.0015, 0.0056, 0.0247, 0.114, 0.2211, 0.278, 0.278, 0.278, 0.3213])
    assert (holm(P)[9:] == 1).all()


@pytest.mark.parametrize("size", [1, 2, 5, 40])
def test_holm_agrees_with_statsmodels(size: int) -> None:
    p = np.random.default_rng(size).random(size) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_what_could_not_be_computed_still_counts_in_its_family() -> None:
    p = [0.01, math.nan, 0.04]
    assert holm(p) == pytest.approx([0.03, math.nan, 0.08], nan_ok=True)
    assert benjamini_hochberg(p) == pytest.approx([0.03, math.nan, 0.06], nan_ok=True)
    assert np.isnan(holm([math.nan])).all()
    assert len(holm([])) == len(benjamini_hochberg([])) == 0


def test_simultaneous_level_is_bonferronis() -> None:
    assert simultaneous_level(5) == pytest.approx(0.99)
    assert simultaneous_level(1) == simultaneous_level(0) == pytest.approx(0.95)
