"""The fields of all axes of the network together, and the stages that follow from them."""

from __future__ import annotations

from resbench.model.branch import BranchFields
from resbench.model.dropout import DropoutFields
from resbench.model.family import FAMILIES, FamilyFields
from resbench.model.head import HeadFields
from resbench.model.init import InitFields
from resbench.model.norm import NormFields
from resbench.model.own import PYTHON, OwnFields
from resbench.model.shortcut import ShortcutFields
from resbench.model.unit import UnitFields


# pydantic lists the fields of the last base first: the order in which records and `ls axes` have them
class AllFields(
    OwnFields, DropoutFields, InitFields, BranchFields, NormFields, UnitFields, HeadFields, ShortcutFields, FamilyFields
):
    """A field stands in the file of its axis, next to the table of its values."""

    @property
    def is_own(self) -> bool:
        """Whether the network is one of the user's own, to which the fields of the built-in families do not apply."""
        return self.family == PYTHON

    @property
    def first_width(self) -> int:
        """Channels of the first stage; 0 of a network of the user's own, where that is not known."""
        return 0 if self.is_own else self.width

    @property
    def replayable(self) -> bool:
        """Whether a step of training is the same operations each time; a network of the user's own may choose as it goes."""
        return not self.is_own

    @property
    def stage_size(self) -> int:
        """n of the depth formula."""
        family = FAMILIES[self.family]
        return ((self.depth - family.extra) // self.convs_per_unit - family.first) // family.per_n

    @property
    def stages(self) -> list[int]:
        """Units of each width; the first unit of every stage but the first widens and shrinks."""
        return [] if self.is_own else FAMILIES[self.family].stages(self.stage_size)
