"""`model.family`, `model.depth` and `model.width`: how many units there are, and of which width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from resbench.core.config import Config, one_of
from resbench.core.tables import Table
from resbench.model.own import ABOUT, PYTHON


@dataclass(frozen=True)
class DepthFamily:
    """A rule that turns a depth into stages.

    Attributes:
        formula: depth at two convolutions per unit, for messages.
        smallest: least n.
        first, per_n: there are `first + per_n * n` units.
        extra: layers that the depth counts besides the convolutions of the units.
        stages: n -> units of each width (the width doubles from one entry to the next).
        about: what it is, in a line.
    """

    formula: str
    smallest: int
    first: int
    per_n: int
    extra: int
    stages: Callable[[int], list[int]]
    about: str = ""

    def depth(self, n: int, convs: int) -> int:
        return self.extra + convs * (self.first + self.per_n * n)


FAMILIES: Table[DepthFamily] = Table(
    "FAMILIES",
    {
        # the depth counts the convolution modules with the three projections of the residual network:
        # 1 + 2 (3N + 3) + 3 = 6N + 10; a plain network keeps its twin's name
        "seed": DepthFamily(
            "6N + 10",
            smallest=0,
            first=3,
            per_n=3,
            extra=4,
            stages=lambda n: [n, 1 + n, 1 + n, 1],
            about="The program of 2016: N units at each of three widths, a widening unit after each; 6N + 10 layers: 10, 16, 22.",
        ),
        "cifar": DepthFamily(
            "6n + 2",
            smallest=1,
            first=0,
            per_n=3,
            extra=2,
            stages=lambda n: [n, n, n],
            about="n units at each of three widths; 6n + 2 layers with stem and classifier (He et al. 2015, 1512.03385, "
            "section 4.2): 8, 14, 20.",
        ),
    },
)


class FamilyFields(Config):
    """Depth and width."""

    family: Annotated[
        str,
        one_of(FAMILIES, **{PYTHON: ABOUT}),
        Field(
            description="How a depth becomes units at each width, and which depths there are; or a network of one's own."
        ),
    ] = "seed"
    depth: Annotated[
        int,
        Field(
            ge=4,
            le=20_000,
            description="Layers with weights, as the family counts them: of seed 6N + 10, of cifar 6n + 2.",
        ),
    ] = 34
    width: Annotated[
        int, Field(ge=1, le=4096, description="Channels of the first stage; each later stage has twice as many.")
    ] = 16
