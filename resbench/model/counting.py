"""What a network has and costs, counted without allocating it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict

from resbench.core.config import fields_marked
from resbench.core.lazy import lazy
from resbench.core.own_code import blamed
from resbench.core.tables import own_values
from resbench.model.config import ModelConfig
from resbench.model.family import FAMILIES
from resbench.model.fields import NoShape

if TYPE_CHECKING:
    import torch
    from torch import nn

    from resbench.model import network as networks
    from resbench.model import own_network
else:
    torch, nn = lazy("torch"), lazy("torch.nn")
    networks, own_network = lazy("resbench.model.network"), lazy("resbench.model.own_network")


class Size(TypedDict):
    """Parameters, forward FLOPs of one image, and activation elements of one image."""

    parameters: int
    flops: int
    activations: int


def measure(config: ModelConfig, channels: int = 1, size: int = 28, classes: int = 10) -> Size:
    """The result of `count`, in milliseconds at any depth: all grow by the same amount with every step of the family.

    Networks that differ only in fields without a shape have one count, and the activations of dropout are left out.
    """
    if config.is_own:
        return _own(config.model_dump_json(), channels, size, classes)[0]
    shapeless = fields_marked(ModelConfig, NoShape)
    same: dict[str, Any] = {name: ModelConfig.model_fields[name].default for name in shapeless}
    if config.norm in ("group", "layer"):
        same["norm"] = "batch"  # as many parameters and outputs, and not taken apart into its steps while counting
    shapes = config.model_copy(update=same)
    own = tuple(each.origin.digest for each in own_values(shapes))
    with blamed(config):
        return _measured(shapes.model_dump_json(), own, channels, size, classes)


@functools.cache
def _measured(shapes: str, own: tuple[str, ...], channels: int, size: int, classes: int) -> Size:
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

    def at_depth(few: int, more: int) -> int:
        return few + steps * (more - few)

    return {
        "parameters": at_depth(shallow["parameters"], deeper["parameters"]),
        "flops": at_depth(shallow["flops"], deeper["flops"]),
        "activations": at_depth(shallow["activations"], deeper["activations"]),
    }


def offers_units(config: ModelConfig, channels: int, size: int, classes: int) -> bool:
    """Whether probes can look at the residual units of the network."""
    return not config.is_own or _own(config.model_dump_json(), channels, size, classes)[1]


@functools.cache
def _own(text: str, channels: int, size: int, classes: int) -> tuple[Size, bool]:
    """The size of a network of the user's own, and whether it has units; it is allocated if it cannot do without.

    Raises:
        UserError: it cannot be made, or is not what it should be.
    """
    config = ModelConfig.model_validate_json(text)
    units = False

    def make() -> nn.Module:
        nonlocal units
        network = own_network.checked(config, channels, size, classes)
        units = own_network.has_units(network.network)  # type: ignore[arg-type]
        return network

    with torch.random.fork_rng(devices=[]):
        try:
            counted = tally(make, (channels, size, size))
        except Exception:  # it may do what needs numbers
            counted = tally(make, (channels, size, size), "cpu")
    return {**counted, "flops": max(counted["flops"], 1)}, units


def count(config: ModelConfig, channels: int = 1, size: int = 28, classes: int = 10) -> Size:
    """`tally` of the network of a configuration."""
    return tally(lambda: networks.build(config, channels, size, classes), (channels, size, size))


def tally(make: Callable[[], nn.Module], shape: tuple[int, ...], device: str = "meta") -> Size:
    """Parameters, forward FLOPs of one image, and activation elements of one image, without allocating the network.

    FLOPs are torch's own count (`FlopCounterMode`): 2 per multiply-add of convolutions and matrix products; norms,
    ReLUs and additions count nothing.

    Args:
        make: builds the network.
        shape: of an image, `(channels, side, side)`.
        device: another one allocates it.
    """
    from torch.utils.flop_counter import FlopCounterMode

    elements = 0

    def add(module: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal elements
        several = output if isinstance(output, tuple | list) else [output]
        elements += sum(each.numel() for each in several if isinstance(each, torch.Tensor))

    with torch.device(device):
        network = make().eval()
        for module in network.modules():
            if not any(module.children()) and not isinstance(module, nn.Identity):
                module.register_forward_hook(add)
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            network(torch.zeros(1, *shape))
    parameters = sum(p.numel() for p in network.parameters())
    return {"parameters": parameters, "flops": counter.get_total_flops(), "activations": elements}
