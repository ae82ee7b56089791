"""Networks that are built alike: whatever is trained for one is what would be trained for the other, bit for bit."""

from __future__ import annotations

import hashlib
import itertools
import random
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from resbench.model import ModelConfig, build

VALUES: dict[str, list[Any]] = {
    "shortcut": ["identity", "projection", "none", "zero_pad", "scaled", "exclusive_gate", "conv", "dropout"],
    "shortcut_scale": [0.5, 1.0],
    "projection_norm": [True, False],
    "unit": ["original", "preact", "bn_after_add", "relu_before_add", "relu_only_preact", "seed"],
    "branch": ["plain", "zero_gamma", "skipinit", "rezero", "layerscale", "fixup"],
    "branch_scale": ["auto", 0.1, 1.0],
    "norm": ["batch", "group", "layer", "none"],
    "conv_bias": ["auto", "always", "never"],
    "downsample": ["stride", "max_pool"],
    "dropout": [0.0, 0.3],
    "dropout_at": ["head", "unit"],
}
BASES: list[dict[str, Any]] = [{"depth": 10}, {"depth": 16}, {"family": "cifar", "depth": 8}]


def trained(config: ModelConfig) -> str:
    """Digest of a small network's weights after two steps."""
    torch.manual_seed(0)
    network = build(config, 1, 12, 4).train()
    optimizer = torch.optim.SGD(network.parameters(), 0.05)
    torch.manual_seed(1)
    images = torch.randn(4, 1, 12, 12)
    for step in range(2):
        torch.manual_seed(2 + step)
        loss = functional.cross_entropy(network(images), torch.arange(4))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    digest = hashlib.sha256()
    for parameter in network.parameters():
        digest.update(parameter.detach().numpy().tobytes())
    return digest.hexdigest()


def variants(draw: random.Random) -> list[ModelConfig]:
    """Networks that differ in one field, of those values that mean something."""
    base = {**draw.choice(BASES), "width": 2}
    base |= {name: draw.choice(values) for name, values in VALUES.items() if draw.random() < 0.35}
    field = draw.choice(list(VALUES))
    out = []
    for value in VALUES[field]:
        try:
            out.append(ModelConfig(**{**base, field: value}))
        except ValidationError:
            continue
    return out


@pytest.mark.parametrize("seed", range(4))
def test_networks_have_one_simplest_form_if_and_only_if_they_train_alike(seed: int) -> None:
    draw = random.Random(seed)
    merged = 0
    for _ in range(25):
        networks = variants(draw)
        weights = [trained(network) for network in networks]
        for (one, ours), (other, theirs) in itertools.combinations(zip(networks, weights, strict=True), 2):
            same = one.simplest() == other.simplest()
            assert same == (ours == theirs), (one, other)
            merged += same and one.simplest() != one
    assert merged


def test_the_simplest_form_is_that_of_itself_and_of_the_same_network() -> None:
    network = ModelConfig(depth=10, width=2, shortcut="projection")
    assert network.simplest() == ModelConfig(depth=10, width=2)
    assert network.simplest().simplest() == network.simplest()
    deeper = ModelConfig(depth=16, width=2, shortcut="projection")
    assert deeper.simplest() == deeper
