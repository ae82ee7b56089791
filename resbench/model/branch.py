"""`model.branch`: what makes the branch F small, or zero, at the start of training.

Each value is one `Branch`: the layers that are appended, and what is done to the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from resbench.core.config import Config, acts_if, one_of
from resbench.core.lazy import lazy, names_from
from resbench.core.tables import Table
from resbench.model.fields import NoShape

if TYPE_CHECKING:
    import torch
    from torch import nn

    from resbench.model import layers
else:
    torch, nn, layers = lazy("torch"), lazy("torch.nn"), lazy("resbench.model.layers")


@dataclass(frozen=True)
class Place:
    """Where a unit stands: the `index`-th (from 1) of `units`, with `channels` outputs."""

    index: int
    units: int
    channels: int
    config: BranchFields


# branch -> number of units -> start of its learned scale in the paper
PAPER_SCALES: dict[str, Callable[[int], float]] = {
    "skipinit": lambda units: units**-0.5,
    "layerscale": lambda units: 0.1 if units <= 18 else 1e-5 if units <= 24 else 1e-6,
}


def _start(place: Place) -> float:
    given = place.config.branch_scale
    return PAPER_SCALES[place.config.branch](place.units) if given == "auto" else float(given)


def plain(place: Place) -> list[nn.Module]:
    """No layers more."""
    return []


def skipinit(place: Place) -> list[nn.Module]:
    """A learned scalar behind the branch."""
    return [layers.LearnedScale(_start(place))]


def rezero(place: Place) -> list[nn.Module]:
    """The same, 0 at the start."""
    return [layers.LearnedScale(0.0)]


def layerscale(place: Place) -> list[nn.Module]:
    """A learned factor per channel behind the branch."""
    return [layers.LearnedScale(_start(place), place.channels)]


def fixup(place: Place) -> list[nn.Module]:
    """A scalar multiplier and bias behind the branch."""
    return [layers.LearnedScale(1.0), layers.Bias()]


def reset_zero_gamma(branch: nn.Module, units: int) -> None:
    """The branch's last norm starts with scale 0, so that F = 0.

    Nothing may follow that norm in the branch: behind a ReLU or a convolution of zeros the scale has no gradient.
    """
    last = next(m for m in reversed(list(branch.modules())) if isinstance(m, nn.BatchNorm2d | nn.GroupNorm))
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)


def reset_fixup(branch: nn.Module, units: int) -> None:
    """Fixup's rule: last convolution 0, the m - 1 others times L^(-1/(2m - 2)), L the number of units."""
    *others, last = _convs(branch)
    nn.init.zeros_(last.weight)
    for conv in others:
        with torch.no_grad():
            conv.weight.mul_(math.pow(units, -1 / (2 * len(others))))


def silence(branch: nn.Module) -> None:
    """F = 0 while a gradient still reaches F: the last layer that scales the branch starts at zero, and nothing else.

    That is the learned scale of `skipinit` and `layerscale`, else the norm that ends the branch, else its last
    convolution. Two zeros in a row would be a branch that never learns.
    """
    last = [
        m for m in branch.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.GroupNorm | layers.LearnedScale)
    ][-1]
    for parameter in last.parameters():
        nn.init.zeros_(parameter)


def leave(branch: nn.Module) -> None:
    """Nothing to do: the branch starts at zero by itself."""


def _convs(branch: nn.Module) -> list[nn.Conv2d]:
    return [m for m in branch.modules() if isinstance(m, nn.Conv2d)]


@dataclass(frozen=True)
class Branch:
    """One value of `model.branch`.

    Attributes:
        layers: appended to the branch.
        reset: (branch, number of units) -> None, run after `model.init`.
        silence: lets a unit that is inserted into a trained network start as the identity (`recipe.grow`).
        about: what it is, in a line.
    """

    layers: Callable[[Place], list[nn.Module]]
    reset: Callable[[nn.Module, int], None] | None = None
    silence: Callable[[nn.Module], None] = silence
    about: str = ""


BRANCHES: Table[Branch] = Table(
    "BRANCHES",
    {
        "plain": Branch(
            plain,
            about="F as model.unit and model.init leave it.",
        ),
        "zero_gamma": Branch(
            plain,
            reset_zero_gamma,
            leave,
            about="The last norm of each branch starts with scale 0, so that F = 0 (Goyal et al. 2017, 1706.02677, section 5.1).",
        ),
        "skipinit": Branch(
            skipinit,
            about="A learned scalar behind F that starts at 1/sqrt(units); at 0 it is rezero (De and Smith 2020, 2002.10444).",
        ),
        "rezero": Branch(
            rezero,
            silence=leave,
            about="A learned scalar behind F that starts at 0 (Bachlechner et al. 2020, 2003.04887, equation 1).",
        ),
        "layerscale": Branch(
            layerscale,
            about="A learned factor for each channel of F; it starts at 0.1 up to 18 units, at 1e-5 up to 24, then at 1e-6 "
            "(Touvron et al. 2021, 2103.17239, section 2).",
        ),
        "fixup": Branch(
            fixup,
            reset_fixup,
            leave,
            about="No norm: the last convolution of F starts at 0, the m - 1 others are scaled by L^(-1/(2m - 2)) with L units, and a "
            "scalar multiplier and biases are learned (Zhang et al. 2019, 1901.09321, section 3).",
        ),
    },
)
SCALED = ("skipinit", "layerscale")  # those with a learned scale whose start can be chosen


class BranchFields(Config):
    """The branch and its start."""

    branch: Annotated[
        str, one_of(BRANCHES), Field(description="What makes the branch F small, or zero, at the start of training.")
    ] = "plain"
    branch_scale: Annotated[
        Annotated[float, Field(ge=0, le=10)] | Literal["auto"],
        NoShape(),
        acts_if(
            lambda model: model.shortcut == "scaled" or model.branch in SCALED,
            f"model.shortcut is scaled, or model.branch is {' or '.join(SCALED)}",
        ),
        Field(
            description="With shortcut scaled the constant b of y = a x + b F(x), 1 where it is auto; else where the learned "
            "scale of skipinit or layerscale starts, as in its paper where it is auto."
        ),
    ] = "auto"


# what plug-ins may import from here, where it stood before
__getattr__ = names_from("resbench.model.layers", {"Bias", "LearnedScale"}, __name__)
