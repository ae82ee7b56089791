"""The probe `responses`: layers with known outputs."""

from typing import Any

import pytest
import torch
from support.runs import chain
from torch import nn

from resbench.model import ModelConfig, build
from resbench.probes.responses import layer_deviations


def test_deviation_behind_a_norm_is_its_scale() -> None:
    torch.manual_seed(0)
    network: Any = build(ModelConfig(depth=10, width=4))
    nn.init.constant_(network.units[0].branch[1].weight, 3.0)
    deviations = layer_deviations(network.train(), network, torch.randn(16, 1, 28, 28))
    assert list(deviations)[:2] == ["stem.0", "units.0.branch.0"]
    assert deviations["stem.0"] == pytest.approx(1, abs=1e-3)
    assert deviations["units.0.branch.0"] == pytest.approx(3, abs=1e-2)


def test_without_a_norm_the_deviation_is_that_of_the_convolution() -> None:
    network = chain(2.0, 3.0)
    x = torch.randn(16, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    deviations = layer_deviations(network, network, x)
    assert deviations["units.0.branch.0"] == pytest.approx(6 * float(x.std(correction=0)), rel=1e-5)
