"""Batch norm folded into convolutions."""

from pathlib import Path

import pytest
import torch
from torch import nn

from resbench.core.own_code import at_home
from resbench.core.places import Home
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


ODD = """
from functools import partial

from torch import nn


class Halved(nn.BatchNorm2d):
    def forward(self, x):
        return super().forward(x) / 2


NORMS = {"halved": Halved, "of_the_batch": partial(nn.BatchNorm2d, track_running_stats=False)}
"""


@pytest.mark.parametrize("norm", ["halved", "of_the_batch"])
def test_what_only_looks_like_a_batch_norm_is_not_folded(norm: str, tmp_path: Path) -> None:
    plugin = tmp_path / "odd.py"
    plugin.write_text(ODD)
    with at_home(Home(tmp_path, (plugin,))):
        network = build(ModelConfig.model_validate({"depth": 10, "width": 4, "norm": norm})).eval()
    images = torch.randn(8, 1, 28, 28)
    torch.testing.assert_close(folded(network)(images), network(images), rtol=1e-4, atol=1e-4)
