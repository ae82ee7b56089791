"""Batch norm folded into convolutions."""

import pytest
import torch
from torch import nn

from resbench.model import ModelConfig, build
from resbench.model.fold import folded


@pytest.mark.parametrize("fields", [{}, {"unit": "preact"}, {"norm": "group"}, {"shortcut": "projection"}], ids=str)
def test_folding_batch_norm_changes_no_function(fields: dict[str, str]) -> None:
    torch.manual_seed(0)
    network = build(ModelConfig.model_validate({"depth": 16, "width": 8} | fields))
    images = torch.randn(64, 1, 28, 28)
    for _ in range(3):
        network(images)  # moves the running statistics away from 0 and 1
    network.eval()
    twin = folded(network)
    torch.testing.assert_close(twin(images), network(images), rtol=1e-4, atol=1e-4)
    left = sum(isinstance(module, nn.BatchNorm2d) for module in twin.modules())
    assert (left > 0) == (fields.get("unit") == "preact")
