"""A made dataset for first steps with colour: shapes on a ground, drawn by a formula in whole numbers.

Six shapes of random colours, sizes and places on a noisy ground of another colour. Nothing was photographed: results on it
say whether a program works, not how a network does on pictures. Every machine makes the same bits.
"""

from __future__ import annotations

import functools
import hashlib

import numpy as np
import numpy.typing as npt

from resbench.data.embedded import Labels, PixelArray

SIDE, TRAIN, TEST = 32, 2400, 600
SHAPES = ("disc", "square", "triangle", "cross", "ring", "diamond")
_NOISE = 64  # greys between the darkest and the lightest noise
_LEAST = 96  # greys by which the colours of shape and ground differ in some channel
Numbers = npt.NDArray[np.int16]


@functools.cache
def shapes(train: bool) -> tuple[PixelArray, Labels]:
    """Images `(n, 3, 32, 32)` and labels `(n,)` of a part, each shape equally often."""
    count = TRAIN if train else TEST
    labels = np.arange(count) % len(SHAPES)
    draws = _bytes(f"resbench shapes {'train' if train else 'test'}", (count, 10))
    radius = 6 + draws[:, 0] % 6
    room = SIDE - 2 * radius
    x, y = (radius + draws[:, place] % room for place in (1, 2))
    across = np.arange(SIDE, dtype=np.int16)[None, None, :] - x[:, None, None]
    down = np.arange(SIDE, dtype=np.int16)[None, :, None] - y[:, None, None]
    inside = _inside(labels[:, None, None], across, down, radius[:, None, None])
    shape, ground = draws[:, 3:6], draws[:, 6:9]
    near = np.abs(shape - ground).max(1) < _LEAST
    shape[near, 0] = (ground[near, 0] + 128) % 256
    colours = np.where(inside[:, None], shape[:, :, None, None], ground[:, :, None, None])
    noise = _bytes(f"resbench noise {'train' if train else 'test'}", (count, 3, SIDE, SIDE)) % _NOISE - _NOISE // 2
    return (colours + noise).clip(0, 255).astype(np.uint8), labels.astype(np.int64)


def _inside(labels: npt.NDArray[np.int64], across: Numbers, down: Numbers, radius: Numbers) -> npt.NDArray[np.bool_]:
    """Which pixels are of the shape, `(n, side, side)`."""
    far, wide, high = across**2 + down**2, np.abs(across), np.abs(down)
    round_, box = far <= radius**2, (wide <= radius) & (high <= radius)
    return np.select(
        [labels == place for place in range(len(SHAPES))],
        [
            round_,
            5 * np.maximum(wide, high) <= 4 * radius,
            box & (2 * wide <= down + radius),
            box & ((3 * wide <= radius) | (3 * high <= radius)),
            round_ & (4 * far >= radius**2),
            wide + high <= radius,
        ],
    )


def _bytes(name: str, shape: tuple[int, ...]) -> Numbers:
    """Numbers from 0 to 255 that follow from the name alone."""
    drawn = hashlib.shake_128(name.encode()).digest(int(np.prod(shape)))
    return np.frombuffer(drawn, dtype=np.uint8).astype(np.int16).reshape(shape)
