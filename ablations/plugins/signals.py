"""What passes through a network before training, in the numbers that theories predict: growth by unit, branches, shattering.

A grid file uses it with `plugins: [plugins/signals.py]` and `probes: [signals]`; `theory:` and claims can be on its metrics.
Growth and correlation are by unit; with `model.convs_per_unit: 1` a unit of a plain network is a layer.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from resbench.model.layers import NoShortcut
from resbench.probes.layers import similarity, unit_inputs
from resbench.probes.subject import Probe, Subject, rounded
from resbench.records.metrics import Metric
from resbench.records.record import ProbeResult

IMAGES = 32
FLOOR = 0.05  # correlation below which the finite width of a network hides what is left


def signals(subject: Subject, earlier: ProbeResult) -> ProbeResult:
    """Signals of the untrained network on 32 images, in training mode. Costs 6 passes an image."""
    if subject.epoch:
        return earlier
    inputs, labels = subject.batch(IMAGES)
    network = subject.network.train()
    with unit_inputs(network) as seen, branch_shares(network) as shares:
        loss = subject.loss(inputs, labels)
    gradients = torch.autograd.grad(loss, seen)
    backward = growth(seen, [float(one.double().norm()) for one in gradients])
    forward = growth(seen, [float(one.detach().double().std()) for one in seen])
    similar = correlations(subject, network, inputs)
    return {
        "gradient_factor": rounded(None if backward is None else 1 / backward),
        "activation_factor": rounded(forward),
        "branch_share": rounded(last_of_first_stage(seen, shares)),
        "gradient_correlation": rounded(over_last_stage(seen, similar)),
        "correlation_factor": rounded(decay(similar)),
        "correlations": rounded(similar),
    }


def growth(seen: Sequence[Tensor], sizes: Sequence[float]) -> float | None:
    """Geometric mean of the factors from one unit to the next, where both have inputs of one shape."""
    steps = [
        math.log(after / before) if 0 < before < math.inf and 0 < after < math.inf else math.nan
        for before, after, x, y in zip(sizes, sizes[1:], seen, seen[1:], strict=False)
        if x.shape == y.shape
    ]
    return math.exp(sum(steps) / len(steps)) if steps else None


@contextmanager
def branch_shares(network: nn.Module) -> Iterator[list[float]]:
    """Collects, of each unit with a shortcut, the deviation of the branch over that of the shortcut."""
    shares: list[float] = []

    def enter(module: nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
        shortcut, branch = (float(one.detach().double().std()) for one in inputs)
        shares.append(branch / shortcut if shortcut else math.nan)

    joins = [unit.join for unit in network.units if not isinstance(unit.join, NoShortcut)]
    handles = [join.register_forward_pre_hook(enter) for join in joins]
    try:
        yield shares
    finally:
        for handle in handles:
            handle.remove()


def last_of_first_stage(seen: Sequence[Tensor], shares: Sequence[float]) -> float | None:
    """The share of the last unit before the maps get smaller for the first time."""
    same = [share for share, x, y in zip(shares, seen, seen[1:], strict=False) if x.shape == y.shape == seen[0].shape]
    return same[-1] if same else None


def correlations(subject: Subject, network: nn.Module, inputs: Tensor) -> list[float]:
    """Mean cosine between the gradients dy/dx of two images, y the first logit, x the input of each unit and the last output.

    Norms take the statistics of this batch and then keep them, so that images do not see each other.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        subject.forward(inputs)
    network.eval()
    with unit_inputs(network) as seen:
        logits = subject.forward(inputs)
    return [similarity(one) for one in torch.autograd.grad(logits[:, 0].sum(), seen)]


def over_last_stage(seen: Sequence[Tensor], similar: Sequence[float]) -> float | None:
    """The correlation where the last stage begins over that where it ends."""
    first = next(index for index, one in enumerate(seen) if one.shape == seen[-1].shape)
    return similar[first] / similar[-1] if similar[-1] else None


def decay(similar: Sequence[float]) -> float | None:
    """Factor by unit, from the output towards the input, by least squares on the logarithms down to the floor."""
    points: list[float] = []
    for value in reversed(similar):
        if not value >= FLOOR:
            break
        points.append(math.log(value))
    if len(points) < 3:
        return None
    return math.exp(statistics.linear_regression(range(len(points)), points).slope)


ROWS = (
    Metric("gradient_factor", "growth of gradients by unit, towards the input", at_start=True,
           about="|dL/dx| of a unit's input over that of the next, as a geometric mean, before training."),
    Metric("activation_factor", "growth of activations by unit", at_start=True,
           about="Standard deviation of a unit's output over that of its input, as a geometric mean, before training."),
    Metric("branch_share", "branch over shortcut", at_start=True,
           about="Standard deviation of the branch over that of the shortcut, in the last unit of the first stage."),
    Metric("gradient_correlation", "correlation of the gradients of two images over the last stage", better="higher", at_start=True,
           about="Mean cosine of dy/dx, y the first logit and x what enters the last stage, over that of what leaves it."),
    Metric("correlation_factor", "decay of the correlation of gradients by unit", better="higher", at_start=True,
           about="Factor of that cosine from one unit to the one before, from the last one on down to a cosine of 0.05."),
)  # fmt: skip
PROBES = {"signals": Probe(signals, "trained", share=0.05, metrics=ROWS)}
