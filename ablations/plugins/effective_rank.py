"""The effective rank of the last features (Roy and Vetterli 2007): of how many directions the classifier makes use.

e to the entropy of the singular values' shares: from 1, where all features lie on a line, to the number of features.

A grid file uses it with `plugins: [plugins/effective_rank.py]` and `probes: [effective_rank]`; claims can be on `probe.rank`.
"""

import torch
from torch import Tensor, nn

from resbench.probes.subject import Probe, Subject, affordable_images, rounded
from resbench.records.metrics import Metric
from resbench.records.record import ProbeResult


def rank(features: Tensor) -> float:
    """Of a matrix of images x features."""
    values = torch.linalg.svdvals(features.double())
    shares = values / values.sum()
    return float(torch.special.entr(shares).sum().exp())


def effective_rank(subject: Subject, earlier: ProbeResult) -> ProbeResult:
    """Effective rank of what reaches the classifier, at the end. Costs 1 pass an image."""
    inputs, _ = subject.batch(affordable_images(subject.budget, 1))
    network, seen = subject.network.eval(), list[Tensor]()
    classifier = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    classifier.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].cpu()))
    with torch.no_grad():
        subject.forward(inputs)
    return {"images": len(inputs), "rank": rounded(rank(seen[-1]))}


ABOUT = "e to the entropy of the shares of the singular values of what reaches the classifier."
RANK = Metric("rank", "effective rank of the last features", better="higher", about=ABOUT)
PROBES = {"effective_rank": Probe(effective_rank, "ended", share=0.002, metrics=(RANK,))}
