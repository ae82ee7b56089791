"""A shortcut y = a x + F(x) whose scale `a` is learned, one number for each unit, from 1 on.

He et al. 2016 (arXiv 1603.05027, section 3.1) show that a constant a other than 1 hurts deep networks. Left free, does
training keep it near 1?

A grid file uses it with `plugins: [plugins/learned_scale.py]` and `model.shortcut: [identity, learned_scale]`.
"""

import torch
from torch import Tensor, nn

from resbench.model.shortcut import Joint


class LearnedScale(nn.Module):
    """y = a h(x) + F(x); h is the identity where shapes agree, else the projection."""

    def __init__(self, joint: Joint) -> None:
        super().__init__()
        self.map = joint.match()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        return self.scale * self.map(x) + branch


SHORTCUTS = {"learned_scale": LearnedScale}
