"""Images as tensors on the training device: fixed splits, and the scale on which the network sees them.

`load_train` never opens a test file; `load_test` is called once, after the last epoch. Images stay uint8 `(n, channels,
side, side)` and become normalised floats batch by batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from resbench.core.config import Config, one_of
from resbench.core.tables import Table
from resbench.data.augment import AUGMENTS
from resbench.data.datasets import DATASETS, Dataset, read_dataset, sha256_of

ORDERS = {"shuffle": "A new order each epoch.", "file": "As the file has them, never shuffled."}


@dataclass(frozen=True)
class Normalizer:
    """(x - shift) / scale: uint8 or float 0..255 -> what the network sees. Shapes broadcast over `(n, c, h, w)`."""

    shift: Tensor
    scale: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        return (images.to(torch.float32) - self.shift) / self.scale


def standard(images: Tensor) -> Normalizer:
    """Mean 0 and deviation 1 over the training images, per channel; exact sums, so the same on every machine."""
    channels = images.shape[1]
    values = torch.arange(256, dtype=torch.float64)
    shares = torch.stack([torch.bincount(images[:, c].flatten(), minlength=256) for c in range(channels)]).double()
    shares /= shares.sum(1, keepdim=True)
    mean = shares @ values
    deviation = (shares @ values**2 - mean**2).sqrt()
    return Normalizer(mean.reshape(1, channels, 1, 1), deviation.reshape(1, channels, 1, 1))


def unit(images: Tensor) -> Normalizer:
    """Divided by 255: 0 to 1."""
    return Normalizer(torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 255.0))


def raw(images: Tensor) -> Normalizer:
    """0 to 255, as in the program of 2016."""
    return Normalizer(torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1))


PIXELS: Table[Callable[[Tensor], Normalizer]] = Table("PIXELS", {"standard": standard, "unit": unit, "raw": raw})


class DataConfig(Config):
    """The images. `val_size: auto` is a tenth of the images that are used; `train_size` is taken from what remains."""

    name: Annotated[str, one_of(DATASETS), Field(description="The data set.")] = "mnist-5k"
    augment: Annotated[
        str, one_of(AUGMENTS), Field(description="Random changes of training images, new in each epoch.")
    ] = "none"
    train_size: Annotated[
        Annotated[int, Field(ge=10)] | Literal["all"],
        Field(description="Training images; the same for every seed, in the proportions of the classes."),
    ] = "all"
    val_size: Annotated[
        Annotated[int, Field(ge=0)] | Literal["auto"],
        Field(
            description="Validation images, taken from the training part; auto is a tenth of the images that are used. The "
            "test images are read once, after training."
        ),
    ] = "auto"
    order: Annotated[str, one_of(ORDERS), Field(description="Order of the training images.")] = "shuffle"
    pixels: Annotated[str, one_of(PIXELS), Field(description="Scale on which the network sees pixels.")] = "standard"

    @model_validator(mode="before")
    @classmethod
    def _resolve_auto(cls, values: Any) -> Any:
        """Write the tenth of a given `train_size` as a number: earlier versions took `auto` for a tenth of all images."""
        if not isinstance(values, dict) or values.get("val_size", "auto") != "auto":
            return values
        name, train = values.get("name", "mnist-5k"), values.get("train_size")
        if type(train) is not int or not isinstance(name, str) or name not in DATASETS:
            return values
        total = DATASETS[name].train
        whole = train == total - total // 10  # the same images as `all`
        return values if whole else {**values, "val_size": train // 10}

    def neutralised(self, neutral: Mapping[str, Any], prefix: str = "") -> Self:
        """The same with sizes at their neutral value where that gives the same images."""
        out = super().neutralised(neutral, prefix)
        for change in ({"train_size": "all"}, {"val_size": "auto"}):
            other = out.model_copy(update=change)
            # with a part of the images a record that says auto is one of an earlier version
            out = other if other.train_size == "all" and other.sizes == out.sizes else out
        return out

    @property
    def dataset(self) -> Dataset:
        """Where the images come from."""
        return DATASETS[self.name]

    @property
    def sizes(self) -> tuple[int, int]:
        """(training, validation) images; the first is not positive, or too large, if the config asks for too many."""
        total = self.dataset.train
        val = total // 10 if self.val_size == "auto" else int(self.val_size)
        return (total - val if self.train_size == "all" else int(self.train_size)), val


@dataclass(frozen=True)
class Images:
    """Images and labels on one device.

    Attributes:
        images: uint8 `(n, channels, side, side)`.
        labels: int64 `(n,)`.
    """

    images: Tensor
    labels: Tensor

    @cached_property
    def sha256(self) -> str:
        """Of the bytes of both; 50 ms for MNIST's training set, so it is computed when it is first read."""
        return sha256_of(self.images, self.labels)

    def __len__(self) -> int:
        return len(self.labels)


def load_train(config: DataConfig, directory: Path, device: torch.device) -> tuple[Images, Images, Normalizer]:
    """Training and validation images (stratified, the same for every seed), and the normalizer of the former.

    Raises:
        UserError: files missing, damaged, or of an unexpected size.
    """
    images, labels = read_dataset(config.name, directory, train=True)
    train_size, val_size = config.sizes
    order = _stratified(labels)
    val, train = order[:val_size].sort().values, order[val_size : val_size + train_size].sort().values
    normalizer = PIXELS[config.pixels](images[train])
    normalizer = Normalizer(normalizer.shift.to(device, torch.float32), normalizer.scale.to(device, torch.float32))
    return _on(device, images[train], labels[train]), _on(device, images[val], labels[val]), normalizer


def load_test(config: DataConfig, directory: Path, device: torch.device) -> Images:
    """The test images. Call it once, when training is over.

    Raises:
        UserError: as `load_train`.
    """
    return _on(device, *read_dataset(config.name, directory, train=False))


def prepare(config: DataConfig, directory: Path) -> None:
    """Fail early, or download, before any run starts; loads the training images only.

    Raises:
        UserError: as `load_train`.
    """
    read_dataset(config.name, directory, train=True)


def _on(device: torch.device, images: Tensor, labels: Tensor) -> Images:
    return Images(images.to(device), labels.to(device))


def _stratified(labels: Tensor) -> Tensor:
    """A fixed order in which every prefix holds the classes in nearly their shares (Python's own order, no torch RNG)."""
    values = labels.numpy()
    shuffled = np.random.default_rng(20160110).permutation(len(values))
    rank = np.empty(len(values), dtype=np.float64)
    for label in np.unique(values):
        members = shuffled[values[shuffled] == label]
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    return torch.from_numpy(np.lexsort((values, rank)))
