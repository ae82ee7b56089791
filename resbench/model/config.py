"""`model.*`: the fields of all axes together, and the combinations that mean nothing.

A field stands in the file of its axis, next to the table of its values.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from resbench.core.combinations import combinations_matter
from resbench.core.config import Alike, refuse
from resbench.model.alike import alike
from resbench.model.all_fields import AllFields
from resbench.model.branch import SCALED
from resbench.model.family import FAMILIES
from resbench.model.own import OwnFields
from resbench.model.shortcut import CARRYING
from resbench.model.unit import UNITS

_OF_OWN = {"family", *OwnFields.model_fields}


class ModelConfig(AllFields):
    """The network. Every field can be an axis.

    Example:
        >>> config = resbench.ModelConfig(depth=34, width=8, shortcut="none")
        >>> config.stages  # units of each width
        [4, 5, 5, 1]
    """

    def alike(self) -> Iterator[Alike]:
        """The fields that could have another value here for the same network, those that do not act first."""
        if self.is_own:
            return
        yield from super().alike()
        yield from alike(self)

    def unwritten(self) -> Iterator[str]:
        """The fields that leave no trace in what is written of this network."""
        yield from super().unwritten()
        if self.is_own:
            yield from type(self).model_fields.keys() - _OF_OWN

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if not combinations_matter():
            return self
        refusals = itertools.chain(
            self._refuse_depth(), self._refuse_branch(), self._refuse_unit(), self._refuse_shortcut()
        )
        first = next(itertools.chain(self._refuse_family(), self.take_entry() if self.is_own else refusals), None)
        if first:
            raise first
        return self

    def _refuse_family(self) -> Iterator[PydanticCustomError]:
        """Fields that the other kind of family has."""
        given = [name for name in type(self).model_fields if name in self.model_fields_set - {"family"}]
        wrong = [f"model.{name}" for name in given if self.is_own and name not in _OF_OWN]
        if wrong:
            others = f" (nor does {', '.join(wrong[1:])})" if wrong[1:] else ""
            text = f"does not apply to family python{others}: its network has the arguments of its function, model.args.NAME"
            yield refuse(wrong, text)
        if self.is_own and self.entry == "none":
            text = "python needs model.entry, the function that makes the network, as in my_net.py:make"
            yield refuse(["model.family", "model.entry"], text)
        for name, value in (("entry", self.entry), ("args", self.args)):
            if not self.is_own and value != "none":
                path = f"model.{name if name == 'entry' else f'args.{next(iter(self.arguments))}'}"
                yield refuse([path, "model.family"], "applies to model.family python alone")

    def _refuse_depth(self) -> Iterator[PydanticCustomError]:
        family, convs = FAMILIES[self.family], self.convs_per_unit
        n = self.stage_size
        if n >= family.smallest and family.depth(n, convs) == self.depth:
            return
        near = sorted({family.depth(max(family.smallest, n + step), convs) for step in (0, 1)})
        formula = family.formula if convs == 2 else f"{family.formula} at 2 convolutions per unit; here {convs}"
        yield refuse(
            ["model.depth", "model.family", "model.convs_per_unit"],
            f"{self.depth} is not a depth of the family {self.family} ({formula}); "
            f"the nearest are {' and '.join(map(str, near))}",
        )

    def _refuse_branch(self) -> Iterator[PydanticCustomError]:
        plain = self.shortcut == "none"
        if self.branch != "plain" and plain:
            yield refuse(
                ["model.branch", "model.shortcut"],
                f"branch {self.branch} needs a shortcut, and shortcut is none",
            )
        if self.drop_path and plain:
            yield refuse(
                ["model.drop_path", "model.shortcut"],
                "dropping a branch needs a shortcut, and shortcut is none",
            )
        if self.branch == "fixup" and self.norm != "none":
            yield refuse(["model.branch", "model.norm"], "fixup takes the place of the norm: set model.norm to none")
        if self.branch == "fixup" and self.convs_per_unit == 1:
            yield refuse(
                ["model.branch", "model.convs_per_unit"],
                "fixup scales all but the last convolution: use 2 or 3 per unit",
            )
        if self.branch == "zero_gamma" and self._last_layer != "b":
            yield refuse(
                ["model.branch", "model.unit", "model.norm"],
                "zero_gamma needs a branch that ends in a norm; where a ReLU or a convolution follows the zeroed norm "
                "no gradient ever reaches the branch: use unit original or relu_only_preact with a norm",
            )
        if self.branch == "fixup" and self._last_layer == "r":
            yield refuse(
                ["model.branch", "model.unit"],
                f"fixup zeroes the last convolution, and the ReLU that ends the branch of {self.unit} passes no "
                "gradient at zero: use original, preact or relu_only_preact",
            )

    def _refuse_unit(self) -> Iterator[PydanticCustomError]:
        same = {"relu_only_preact": "preact", "bn_after_add": "original"}.get(self.unit)
        if self.norm == "none" and same:
            yield refuse(
                ["model.unit", "model.norm"],
                f"without a norm {self.unit} is the same as {same}: use {same}",
            )

    def _refuse_shortcut(self) -> Iterator[PydanticCustomError]:
        if self.shortcut == "conv" and not (self.projection_norm and self.norm != "none"):
            yield refuse(
                ["model.shortcut", "model.projection_norm"],
                "without a norm behind projections conv is the same as projection: use projection",
            )
        if self.shortcut == "scaled" and self.branch in SCALED and self.branch_scale != "auto":
            yield refuse(
                ["model.branch_scale", "model.branch"],
                f"branch_scale could mean the constant of scaled or the start of {self.branch}: leave it at auto",
            )

    @property
    def _last_layer(self) -> str:
        """The letter of the layer that ends the branch."""
        order = UNITS[self.unit].branch(self.convs_per_unit)
        return (order.replace("b", "") if self.norm == "none" else order)[-1]

    def identity_barred(self) -> str | None:
        """Why an inserted unit cannot start as the identity and still learn, or None if it can."""
        if self.is_own:
            return "resbench cannot add units to a network of family python"
        if self.shortcut == "none":
            return "a plain network has no shortcut that could carry x past an added unit"
        if self.shortcut not in CARRYING:
            return f"shortcut {self.shortcut} changes x even where the branch is zero: use {' or '.join(CARRYING)}"
        if "b" in UNITS[self.unit].after:
            return f"the norm behind the addition of {self.unit} changes x: use original, preact or relu_only_preact"
        if self._last_layer == "r":
            return (
                f"the ReLU that ends the branch of {self.unit} passes no gradient at zero, so an added unit would "
                "never learn: use original, preact or relu_only_preact"
            )
        return None
