"""The relative change of errors: it covers the truth, needs errors, and turns around with its arms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from resbench.report.statistics.ratio import relative_change

RATES, IMAGES = (-2.6, -2.9), 2000  # logits of the arms' errors: about 10 and 8 %


def draw(seeds: tuple[int, int], rng: np.random.Generator, shared: bool) -> tuple[np.ndarray, np.ndarray]:
    """Errors of two arms on images of unequal difficulty, which the arms find unequally hard, with noise between seeds."""
    image = 1.5 * rng.standard_normal((IMAGES, 1))
    common = 0.15 * rng.standard_normal((1, max(seeds)))
    out = []
    for rate, number in zip(RATES, seeds, strict=True):
        seed = (common if shared else 0.15 * rng.standard_normal((1, number)))[:, :number]
        logits = rate + image + 0.7 * rng.standard_normal((IMAGES, 1)) + seed + 0.15 * rng.standard_normal((1, number))
        out.append(rng.random((IMAGES, number)) < special.expit(logits))
    return out[0], out[1]


def true_change() -> float:
    """By quadrature over all that varies, which is normal on the scale of logits."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    sd = math.sqrt(1.5**2 + 0.7**2 + 2 * 0.15**2)
    ours, theirs = (float(weights @ special.expit(rate + sd * nodes)) for rate in RATES)
    return ours / theirs - 1


@pytest.mark.parametrize(
    ("seeds", "shared"), [((5, 5), True), ((8, 8), True), ((5, 5), False), ((8, 5), False)], ids=str
)
def test_the_interval_covers_the_true_change(seeds: tuple[int, int], shared: bool) -> None:
    rng, truth = np.random.default_rng(0), true_change()
    found = [relative_change(*draw(seeds, rng, shared), shared) for _ in range(500)]
    coverage = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.93 <= coverage <= (0.975 if shared else 0.99)  # of two arms with seeds of their own both t terms count
    assert np.mean([one.estimate for one in found]) == pytest.approx(truth, abs=0.02)


def test_the_other_way_round_it_is_the_inverse() -> None:
    ours, theirs = draw((5, 5), np.random.default_rng(1), True)
    there, back = relative_change(ours, theirs, True), relative_change(theirs, ours, True)
    assert (1 + there.low) * (1 + back.high) == pytest.approx(1) == (1 + there.high) * (1 + back.low)
    assert -1 < there.low < there.estimate < there.high


def test_without_errors_or_seeds_there_is_no_interval() -> None:
    ours, theirs = draw((5, 5), np.random.default_rng(2), True)
    none = np.zeros_like(ours)
    assert math.isnan(relative_change(ours, none, True).estimate)
    perfect = relative_change(none, theirs, True)
    assert perfect.estimate == -1 and math.isnan(perfect.low)
    single = relative_change(ours[:, :1], theirs[:, :1], True)
    assert single.estimate == ours[:, 0].mean() / theirs[:, 0].mean() - 1 and math.isnan(single.low)
    assert math.isnan(relative_change(ours[:0], theirs[:0], True).estimate)
    same = relative_change(ours, ours, True)
    assert same[:3] == (0, 0, 0)
