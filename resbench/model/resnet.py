"""The network of one configuration: stem, stages of units, head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resbench.model.branch import BRANCHES, Place
from resbench.model.config import ModelConfig
from resbench.model.head import DOWNSAMPLES, HEADS, halved
from resbench.model.init import INITS
from resbench.model.layers import Bias, DropPath, Gate, Unit
from resbench.model.norm import NORMS
from resbench.model.shortcut import SHORTCUTS, Joint
from resbench.model.unit import UNITS


class ResNet(nn.Module):
    """Images `(batch, channels, side, side)` -> logits `(batch, classes)`."""

    def __init__(self, stem: nn.Module, units: list[Unit], final: nn.Module, pool: nn.Module, classify: nn.Module):
        super().__init__()
        self.stem, self.units, self.final = stem, nn.Sequential(*units), final
        self.pool, self.classify = pool, classify

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.final(self.units(self.stem(x))))
        logits: Tensor = self.classify(torch.flatten(x, 1))
        return logits


def build_resnet(config: ModelConfig, channels: int, size: int, classes: int) -> ResNet:
    """Build and initialise a network of a built-in family; draws from torch's global generator."""
    order = UNITS[config.unit]
    stem = _layers(order.stem, config, channels, config.width, 1)
    units: list[Unit] = []
    width, cin, total = config.width, config.width, sum(config.stages)
    for stage, number in enumerate(config.stages):
        for position in range(number):
            shrink = stage > 0 and position == 0
            place = Place(len(units) + 1, total, width, config)
            units.append(_unit(config, cin, width, shrink, place))
            cin, size = width, halved(size) if shrink else size
        width *= 2
    pool, features = HEADS[config.head](cin, size)
    classify = nn.Sequential(*_dropout(config, "head"), nn.Linear(features, classes))
    final = _layers(order.final, config, cin, cin, 1)
    network = ResNet(stem, units, final, pool, classify)
    if not network.classify[-1].weight.is_meta:  # type: ignore[index]
        _initialise(network, config)
    return network


def _unit(config: ModelConfig, cin: int, cout: int, shrink: bool, place: Place) -> Unit:
    order = UNITS[config.unit]
    before, stride = DOWNSAMPLES[config.downsample]() if shrink else (nn.Identity(), 1)
    branch = _layers(order.branch(config.convs_per_unit), config, cin, cout, stride, in_branch=True)
    branch.extend(BRANCHES[config.branch].layers(place))
    if config.drop_path:
        branch.append(DropPath(1 - config.drop_path * place.index / place.units))
    bias = config.conv_bias != "never"
    joint = Joint(
        cin,
        cout,
        stride,
        NORMS[config.norm],
        bias=bias,
        bias_before_norm=bias and (config.conv_bias == "always" or config.norm == "none"),
        branch_scale=1.0 if config.branch_scale == "auto" else float(config.branch_scale),
        config=config,
    )
    return Unit(before, branch, SHORTCUTS[config.shortcut](joint), _layers(order.after, config, cout, cout, 1))


def _layers(
    order: str, config: ModelConfig, cin: int, cout: int, stride: int, in_branch: bool = False
) -> nn.Sequential:
    """Letters -> layers; the first convolution widens and strides, dropout stands before the last of a branch."""
    layers: list[nn.Module] = []
    seen, last = 0, order.count("c")
    for position, letter in enumerate(order):
        channels = cout if seen else cin
        if letter == "c":
            seen += 1
            if in_branch and seen == last:
                layers.extend(_dropout(config, "unit"))
            normed = config.norm != "none" and "b" in order[position : position + 2]
            layers.extend(_fixup_bias(config))
            layers.append(nn.Conv2d(channels, cout, 3, stride if seen == 1 else 1, 1, bias=_bias(config, normed)))
        elif letter == "b":
            layers.append(NORMS[config.norm](channels))
        else:
            layers.extend(_fixup_bias(config))
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def _bias(config: ModelConfig, normed: bool) -> bool:
    return config.conv_bias == "always" or (config.conv_bias == "auto" and not normed and config.branch != "fixup")


def _fixup_bias(config: ModelConfig) -> list[nn.Module]:
    return [Bias()] if config.branch == "fixup" else []


def _dropout(config: ModelConfig, at: str) -> list[nn.Module]:
    return [nn.Dropout(config.dropout)] if config.dropout and config.dropout_at == at else []


def _initialise(network: ResNet, config: ModelConfig) -> None:
    for module in network.modules():
        INITS[config.init](module)
    for module in network.modules():
        if isinstance(module, Gate):
            module.reset_gate()
    reset = BRANCHES[config.branch].reset
    if reset:
        for unit in network.units:
            assert isinstance(unit, Unit)
            reset(unit.branch, len(network.units))
    if config.branch == "fixup":
        for parameter in network.classify[-1].parameters():  # type: ignore[index]
            nn.init.zeros_(parameter)
