"""`model.unit`: the order of convolution (c), norm (b) and ReLU (r) in a unit, and the unit itself.

He et al. 2016 (1603.05027), figure 4 and table 2, for all but `seed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from resbench.core.config import Config, one_of
from resbench.core.lazy import names_from
from resbench.core.tables import Table


@dataclass(frozen=True)
class Order:
    """Layers of a unit as letters.

    Attributes:
        branch: convolutions per unit -> layers of the branch.
        after: layers after the addition.
        stem: layers of the stem.
        final: layers between the last unit and the head (an order that ends linear needs them).
        about: what it is, in a line.
    """

    branch: Callable[[int], str]
    after: str
    stem: str = "cbr"
    final: str = ""
    about: str = ""


UNITS: Table[Order] = Table(
    "UNITS",
    {
        "original": Order(
            lambda k: "cbr" * (k - 1) + "cb",
            after="r",
            about="Convolution, norm, ReLU, and a ReLU after the addition (He et al. 2015, 1512.03385; figure 4a).",
        ),
        "preact": Order(
            lambda k: "brc" * k,
            after="",
            stem="c",
            final="br",
            about="Norm and ReLU in front of each convolution, nothing after the addition: full pre-activation (figure 4e).",
        ),
        "bn_after_add": Order(
            lambda k: "cbr" * (k - 1) + "c",
            after="br",
            about="The last norm stands after the addition, where it changes the shortcut too (figure 4b).",
        ),
        "relu_before_add": Order(
            lambda k: "cbr" * k,
            after="",
            about="The last ReLU stands before the addition, so that a branch can only add (figure 4c).",
        ),
        "relu_only_preact": Order(
            lambda k: "rcb" * k,
            after="",
            stem="cb",
            final="r",
            about="ReLU in front of each convolution, its norm behind it: ReLU-only pre-activation (figure 4d).",
        ),
        "seed": Order(
            lambda k: "cr" * (k - 1) + "cbr",
            after="r",
            about="The program of 2016: one norm in a unit, and a ReLU on both sides of the addition.",
        ),
    },
)


class UnitFields(Config):
    """The unit."""

    unit: Annotated[
        str,
        one_of(UNITS),
        Field(
            description="Order of convolution, norm and ReLU in a unit. He et al. 2016 (1603.05027), figure 4 and table 2, "
            "have all but seed. Without shortcuts some orders are one chain of layers."
        ),
    ] = "original"
    convs_per_unit: Annotated[
        int,
        Field(
            ge=1,
            le=3,
            description="Convolutions in the branch of a unit. At one depth, fewer of them mean more units and shortcuts. "
            "He et al. 2016 (1603.05027), table 3, compare one with two.",
        ),
    ] = 2


# what plug-ins may import from here, where it stood before
__getattr__ = names_from("resbench.model.layers", {"Unit"}, __name__)
