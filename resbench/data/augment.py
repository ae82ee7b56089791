"""`data.augment`: random changes of whole training batches.

Each value is a function (images, generator) -> images: uint8 `(n, channels, side, side)` in, uint8 or float 0..255 of
the same shape out, with its random numbers from the generator, which lives on the device of the images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from resbench.core.lazy import lazy
from resbench.core.tables import Table

if TYPE_CHECKING:
    import torch
    from torch import Generator, Tensor
    from torch.nn import functional
else:
    torch, functional = lazy("torch"), lazy("torch.nn.functional")


def _uniform(n: int, low: float, high: float, images: Tensor, generator: Generator) -> Tensor:
    return torch.rand(n, device=images.device, generator=generator) * (high - low) + low


def none(images: Tensor, generator: Generator) -> Tensor:
    """The images as they are."""
    return images


def _moved(images: Tensor, reach: int, generator: Generator) -> Tensor:
    n, channels, height, width = images.shape
    padded = functional.pad(images, (reach, reach, reach, reach))
    offsets = torch.randint(0, 2 * reach + 1, (2, n), device=images.device, generator=generator)
    rows = offsets[0][:, None] + torch.arange(height, device=images.device)
    columns = offsets[1][:, None] + torch.arange(width, device=images.device)
    batch = torch.arange(n, device=images.device)[:, None, None, None]
    channel = torch.arange(channels, device=images.device)[None, :, None, None]
    # indexing all four dimensions keeps the default memory format, which convolutions take their own from
    return padded[batch, channel, rows[:, None, :, None], columns[:, None, None, :]]


def shift(images: Tensor, generator: Generator) -> Tensor:
    """Shift by up to 2 whole pixels in each direction, black behind."""
    return _moved(images, 2, generator)


def crop_flip(images: Tensor, generator: Generator) -> Tensor:
    """Shift by up to 4 pixels and mirror half of the images (He et al. 2015, section 4.2); not for digits."""
    moved = _moved(images, 4, generator)
    flip = torch.rand(len(images), device=images.device, generator=generator) < 0.5
    return torch.where(flip[:, None, None, None], moved.flip(3), moved)


def affine(images: Tensor, generator: Generator) -> Tensor:
    """Rotation within 10 degrees, scale 0.9 to 1.1, shear within 0.1, shift within 2 pixels; bilinear, black behind."""
    n, size = len(images), images.shape[-1]
    angle = _uniform(n, -math.pi / 18, math.pi / 18, images, generator)
    scale = _uniform(n, 0.9, 1.1, images, generator)
    shear = _uniform(n, -0.1, 0.1, images, generator)
    move = torch.stack([_uniform(n, -4 / size, 4 / size, images, generator) for _ in range(2)], 1)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    matrix = torch.stack([torch.stack([cos, shear * cos - sin], 1), torch.stack([sin, shear * sin + cos], 1)], 1)
    theta = torch.cat([matrix, move[:, :, None]], 2)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images.float(), grid, align_corners=False)


def elastic(images: Tensor, generator: Generator) -> Tensor:
    """Simard et al. 2003: a random displacement field, smoothed (sigma 4 pixels), about 1 pixel strong."""
    n, size = len(images), images.shape[-1]
    noise = torch.rand(n, 2, size, size, device=images.device, generator=generator) * 2 - 1
    taps = torch.arange(-8, 9, device=images.device, dtype=torch.float32)
    kernel = torch.exp(-(taps**2) / (2 * 4.0**2))
    kernel = (kernel / kernel.sum()).expand(2, 1, 1, -1)
    field = functional.conv2d(noise, kernel, padding=(0, 8), groups=2)
    field = functional.conv2d(field, kernel.transpose(2, 3), padding=(8, 0), groups=2)
    field = field / field.std((1, 2, 3), keepdim=True) * 2 / size
    plain = torch.eye(2, 3, device=images.device).expand(n, 2, 3)
    grid = functional.affine_grid(plain, list(images.shape), align_corners=False) + field.permute(0, 2, 3, 1)
    return functional.grid_sample(images.float(), grid, align_corners=False)


def cutout(images: Tensor, generator: Generator) -> Tensor:
    """DeVries and Taylor 2017 (1708.04552): a black square of a quarter of the side at a random place."""
    n, size = len(images), images.shape[-1]
    side = size // 4
    centre = torch.randint(0, size, (2, n), device=images.device, generator=generator)
    place = torch.arange(size, device=images.device)
    rows, columns = (
        (place[None, :] >= at[:, None] - side // 2) & (place[None, :] < at[:, None] - side // 2 + side) for at in centre
    )
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0)


AUGMENTS: Table[Callable[[Tensor, Generator], Tensor]] = Table(
    "AUGMENTS",
    {
        "none": none,
        "shift": shift,
        "affine": affine,
        "elastic": elastic,
        "cutout": cutout,
        "crop_flip": crop_flip,
    },
)
