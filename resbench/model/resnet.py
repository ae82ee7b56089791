"""The network of one configuration: stem, stages of units, head."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from resbench.model.branch import BRANCHES, RESETS, Bias, DropPath, Place
from resbench.model.config import FAMILIES, ModelConfig
from resbench.model.head import DOWNSAMPLES, HEADS, halved
from resbench.model.init import INITS
from resbench.model.norm import NORMS
from resbench.model.shortcut import SHORTCUTS, Gate, Joint
from resbench.model.unit import UNITS, Unit


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


def build(config: ModelConfig, channels: int = 1, size: int = 28, classes: int = 10) -> ResNet:
    """Build and initialise; draws from torch's global generator.

    Args:
        config: the network.
        channels, size: of the input images, `(channels, size, size)`.
        classes: number of logits.
    """
    order = UNITS[config.unit]
    stem = _layers(order.stem, config, channels, config.width, 1)
    units: list[Unit] = []
    width, cin, total = config.width, config.width, sum(config.stages)
    for stage, count in enumerate(config.stages):
        for position in range(count):
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
    branch.extend(BRANCHES[config.branch](place))
    if config.drop_path:
        branch.append(DropPath(1 - config.drop_path * place.index / place.units))
    joint = Joint(cin, cout, stride, NORMS[config.norm], bias=config.conv_bias != "never", config=config)
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
    reset = RESETS.get(config.branch)
    if reset:
        for unit in network.units:
            assert isinstance(unit, Unit)
            reset(unit.branch, len(network.units))
    if config.branch == "fixup":
        for parameter in network.classify[-1].parameters():  # type: ignore[index]
            nn.init.zeros_(parameter)


# they change no shape
_SHAPELESS = ("dropout", "dropout_at", "shortcut_dropout", "shortcut_scale", "gate_bias", "branch_scale", "init")


def measure(config: ModelConfig, channels: int = 1, size: int = 28, classes: int = 10) -> dict[str, int]:
    """What `count` says, in milliseconds at any depth: all three grow by the same amount with every step of the family.

    Networks that differ in nothing that has a shape share one count, and the activations of dropout are left out.
    """
    same: dict[str, Any] = {name: ModelConfig.model_fields[name].default for name in _SHAPELESS}
    if config.norm in ("group", "layer"):
        same["norm"] = "batch"  # as many parameters and outputs, and not taken apart into its steps while counting
    shapes = config.model_copy(update=same)
    return _measured(shapes.model_dump_json(), channels, size, classes)


@functools.cache
def _measured(shapes: str, channels: int, size: int, classes: int) -> dict[str, int]:
    config = ModelConfig.model_validate_json(shapes)
    family = FAMILIES[config.family]
    steps = config.stage_size - family.smallest
    if steps < 2:
        return count(config, channels, size, classes)
    shallow, deeper = (
        count(
            config.model_copy(update={"depth": family.depth(family.smallest + more, config.convs_per_unit)}),
            channels,
            size,
            classes,
        )
        for more in (0, 1)
    )
    return {name: shallow[name] + steps * (deeper[name] - shallow[name]) for name in shallow}


def count(config: ModelConfig, channels: int = 1, size: int = 28, classes: int = 10) -> dict[str, int]:
    """`tally` of the network of a configuration."""
    return tally(lambda: build(config, channels, size, classes), (channels, size, size))


def tally(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> dict[str, int]:
    """Parameters, forward FLOPs of one image, and activation elements of one image, without allocating the network.

    FLOPs are torch's own count (`FlopCounterMode`): 2 per multiply-add of convolutions and matrix products; norms,
    ReLUs and additions count nothing.

    Args:
        make: builds the network.
        shape: of an image, `(channels, side, side)`.
    """
    from torch.utils.flop_counter import FlopCounterMode

    elements = 0

    def add(module: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal elements
        elements += output.numel()

    with torch.device("meta"):
        network = make().eval()
        for module in network.modules():
            if not any(module.children()) and not isinstance(module, nn.Identity):
                module.register_forward_hook(add)
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            network(torch.empty(1, *shape))
    parameters = sum(p.numel() for p in network.parameters())
    return {"parameters": parameters, "flops": counter.get_total_flops(), "activations": elements}
