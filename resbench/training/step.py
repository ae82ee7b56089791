"""One step of training, and evaluation: how a network and its optimizer of a run compute on a device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from resbench.data.loading import Images, Normalizer
from resbench.model import build
from resbench.model.fold import folded
from resbench.training.checkpoint import State
from resbench.training.cuda import capture_graphs
from resbench.training.device import Placement, sound_threads
from resbench.training.lean import LeanNetwork
from resbench.training.optimizer import make_optimizer
from resbench.training.recipe import LOSSES
from resbench.training.run import RunConfig

# (normalised images `(n, channels, side, side)`, labels `(n,)`) -> logits `(n, classes)` and loss before the step
Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
EVALUATION_BATCH = 250


@dataclass(frozen=True)
class Setup:
    """What stays the same while a run trains: its configuration, where it computes, and its images.

    Attributes:
        keep_best: whether the weights of the best epoch are kept also where those of the last are tested.
    """

    run: RunConfig
    placement: Placement
    training: Images
    validation: Images
    normalizer: Normalizer
    keep_best: bool = False

    @property
    def steps(self) -> int:
        """Of an epoch; the last of them may have fewer images."""
        return -(-len(self.training) // self.run.recipe.batch_size)


def initial(run: RunConfig, placement: Placement, stream: int | None = None, fused: bool | None = None) -> State:
    """The network and optimizer of a run before its first step.

    Args:
        stream: seed of the weights; that of the run's stream for initialisation by default.
        fused: whether the optimizer is fused, if it can be; on CUDA by default.
    """
    dataset = run.data.dataset
    torch.manual_seed(run.stream("init") if stream is None else stream)
    network: nn.Module = build(run.model, dataset.channels, dataset.size, dataset.classes)
    layout = torch.channels_last if placement.channels_last else torch.contiguous_format
    network = network.to(placement.device, memory_format=layout)  # type: ignore[call-overload]
    fused = placement.device.type == "cuda" if fused is None else fused
    return State(network, make_optimizer(network, run.recipe, fused))


def stepper(state: State, run: RunConfig, placement: Placement) -> Step:
    """One step of the optimizer on a batch, as a function; it does not wait for the device.

    On CUDA the network is replayed as a graph for batches of the recipe's size, if there are any; the last, smaller one of an
    epoch is not. On a CPU the casts of bf16 are done for all weights at once, where no code but ours computes.
    """
    recipe, network = run.recipe, state.network
    dataset = run.data.dataset
    shape = (recipe.batch_size, dataset.channels, dataset.size, dataset.size)

    # code of the user's own may read a weight as it is, in fp32
    casts = placement.device.type == "cpu" and placement.bf16 and not run.computes_own_code
    lean = LeanNetwork(network, placement) if casts else None

    def eager(inputs: Tensor) -> Tensor:
        return lean(inputs) if lean else forward(network, inputs, placement)

    graphed = placement.device.type == "cuda" and run.data.sizes[0] >= recipe.batch_size and run.model.replayable
    replay = capture_graphs(network, shape, placement) if graphed else eager
    loss_of = LOSSES[recipe.loss]

    def step(inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with sound_threads(placement, run.model.first_width, len(inputs)):
            return compute(inputs, labels)

    def compute(inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = replay(inputs) if inputs.shape == shape else eager(inputs)
        loss = loss_of(logits, labels, recipe.label_smoothing)
        if lean:
            lean.backward(loss)
        else:
            state.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
        if recipe.grad_clip != "none":
            nn.utils.clip_grad_norm_(network.parameters(), float(recipe.grad_clip))
        state.optimizer.step()
        return logits, loss

    return step


def forward(network: nn.Module, inputs: Tensor, placement: Placement) -> Tensor:
    """Logits `(n, classes)` in fp32 of normalised images `(n, channels, side, side)`."""
    if placement.channels_last:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    with torch.autocast(placement.device.type, torch.bfloat16, enabled=placement.bf16):
        logits: Tensor = network(inputs)
    return logits.float()


def inference(network: nn.Module, placement: Placement) -> Callable[[Tensor], Tensor]:
    """The network as a function from normalised images to logits: batch norm folded, channels last where it may be."""
    placement = placement.for_inference()
    twin = folded(network)
    if placement.channels_last:
        twin = twin.to(memory_format=torch.channels_last)
    return lambda inputs: forward(twin, inputs, placement)


def evaluate(
    network: nn.Module, images: Images, normalizer: Normalizer, placement: Placement
) -> tuple[float, float, Tensor]:
    """Mean loss, accuracy, and predicted classes `(n,)` on the CPU."""
    classify = inference(network, placement)
    losses, predicted = [], []
    with torch.inference_mode():
        for start in range(0, len(images), EVALUATION_BATCH):
            logits = classify(normalizer(images.images[start : start + EVALUATION_BATCH]))
            labels = images.labels[start : start + EVALUATION_BATCH]
            losses.append(functional.cross_entropy(logits, labels, reduction="sum"))
            predicted.append(logits.argmax(1))
        classes = torch.cat(predicted)
        accuracy = int((classes == images.labels).sum()) / len(images)
    return float(torch.stack(losses).cpu().double().sum() / len(images)), accuracy, classes.cpu()
