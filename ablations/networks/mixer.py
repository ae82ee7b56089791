"""MLP-Mixer (Tolstikhin et al. 2021, arXiv 2105.01601): layers that mix the patches of an image alternate with layers that mix
the channels of each patch.
"""

from torch import Tensor, nn


class Mixing(nn.Module):
    """x + F(x), F a norm and two layers along the last dimension, or along the one before it. Maps `(n, patches, width)` to itself."""

    def __init__(self, width: int, size: int, hidden: int, patches: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.layers = nn.Sequential(nn.Linear(size, hidden), nn.GELU(), nn.Linear(hidden, size))
        self.patches = patches

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        branch: Tensor = self.layers(y.mT).mT if self.patches else self.layers(y)
        return x + branch


class Mixer(nn.Module):
    """Images `(n, channels, size, size)` -> logits `(n, classes)`. Probes look at its `units`."""

    def __init__(self, channels: int, size: int, classes: int, patch: int, width: int, depth: int, mixed: bool) -> None:
        super().__init__()
        patches = (size // patch) ** 2
        self.stem = nn.Conv2d(channels, width, patch, patch)
        units: list[nn.Module] = []
        for _ in range(depth):
            units += [Mixing(width, patches, 2 * width, patches=True)] if mixed else []
            units += [Mixing(width, width, 2 * width, patches=False)]
        self.units = nn.Sequential(*units)
        self.norm = nn.LayerNorm(width)
        self.classify = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.units(self.stem(x).flatten(2).mT)
        logits: Tensor = self.classify(self.norm(x).mean(1))
        return logits


def make(
    channels: int, size: int, classes: int, patch: int = 4, width: int = 32, depth: int = 2, mixed: bool = True
) -> nn.Module:
    """A mixer of `depth` pairs of layers; without `mixed` the patches meet in the mean before the classifier alone."""
    if size % patch:
        raise ValueError(f"patches of {patch} pixels do not fill images of {size}")
    return Mixer(channels, size, classes, patch, width, depth, mixed)
