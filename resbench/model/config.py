"""`model.*`: one field per axis, its depth formula, and the combinations that mean nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from resbench.core.config import Config, one_of, refuse
from resbench.model.branch import BRANCHES
from resbench.model.head import DOWNSAMPLES, HEADS
from resbench.model.init import INITS
from resbench.model.norm import NORMS
from resbench.model.shortcut import CARRYING, GATED, SHORTCUTS
from resbench.model.unit import UNITS


@dataclass(frozen=True)
class Family:
    """A rule that turns a depth into stages.

    Attributes:
        formula: depth at two convolutions per unit, for messages.
        smallest: least n.
        first, per_n: there are `first + per_n * n` units.
        extra: layers that the depth counts besides the convolutions of the units.
        stages: n -> units of each width (the width doubles from one entry to the next).
    """

    formula: str
    smallest: int
    first: int
    per_n: int
    extra: int
    stages: Callable[[int], list[int]]

    def depth(self, n: int, convs: int) -> int:
        return self.extra + convs * (self.first + self.per_n * n)


# seed: N units at each of three widths, a widening unit after each; depth counts the convolution modules with the
# three projections of the residual network: 1 + 2 (3N + 3) + 3 = 6N + 10. A plain network keeps its twin's name.
# cifar: He et al. 2015, section 4.2: n units at each of three widths; depth 6n + 2 counts stem and classifier.
FAMILIES: dict[str, Family] = {
    "seed": Family("6N + 10", smallest=0, first=3, per_n=3, extra=4, stages=lambda n: [n, 1 + n, 1 + n, 1]),
    "cifar": Family("6n + 2", smallest=1, first=0, per_n=3, extra=2, stages=lambda n: [n, n, n]),
}
CONV_BIAS = {"auto": "where no norm follows", "always": "everywhere", "never": "nowhere"}
DROPOUT_AT = {"head": "before the classifier", "unit": "before the last convolution of each branch"}


class ModelConfig(Config):
    """The network. Every field can be an axis."""

    family: Annotated[str, one_of(FAMILIES)] = "seed"
    depth: Annotated[int, Field(ge=4, le=20_000)] = 34
    width: Annotated[int, Field(ge=1, le=4096)] = 16
    shortcut: Annotated[str, one_of(SHORTCUTS)] = "identity"
    shortcut_scale: Annotated[float, Field(ge=0, le=10)] = 0.5
    shortcut_dropout: Annotated[float, Field(gt=0, lt=1)] = 0.5
    gate_bias: Annotated[float, Field(ge=-50, le=50)] = -6.0
    projection_norm: bool = True
    head: Annotated[str, one_of(HEADS)] = "gap"
    downsample: Annotated[str, one_of(DOWNSAMPLES)] = "stride"
    unit: Annotated[str, one_of(UNITS)] = "original"
    convs_per_unit: Annotated[int, Field(ge=1, le=3)] = 2
    norm: Annotated[str, one_of(NORMS)] = "batch"
    conv_bias: Annotated[str, one_of(CONV_BIAS)] = "auto"
    branch: Annotated[str, one_of(BRANCHES)] = "plain"
    branch_scale: Annotated[float, Field(ge=0, le=10)] | Literal["auto"] = "auto"
    init: Annotated[str, one_of(INITS)] = "he"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    dropout_at: Annotated[str, one_of(DROPOUT_AT)] = "head"
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @property
    def stage_size(self) -> int:
        """n of the depth formula."""
        family = FAMILIES[self.family]
        return ((self.depth - family.extra) // self.convs_per_unit - family.first) // family.per_n

    @property
    def stages(self) -> list[int]:
        """Units of each width; the first unit of every stage but the first widens and shrinks."""
        return FAMILIES[self.family].stages(self.stage_size)

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        self._check_depth()
        plain = self.shortcut == "none"
        if self.branch != "plain" and plain:
            raise refuse(
                ["model.branch", "model.shortcut"],
                f"branch {self.branch} needs a shortcut, and shortcut is none",
            )
        if self.drop_path and plain:
            raise refuse(
                ["model.drop_path", "model.shortcut"],
                "dropping a branch needs a shortcut, and shortcut is none",
            )
        if self.branch == "fixup" and self.norm != "none":
            raise refuse(["model.branch", "model.norm"], "fixup takes the place of the norm: set model.norm to none")
        if self.branch == "fixup" and self.convs_per_unit == 1:
            raise refuse(
                ["model.branch", "model.convs_per_unit"],
                "fixup scales all but the last convolution: use 2 or 3 per unit",
            )
        ends = self._branch_layers()[-1]
        if self.branch == "zero_gamma" and ends != "b":
            raise refuse(
                ["model.branch", "model.unit", "model.norm"],
                "zero_gamma needs a branch that ends in a norm; where a ReLU or a convolution follows the zeroed norm "
                "no gradient ever reaches the branch: use unit original or relu_only_preact with a norm",
            )
        if self.branch == "fixup" and ends == "r":
            raise refuse(
                ["model.branch", "model.unit"],
                f"fixup zeroes the last convolution, and the ReLU that ends the branch of {self.unit} passes no "
                "gradient at zero: use original, preact or relu_only_preact",
            )
        if self.norm == "none" and self.unit == "relu_only_preact":
            raise refuse(
                ["model.unit", "model.norm"],
                "without a norm relu_only_preact is the same as preact: use preact",
            )
        if self.norm == "none" and self.unit in ("bn_after_add",):
            raise refuse(
                ["model.unit", "model.norm"],
                "without a norm bn_after_add is the same as original: use original",
            )
        if self.shortcut == "conv" and not (self.projection_norm and self.norm != "none"):
            raise refuse(
                ["model.shortcut", "model.projection_norm"],
                "without a norm behind projections conv is the same as projection: use projection",
            )
        if self.shortcut == "scaled" and self.branch in ("skipinit", "layerscale") and self.branch_scale != "auto":
            raise refuse(
                ["model.branch_scale", "model.branch"],
                f"branch_scale could mean the constant of scaled or the start of {self.branch}: leave it at auto",
            )
        return self

    def _branch_layers(self) -> str:
        order = UNITS[self.unit].branch(self.convs_per_unit)
        return order.replace("b", "") if self.norm == "none" else order

    def identity_barred(self) -> str | None:
        """Why an inserted unit cannot start as the identity and still learn, or None if it can."""
        if self.shortcut == "none":
            return "a plain network has no shortcut that could carry x past an added unit"
        if self.shortcut not in CARRYING:
            return f"shortcut {self.shortcut} changes x even where the branch is zero: use {' or '.join(CARRYING)}"
        if "b" in UNITS[self.unit].after:
            return f"the norm behind the addition of {self.unit} changes x: use original, preact or relu_only_preact"
        if self._branch_layers()[-1] == "r":
            return (
                f"the ReLU that ends the branch of {self.unit} passes no gradient at zero, so an added unit would "
                "never learn: use original, preact or relu_only_preact"
            )
        return None

    def _check_depth(self) -> None:
        family, convs = FAMILIES[self.family], self.convs_per_unit
        n = self.stage_size
        if n >= family.smallest and family.depth(n, convs) == self.depth:
            return
        near = sorted({family.depth(max(family.smallest, n + step), convs) for step in (0, 1)})
        formula = family.formula if convs == 2 else f"{family.formula} at 2 convolutions per unit; here {convs}"
        raise refuse(
            ["model.depth", "model.family", "model.convs_per_unit"],
            f"{self.depth} is not a depth of the family {self.family} ({formula}); "
            f"the nearest are {' and '.join(map(str, near))}",
        )

    def normalised(self) -> ModelConfig:
        """The same network with every field that has no effect set back to its default."""
        inactive: set[str] = set()
        if self.shortcut != "scaled":
            inactive.add("shortcut_scale")
        if self.shortcut != "dropout":
            inactive.add("shortcut_dropout")
        if self.shortcut not in GATED:
            inactive.add("gate_bias")
        if self.shortcut in ("none", "zero_pad") or self.norm == "none":
            inactive.add("projection_norm")
        if self.shortcut != "scaled" and self.branch not in ("skipinit", "layerscale"):
            inactive.add("branch_scale")
        if self.dropout == 0:
            inactive.add("dropout_at")
        return self.model_copy(update={name: type(self).model_fields[name].default for name in inactive})
