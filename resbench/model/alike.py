"""Values of a field that build the same network as another one does, with the same initial weights.

Their runs are the same training, so a grid trains them once. A rule that is missing here costs time and no truth: the
records of such runs have equal weights, and the page says so.
"""

from __future__ import annotations

from collections.abc import Iterator

from resbench.core.config import Alike
from resbench.core.tables import own_values
from resbench.model.all_fields import AllFields
from resbench.model.branch import PAPER_SCALES, SCALED
from resbench.model.norm import CONV_BIAS
from resbench.model.shortcut import UNPROJECTED
from resbench.model.unit import UNITS


def alike(model: AllFields) -> Iterator[Alike]:
    """The fields of this network that could have another value; none is known of one with a plug-in's parts."""
    if any(own_values(model)):
        return
    if model.shortcut in ("projection", "conv") and not _keeps_shape(model):
        why = f"at depth {model.depth} no unit keeps its shape, and identity, projection and conv build one network"
        yield Alike("shortcut", "identity", why)
    if model.shortcut == "scaled" and model.branch_scale in ("auto", 1):
        if model.shortcut_scale == 1:
            yield Alike("shortcut", "identity", "scaled by 1 is identity")
        elif model.branch_scale == 1:
            yield Alike("branch_scale", "auto", "branch_scale auto is 1 where model.shortcut is scaled")
    if model.branch in SCALED and model.branch_scale != "auto":
        if model.branch == "skipinit" and model.branch_scale == 0:
            yield Alike("branch", "rezero", "skipinit that starts at 0 is rezero")
        elif model.branch_scale == PAPER_SCALES[model.branch](sum(model.stages)):
            yield Alike("branch_scale", "auto", f"it is what branch_scale auto gives {model.branch} at this depth")
    if model.shortcut == "none":
        first = next(unit for unit in UNITS if _chain(model, unit) == _chain(model, model.unit))
        if first != model.unit:
            yield Alike("unit", first, f"without shortcuts the units {first} and {model.unit} are one chain of layers")
    same = next(value for value in CONV_BIAS if _biased(model, value) == _biased(model, model.conv_bias))
    if same != model.conv_bias:
        yield Alike("conv_bias", same, f"conv_bias {model.conv_bias} and {same} are one with this norm and this unit")


def _keeps_shape(model: AllFields) -> bool:
    """Whether a unit has as many channels and pixels behind it as in front."""
    return any(number > (stage > 0) for stage, number in enumerate(model.stages))


def _chain(model: AllFields, unit: str) -> list[tuple[str, bool]]:
    """The layers of three plain units between stem and head, each convolution with whether a norm follows in its part.

    A bias depends on that, and dropout stands before the last convolution of each unit in any order.
    """
    order, norm = UNITS[unit], model.norm != "none"
    parts = [order.stem, *[order.branch(model.convs_per_unit), order.after] * 3, order.final]
    layers = []
    for part in parts:
        for place, letter in enumerate(part):
            if letter != "b" or norm:
                layers.append((letter, norm and part[place : place + 2] == "cb"))
    return layers


def _biased(model: AllFields, conv_bias: str) -> set[str]:
    """The kinds of convolution in this network that would have a bias."""
    order, norm = UNITS[model.unit], model.norm != "none"
    chains = [order.stem, order.branch(model.convs_per_unit), order.final]
    followers = {chain[place + 1 : place + 2] for chain in chains for place, one in enumerate(chain) if one == "c"}
    kinds = {"normed" if norm and after == "b" else "bare" for after in followers}
    if model.shortcut not in UNPROJECTED:
        kinds.add("normed shortcut" if norm and model.projection_norm else "bare shortcut")
    if model.shortcut == "conv" and _keeps_shape(model):
        kinds.add("bare shortcut")
    without = {"normed", "normed shortcut"} | ({"bare"} if model.branch == "fixup" else set())
    return {"always": kinds, "auto": kinds - without, "never": set[str]()}[conv_bias]
