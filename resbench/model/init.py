"""`model.init`: initial weights. Each value is a function (module) -> None, called on every layer of the network."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from resbench.core.config import Config, one_of
from resbench.core.lazy import lazy
from resbench.core.tables import Table
from resbench.model.fields import NoShape

if TYPE_CHECKING:
    import torch
    from torch import nn
else:
    torch, nn = lazy("torch"), lazy("torch.nn")


def torch_default(module: nn.Module) -> None:
    """What PyTorch does by itself: weights and biases of convolutions uniform within 1/sqrt(fan in)."""


def he(module: nn.Module) -> None:
    """He et al. 2015 (1502.01852), equation 10: normal with deviation sqrt(2 / fan in), biases 0."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        _no_bias(module)


def torch7(module: nn.Module) -> None:
    """Torch7: weights and biases uniform within 1/sqrt(fan in), batch norm's scale uniform in 0..1 and shift 0."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        bound = 1 / math.sqrt(module.weight[0].numel())
        nn.init.uniform_(module.weight, -bound, bound)
        if module.bias is not None:
            nn.init.uniform_(module.bias, -bound, bound)
    elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
        nn.init.uniform_(module.weight)
        nn.init.zeros_(module.bias)


def orthogonal(module: nn.Module) -> None:
    """Saxe et al. 2013 (1312.6120): orthogonal rows times sqrt(2), which makes up for the ReLU."""
    if isinstance(module, nn.Conv2d):
        nn.init.orthogonal_(module.weight, gain=math.sqrt(2))
        _no_bias(module)


def delta_orthogonal(module: nn.Module) -> None:
    """Xiao et al. 2018 (1806.05393): all taps 0 but the centre, which is orthogonal (times sqrt(2) for the ReLU)."""
    if isinstance(module, nn.Conv2d):
        centre = torch.empty_like(module.weight[:, :, 0, 0])
        nn.init.orthogonal_(centre, gain=math.sqrt(2))
        nn.init.zeros_(module.weight)
        with torch.no_grad():
            module.weight[:, :, module.kernel_size[0] // 2, module.kernel_size[1] // 2] = centre
        _no_bias(module)


def dirac(module: nn.Module) -> None:
    """Convolutions that keep the number of channels start as the identity, the others as `he`.

    Widening by a Dirac kernel would leave the new channels at zero, where ReLU passes no gradient: they would never live.
    """
    if isinstance(module, nn.Conv2d) and module.in_channels == module.out_channels:
        nn.init.dirac_(module.weight)
        _no_bias(module)
    else:
        he(module)


def _no_bias(module: nn.Conv2d) -> None:
    if module.bias is not None:
        nn.init.zeros_(module.bias)


INITS: Table[Callable[[nn.Module], None]] = Table(
    "INITS",
    {
        "he": he,
        "torch_default": torch_default,
        "torch7": torch7,
        "orthogonal": orthogonal,
        "delta_orthogonal": delta_orthogonal,
        "dirac": dirac,
    },
)


class InitFields(Config):
    """The initial weights."""

    init: Annotated[
        str,
        one_of(INITS),
        NoShape(),
        Field(description="Initial weights; model.branch acts after it."),
    ] = "he"
