"""Growing (`recipe.grow`): train a shallow network, insert units that are the identity, go on, and so on.

This runs the constructive argument of He et al. 2015 (arXiv 1512.03385), section 1: "there exists a solution by construction to
the deeper model: the added layers are identity mapping, and the other layers are copied from the learned shallower
model". The epochs are divided evenly over the depths; the schedule of the learning rate runs over all of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resbench.model import ModelConfig
from resbench.model.branch import BRANCHES
from resbench.training.checkpoint import SavedState, State
from resbench.training.depths import at_depth, depth_in
from resbench.training.device import Placement
from resbench.training.optimizer import is_fused
from resbench.training.run import RunConfig
from resbench.training.step import initial

_TOLERANCE = 1e-4  # of the largest logit: fp32 sums in another order


def start_state(run: RunConfig, placement: Placement, saved: SavedState | None) -> State:
    """The state of a run before its first step, or as it was saved: at the depth of the last epoch that was begun."""
    epoch = saved["epoch"] - (0 if saved.get("part") else 1) if saved else 0
    state = initial(at_depth(run, depth_in(run, epoch)), placement)
    if saved:
        state.restore(saved)
    return state


def positions(shallow: ModelConfig, deep: ModelConfig) -> list[int]:
    """Where each unit of the shallow network stands in the deep one: new units come behind the others of their stage."""
    out: list[int] = []
    first = 0
    for few, many in zip(shallow.stages, deep.stages, strict=True):
        out.extend(range(first, first + few))
        first += many
    return out


def deep_name(name: str, places: list[int]) -> str:
    """`units.3.branch.0` of the shallow network -> its name in the deep one."""
    head, _, rest = name.partition("units.")
    if head or not rest:
        return name
    index, _, inner = rest.partition(".")
    return f"units.{places[int(index)]}.{inner}"


def grow(state: State, run: RunConfig, placement: Placement, inputs: Tensor) -> bool:
    """Deepen the network of a state to what its next epoch asks for; False where that is its depth already.

    The units of before keep their weights, running statistics and optimizer state; new ones draw from a stream of their
    own, start as the identity, and have the optimizer state of a first step. The best epoch is forgotten: it was shallower.

    Args:
        inputs: normalised images, on which the network must compute what it did.

    Raises:
        RuntimeError: it does not.
    """
    before, now = (depth_in(run, epoch) for epoch in (state.epoch - 1, state.epoch))
    if before == now or state.part:
        return False
    deep = initial(at_depth(run, now), placement, run.stream("grow", state.epoch), is_fused(state.optimizer))
    places = positions(run.model.model_copy(update={"depth": before}), run.model.model_copy(update={"depth": now}))
    _inherit(deep, state, places)
    units: nn.Sequential = deep.network.units  # type: ignore[assignment]
    for index, unit in enumerate(units):
        if index not in places:
            BRANCHES[run.model.branch].silence(unit.branch)  # type: ignore[arg-type]
    _assert_same(state.network, deep.network, inputs)
    state.network, state.optimizer, state.best = deep.network, deep.optimizer, None
    return True


def _inherit(deep: State, shallow: State, places: list[int]) -> None:
    """Copy weights, buffers and the optimizer's state of every parameter that both networks have."""
    target = deep.network.state_dict()
    with torch.no_grad():
        for name, tensor in shallow.network.state_dict().items():
            target[deep_name(name, places)].copy_(tensor)
    parameters = dict(deep.network.named_parameters())
    for name, parameter in shallow.network.named_parameters():
        if parameter in shallow.optimizer.state:
            deep.optimizer.state[parameters[deep_name(name, places)]] = shallow.optimizer.state[parameter]


def _assert_same(shallow: nn.Module, deep: nn.Module, inputs: Tensor) -> None:
    with torch.no_grad():
        left, right = (network.eval()(inputs).cpu().double() for network in (shallow, deep))
    if not left.isfinite().all():
        return  # training has diverged, as the next loss shows
    error = float((left - right).abs().max() / left.abs().max().clamp_min(1))
    if not error <= _TOLERANCE:
        raise RuntimeError(f"the added units are not the identity: the logits moved by {error:.3g} of their size")
