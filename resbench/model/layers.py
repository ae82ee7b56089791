"""The layers that networks of the built-in families have besides those of torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Unit(nn.Module):
    """y = after(join(x, branch(x))), x shrunk by `before` where the stage changes.

    Args:
        before: pooling in front of branch and shortcut, or identity.
        branch: F.
        join: (x, F(x)) -> sum; see `shortcut.py`.
        after: what follows the addition.
    """

    def __init__(self, before: nn.Module, branch: nn.Module, join: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.before, self.branch, self.join, self.after = before, branch, join, after

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        y: Tensor = self.after(self.join(x, self.branch(x)))
        return y


class NoShortcut(nn.Module):
    """y = F(x): the plain network."""

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        return branch


class Sum(nn.Module):
    """y = a h(x) + b F(x) with a map h and constants a, b."""

    def __init__(self, map_: nn.Module, scale: float = 1.0, branch_scale: float = 1.0) -> None:
        super().__init__()
        self.map, self.scale, self.branch_scale = map_, scale, branch_scale

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        carried = self.map(x)
        if self.scale != 1.0:
            carried = self.scale * carried
        if self.branch_scale != 1.0:
            branch = self.branch_scale * branch
        y: Tensor = carried + branch
        return y


class ZeroPad(nn.Module):
    """Option A: subsampled x, new channels filled with zeros; no parameters."""

    def __init__(self, extra: int, stride: int) -> None:
        super().__init__()
        self.extra, self.stride = extra, stride

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))


class Gate(nn.Module):
    """y = (1 - g) h(x) + g F(x), or + F(x) if only the shortcut is gated; g = sigmoid(W_g x + b_g), 1x1, per element."""

    def __init__(self, map_: nn.Module, gate: nn.Conv2d, gates_branch: bool, initial_bias: float) -> None:
        super().__init__()
        self.map, self.gate = map_, gate
        self.gates_branch = gates_branch
        self.initial_bias = initial_bias

    def reset_gate(self) -> None:
        """Set b_g; called after `model.init`, which knows nothing of gates."""
        nn.init.constant_(self.gate.bias, self.initial_bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(x))
        y: Tensor = (1 - gate) * self.map(x) + (gate * branch if self.gates_branch else branch)
        return y


class LearnedScale(nn.Module):
    """x * a with a learned a: one number, or one per channel (shape `(channels, 1, 1)`)."""

    def __init__(self, initial: float, channels: int | None = None) -> None:
        super().__init__()
        self.initial = initial
        self.factor = nn.Parameter(torch.full((channels, 1, 1) if channels else (), initial))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Bias(nn.Module):
    """x + b with one learned number b, 0 at the start (Fixup, section 3.2)."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


class DropPath(nn.Module):
    """Stochastic depth (Huang et al. 2016, 1603.09382): the branch of an image is kept with probability p.

    Kept branches are divided by p in training, so that evaluation needs no factor.
    """

    def __init__(self, survival: float) -> None:
        super().__init__()
        self.survival = survival

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        mask = torch.empty(x.shape[0], 1, 1, 1, dtype=x.dtype, device=x.device).bernoulli_(self.survival)
        return x * (mask / self.survival)
