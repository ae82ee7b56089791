"""`recipe.*`: optimizer, schedule, loss, and how long."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from resbench.core.combinations import combinations_matter
from resbench.core.config import Alike, Config, acts_if, one_of, refuse
from resbench.core.lazy import lazy
from resbench.core.tables import Table

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from torch.nn import functional
else:
    torch, nn, functional = lazy("torch"), lazy("torch.nn"), lazy("torch.nn.functional")


Parameters: TypeAlias = "Iterable[nn.Parameter]"


def sgd(
    parameters: Parameters, recipe: RecipeConfig, fused: bool | None = None, nesterov: bool = False
) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum: v = m v + g, w = w - lr v; weight decay is added to g."""
    momentum, decay = recipe.momentum, recipe.weight_decay
    return torch.optim.SGD(parameters, recipe.lr, momentum, weight_decay=decay, nesterov=nesterov, fused=fused)


def nesterov(parameters: Parameters, recipe: RecipeConfig, fused: bool | None = None) -> torch.optim.Optimizer:
    """The same with Nesterov's momentum: w = w - lr (g + m v) (Sutskever et al. 2013)."""
    return sgd(parameters, recipe, fused, nesterov=True)


def adamw(parameters: Parameters, recipe: RecipeConfig, fused: bool | None = None) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017, 1711.05101, algorithm 2); betas momentum and 0.999."""
    betas, decay, capturable = (recipe.momentum, 0.999), recipe.weight_decay, bool(fused)  # by a CUDA graph
    return torch.optim.AdamW(parameters, recipe.lr, betas, weight_decay=decay, capturable=capturable, fused=fused)


# a function with an argument `fused` gets True on CUDA; one without it trains there too, only slower
OPTIMIZERS: Table[Callable[..., torch.optim.Optimizer]] = Table(
    "OPTIMIZERS",
    {
        "sgd": sgd,
        "nesterov": nesterov,
        "adamw": adamw,
    },
)


def constant(step: int, total: int, recipe: RecipeConfig) -> float:
    """The learning rate stays as it is."""
    return 1.0


def inverse_time(step: int, total: int, recipe: RecipeConfig) -> float:
    """lr / (1 + lr_decay * step), as in Torch7."""
    return 1 / (1 + recipe.lr_decay * step)


def cosine(step: int, total: int, recipe: RecipeConfig) -> float:
    """Half a cosine down to 0 (Loshchilov and Hutter 2016, 1608.03983, equation 5, one period)."""
    return 0.5 * (1 + math.cos(math.pi * step / total))


def onecycle(step: int, total: int, recipe: RecipeConfig) -> float:
    """Smith and Topin 2017 (1708.07120): from 1/25 up over the first 30 %, then down to 1e-4, along cosines."""
    peak = 0.3 * total
    if step < peak:
        return 1 / 25 + (1 - 1 / 25) * 0.5 * (1 - math.cos(math.pi * step / peak))
    return 1e-4 + (1 - 1e-4) * 0.5 * (1 + math.cos(math.pi * (step - peak) / (total - peak)))


def step(step: int, total: int, recipe: RecipeConfig) -> float:
    """A tenth at one half and again at three quarters (He et al. 2015, section 4.2)."""
    return 0.1 ** ((step >= total // 2) + (step >= 3 * total // 4))


# (step from 0, total steps, recipe) -> factor on recipe.lr
SCHEDULES: Table[Callable[[int, int, RecipeConfig], float]] = Table(
    "SCHEDULES",
    {
        "constant": constant,
        "inverse_time": inverse_time,
        "cosine": cosine,
        "onecycle": onecycle,
        "step": step,
    },
)


def mean(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """The cross entropy, as a mean over the batch."""
    return functional.cross_entropy(logits, labels, label_smoothing=smoothing)


def mean_over_batch(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """The mean, divided by the batch size once more, as the program of 2016 did."""
    return mean(logits, labels, smoothing) / len(labels)


LOSSES: Table[Callable[[Tensor, Tensor, float], Tensor]] = Table(
    "LOSSES",
    {
        "mean": mean,
        "mean_over_batch": mean_over_batch,
    },
)
SELECTS = {
    "last": "The weights after the last epoch.",
    "best_val": "Those of the epoch with the best validation accuracy; it needs validation images.",
}
PRECISIONS = {
    "auto": "bf16 where the hardware computes it, else fp32.",
    "fp32": "Single precision.",
    "bf16": "bfloat16 autocast, even where it is emulated.",
}


class RecipeConfig(Config):
    """How the network is trained. A new optimizer, schedule or loss is a function and a line in its table above."""

    epochs: Annotated[int, Field(ge=1, le=10_000, description="Passes over the training images.")] = 10
    batch_size: Annotated[int, Field(ge=2, le=65_536, description="Images in a training step.")] = 128
    optimizer: Annotated[str, one_of(OPTIMIZERS), Field(description="How a step follows from gradients.")] = "nesterov"
    lr: Annotated[float, Field(gt=0, le=1000, description="Learning rate: the largest that the schedule reaches.")] = (
        0.1
    )
    schedule: Annotated[
        str, one_of(SCHEDULES), Field(description="How the learning rate changes from step to step.")
    ] = "onecycle"
    lr_decay: Annotated[
        float,
        Field(ge=0, le=1, description="How fast inverse_time lowers the learning rate, for each step."),
        acts_if(lambda recipe: recipe.schedule == "inverse_time", "recipe.schedule is inverse_time"),
    ] = 5e-6
    warmup: Annotated[
        float,
        Field(
            ge=0,
            description="Epochs in which the learning rate rises linearly before the schedule begins (Goyal et al. 2017, "
            "1706.02677, section 2.2).",
        ),
    ] = 0.0
    momentum: Annotated[float, Field(ge=0, lt=1, description="m of sgd and nesterov; the first beta of adamw.")] = 0.9
    weight_decay: Annotated[
        float, Field(ge=0, le=1, description="Decay of all parameters; with adamw decoupled from the gradient.")
    ] = 5e-4
    label_smoothing: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="Share of a label that is spread over all classes (Szegedy et al. 2015, 1512.00567, section 7).",
        ),
    ] = 0.0
    grad_clip: Annotated[
        Annotated[float, Field(gt=0)] | Literal["none"],
        Field(
            description="Largest norm of all gradients together; larger ones are scaled (Pascanu et al. 2012, arXiv 1211.5063)."
        ),
    ] = "none"
    loss: Annotated[str, one_of(LOSSES), Field(description="What training minimises.")] = "mean"
    select: Annotated[str, one_of(SELECTS), Field(description="The weights that are tested.")] = "last"
    precision: Annotated[str, one_of(PRECISIONS), Field(description="Numbers in which the network is computed.")] = (
        "auto"
    )
    grow: Annotated[
        list[int] | Literal["none"],
        Field(
            examples=[[10, 34]],
            description="Depths to grow through: the shallow network is trained, then units that are "
            "exactly the identity are inserted; the last is model.depth.",
        ),
    ] = "none"

    def alike(self) -> Iterator[Alike]:
        """The fields that could have another value here for the same training."""
        yield from super().alike()
        if self.schedule == "inverse_time" and self.lr_decay == 0:
            yield Alike("schedule", "constant", "inverse_time without a decay is constant")

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if not combinations_matter():
            return self
        if self.warmup > self.epochs:
            raise refuse(
                ["recipe.warmup", "recipe.epochs"],
                f"a warm-up of {self.warmup} epochs is longer than the {self.epochs} epochs",
            )
        if self.warmup and self.schedule == "onecycle":
            raise refuse(["recipe.warmup", "recipe.schedule"], "onecycle has its own warm-up: leave recipe.warmup at 0")
        if self.optimizer == "nesterov" and self.momentum == 0:
            raise refuse(["recipe.momentum", "recipe.optimizer"], "nesterov needs a momentum above 0: use sgd")
        if self.grow != "none":
            self._check_growth(self.grow)
        return self

    def _check_growth(self, depths: list[int]) -> None:
        if len(depths) < 2 or any(left >= right for left, right in itertools.pairwise(depths)):
            raise refuse(
                "recipe.grow",
                f"{depths} is not a growth: name two depths or more, each deeper than the one before, or none",
            )
        if self.epochs < len(depths):
            raise refuse(
                ["recipe.grow", "recipe.epochs"],
                f"{len(depths)} depths need as many epochs, and recipe.epochs is {self.epochs}",
            )

    def lr_at(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate of a step, counted from 0 over the whole run."""
        warm = round(self.warmup * steps_per_epoch)
        if step < warm:
            return self.lr * (step + 1) / (warm + 1)
        return self.lr * SCHEDULES[self.schedule](step - warm, self.epochs * steps_per_epoch - warm, self)
