"""What passes through a network: closed forms."""

import math

import pytest
import torch
from support.runs import chain

from resbench.probes.gradients import decades
from resbench.probes.layers import ratio, relative_gradients, similarity


def test_gradients_of_a_linear_chain_in_closed_form() -> None:
    """d(w1 w2 w3 x)/dwi = y / wi, so relative to the weight it is y / wi^2, and the ratio first to last (w3 / w1)^2."""
    network = chain(2.0, 3.0, 5.0)
    gradients = relative_gradients(network, network(torch.ones(1, 1, 1, 1)).sum())
    assert list(gradients) == ["stem.0", "units.0.branch.0", "units.1.branch.0"]
    assert list(gradients.values()) == pytest.approx([30 / 4, 30 / 9, 30 / 25])
    assert ratio(list(gradients.values())) == pytest.approx((5 / 2) ** 2)
    assert network.stem[0].weight.grad is None


def test_ratio_of_the_first_to_the_last_layer_that_has_a_value() -> None:
    assert ratio([None, 4.0, 1.0, 2.0, None]) == 2.0
    assert ratio([1.0]) is None and ratio([None, 1.0, None]) is None and ratio([math.nan, 1.0]) is None


def test_a_gradient_of_zero_or_beyond_all_numbers_is_the_strongest_case_and_no_missing_one() -> None:
    assert ratio([0.0, 1.0]) == ratio([0.0, 0.0]) == ratio([1.0, math.inf]) == 0.0
    assert ratio([1.0, 0.0]) == ratio([math.inf, 1.0]) == math.inf
    assert decades(ratio([0.0, 0.0])) == decades(ratio([1.0, 0.0])) == 38.0


def test_similarity_of_neighbours() -> None:
    assert similarity(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])) == pytest.approx(0.5)
    assert abs(similarity(torch.randn(50, 10_000, generator=torch.Generator().manual_seed(0)))) < 0.01
