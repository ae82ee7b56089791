"""The probe `gradients`: closed forms."""

import pytest
import torch
from support.runs import chain

from resbench.probes.gradients import decades, gradient_similarity


def test_decades_of_a_ratio() -> None:
    assert decades(None) is None
    assert decades(100.0) == decades(0.01) == 2.0
    assert decades(0.0) == 38.0


def test_a_linear_network_is_not_shattered() -> None:
    network = chain(2.0, 3.0)
    line = torch.linspace(0, 1, 8).reshape(-1, 1, 1, 1)

    def forward(x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = network(x).flatten(1)
        return logits

    assert gradient_similarity(network, forward, line) == pytest.approx([1.0])
