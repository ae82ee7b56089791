"""`model.unit`: the order of convolution (c), norm (b) and ReLU (r) in a unit, and the unit itself.

He et al. 2016 (1603.05027), figure 4 and table 2, for all but `seed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from resbench.core.config import Config, one_of
from resbench.core.tables import Table


@dataclass(frozen=True)
class Order:
    """Layers of a unit as letters.

    Attributes:
        branch: convolutions per unit -> layers of the branch.
        after: layers after the addition.
        stem: layers of the stem.
        final: layers between the last unit and the head (an order that ends linear needs them).
    """

    branch: Callable[[int], str]
    after: str
    stem: str = "cbr"
    final: str = ""


UNITS: Table[Order] = Table(
    "UNITS",
    {
        "original": Order(lambda k: "cbr" * (k - 1) + "cb", after="r"),
        "preact": Order(lambda k: "brc" * k, after="", stem="c", final="br"),
        "bn_after_add": Order(lambda k: "cbr" * (k - 1) + "c", after="br"),
        "relu_before_add": Order(lambda k: "cbr" * k, after=""),
        "relu_only_preact": Order(lambda k: "rcb" * k, after="", stem="cb", final="r"),
        "seed": Order(lambda k: "cr" * (k - 1) + "cbr", after="r"),  # the program of 2016: one norm, ReLU on both sides
    },
)


class UnitFields(Config):
    """The unit."""

    unit: Annotated[str, one_of(UNITS)] = "original"
    convs_per_unit: Annotated[int, Field(ge=1, le=3)] = 2


class Unit(nn.Module):
    """y = after(join(x, branch(x))), x shrunk by `before` where the stage changes.

    Args:
        before: pooling in front of branch and shortcut, or identity.
        branch: F.
        join: (x, F(x)) -> sum; see `shortcut.py`.
        after: what follows the addition.
    """

    def __init__(self, before: nn.Module, branch: nn.Module, join: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.before, self.branch, self.join, self.after = before, branch, join, after

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        y: Tensor = self.after(self.join(x, self.branch(x)))
        return y
