"""The weights of a run that are kept when it has ended, after its last epoch or after its best one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from resbench.core.errors import UserError
from resbench.data.loading import Normalizer
from resbench.records.weights_file import Arrays, Weights, Which
from resbench.training.checkpoint import SavedState, State
from resbench.training.depths import depth_in
from resbench.training.run import RunConfig


@dataclass
class KeptWeights:
    """Asks a run for weights, and receives them at its end.

    Attributes:
        which: after the last epoch, or after that of the best validation accuracy, whichever of them is tested.
        weights: None until the run has ended well.
    """

    which: Which
    weights: Weights | None = None

    def take(self, state: State, normalizer: Normalizer) -> Weights:
        """The weights of a run whose training is over, as a copy."""
        shift, scale = (tuple(tensor.flatten().tolist()) for tensor in (normalizer.shift, normalizer.scale))
        best = state.best if self.which == "best" else None
        tensors = best.network if best else state.network.state_dict()
        return Weights(self.which, best.epoch if best else state.epoch, shift, scale, arrays_of(tensors))


def keeps_best(run: RunConfig, kept: KeptWeights | None) -> bool:
    """Whether the weights of the best epoch are needed at the end.

    Raises:
        UserError: no epoch is the best, without validation images.
    """
    asked = kept is not None and kept.which == "best"
    if asked and not run.data.sizes[1]:
        raise UserError(f"run {run.id}: no epoch is its best without validation images: data.val_size is 0")
    return asked or run.recipe.select == "best_val"


def lacks_best(run: RunConfig, saved: SavedState) -> bool:
    """Whether a checkpoint has not the weights of the best epoch so far, as they were not asked for then."""
    now = depth_in(run, saved["epoch"] - (0 if saved.get("part") else 1))
    rows = [row for row in saved["history"] if depth_in(run, int(row["epoch"] or 0) - 1) == now]
    best = max(
        rows, key=lambda row: row.get("val_accuracy") or 0.0, default=None
    )  # the first of equals, as in training
    return best is not None and (saved["best"] is None or saved["best"]["epoch"] != best["epoch"])


def arrays_of(tensors: Mapping[str, Tensor]) -> Arrays:
    """The numbers of tensors, as copies."""
    return {name: tensor.detach().cpu().contiguous().numpy().copy() for name, tensor in tensors.items()}
