"""RAdam (Liu et al. 2019, arXiv 1908.03265): Adam whose step is rectified while its variance is not yet known.

It is meant to train without a warm-up. `recipe.momentum` is its beta_1.

A grid file uses it with `plugins: [plugins/radam.py]` and `recipe.optimizer: [adamw, radam]`.
"""

from collections.abc import Iterable

import torch
from torch import nn

from resbench.training.recipe import RecipeConfig


def radam(parameters: Iterable[nn.Parameter], recipe: RecipeConfig) -> torch.optim.Optimizer:
    """torch's RAdam, with decoupled weight decay as in adamw."""
    return torch.optim.RAdam(
        parameters,
        recipe.lr,
        (recipe.momentum, 0.999),
        weight_decay=recipe.weight_decay,
        decoupled_weight_decay=True,
    )


OPTIMIZERS = {"radam": radam}
