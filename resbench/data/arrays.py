"""Arrays of images and labels, as programs save them, in the form that networks are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from resbench.core.lazy import lazy

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = lazy("torch")


Array = npt.NDArray[Any]


def image_shape(shape: Sequence[int], dtype: np.dtype[Any]) -> tuple[int, int]:
    """(channels, side) of an array of images `(n, side, side)`, `(n, side, side, channels)` or `(n, channels, side, side)`.

    Raises:
        ValueError: it is none, and why.
    """
    if dtype.kind not in "uib":
        raise ValueError(f"has {dtype} values: save whole numbers from 0 to 255, as uint8")
    sizes = tuple(shape)
    channels, side = 0, sizes[-1] if sizes else 0
    if len(sizes) == 3:
        channels, square = 1, sizes[1] == sizes[2]
    elif len(sizes) == 4 and sizes[3] in (1, 3):
        channels, side, square = sizes[3], sizes[2], sizes[1] == sizes[2]
    elif len(sizes) == 4 and sizes[1] in (1, 3):
        channels, square = sizes[1], sizes[2] == sizes[3]
    if not channels or not square or not side:
        raise ValueError(f"has the shape {sizes}: use (n, side, side), with 1 or 3 channels last or second")
    return channels, side


def image_tensor(array: Array) -> Tensor:
    """Such an array as uint8 `(n, channels, side, side)`.

    Raises:
        ValueError: it is none, and why.
    """
    channels, side = image_shape(array.shape, array.dtype)
    if array.dtype.kind == "b":
        array = array.astype(np.uint8) * 255
    elif array.dtype != np.uint8:
        if array.size and (array.min() < 0 or array.max() > 255):
            raise ValueError(f"has values from {array.min()} to {array.max()}: save them from 0 to 255, as uint8")
        array = array.astype(np.uint8)
    if array.ndim == 4 and array.shape[3] == channels and array.shape[1] == side:
        array = array.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(array).reshape(len(array), channels, side, side))


def label_array(array: Array) -> Array:
    """Labels `(n,)` of an array `(n,)` or `(n, 1)`.

    Raises:
        ValueError: it is none, and why.
    """
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "uibUS":
        raise ValueError(f"has the shape {array.shape} of {array.dtype}: use one whole number or name for each image")
    return array


def label_tensor(labels: Array, classes: Sequence[Any]) -> Tensor:
    """Labels as places in the sorted list of classes, int64.

    Raises:
        ValueError: one of them is not among the classes.
    """
    known = np.asarray(classes)
    places = np.searchsorted(known, labels).clip(max=len(known) - 1)
    if len(labels) and (wrong := labels[known[places] != labels]).size:
        raise ValueError(f"has the label {wrong[0]}, which no training image has")
    return torch.from_numpy(places.astype(np.int64))
