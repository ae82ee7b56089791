"""The probe `curvature`: how sharp the minimum is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resbench.probes.subject import Probe, Subject, affordable_images, rounded
from resbench.records.record import ProbeResult
from resbench.training.placement import BACKWARD

_ITERATIONS = 10


def curvature(subject: Subject, earlier: ProbeResult) -> ProbeResult:
    """Sharpness at the end: the largest eigenvalue of the Hessian of the training loss, by power iteration.

    Batch norm takes the statistics of the batch, as in training. Costs 3 passes an image, and 6 for each iteration.
    """
    inputs, labels = subject.batch(affordable_images(subject.budget, BACKWARD + 2 * BACKWARD * _ITERATIONS))
    parameters = [parameter for parameter in subject.network.parameters() if parameter.requires_grad]
    draw = subject.generator("curvature")
    start = [torch.randn(p.shape, generator=draw).to(p.device) for p in parameters]
    torch.manual_seed(subject.run.stream("curvature", subject.epoch))
    subject.network.train()
    estimates = sharpness(subject.loss(inputs, labels), parameters, start, _ITERATIONS)
    return {"images": len(labels), "estimates": rounded(estimates), "sharpness": rounded(estimates[-1])}


PROBE = Probe(curvature, "ended", 0.013)


def sharpness(loss: Tensor, parameters: Sequence[nn.Parameter], start: list[Tensor], iterations: int) -> list[float]:
    """Rayleigh quotients v.Hv of power iteration on the Hessian of a loss; the last is its largest eigenvalue.

    Power iteration finds the eigenvalue of largest magnitude. Where that is negative after half of the iterations, the
    others go on with the Hessian minus it, whose largest magnitude is at the largest eigenvalue. Costs the backward pass
    of the loss, then for each iteration a backward pass through forward and backward pass.

    Args:
        start: the first direction, in the shapes of the parameters.
    """
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    out: list[float] = []
    shift, direction = 0.0, start
    for number in range(iterations):
        if number == iterations // 2 and out[-1] < 0:
            shift = out[-1]
        norm = torch.stack([part.cpu().double().square().sum() for part in direction]).sum().sqrt()
        direction = [(part / norm).to(part.dtype) for part in direction]
        product = torch.autograd.grad(gradients, parameters, direction, retain_graph=True, materialize_grads=True)
        pairs = zip(direction, product, strict=True)
        out.append(float(torch.stack([(v.cpu().double() * hv.cpu().double()).sum() for v, hv in pairs]).sum()))
        direction = [hv - shift * v for v, hv in zip(direction, product, strict=True)]
        if not any(part.any() for part in direction):  # no direction is curved otherwise
            return [*out, *[out[-1]] * (iterations - len(out))]
    return out
