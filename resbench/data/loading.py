"""Images as tensors on the training device: fixed splits, and the scale on which the network sees them.

`load_train` never opens a test file; `load_test` is called once, after the last epoch. Images stay uint8 `(n, channels,
side, side)` and become normalised floats batch by batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from resbench.core.config import OnlyIfSet, SparseConfig, one_of, refuse
from resbench.core.errors import UserError
from resbench.core.lazy import lazy
from resbench.core.tables import Table
from resbench.data.augment import AUGMENTS
from resbench.data.dataset import Dataset, Format, read_dataset, sha256_of
from resbench.data.datasets import DATASETS
from resbench.data.known_sets import DATASET_FACTS, KNOWN_SETS
from resbench.data.opened import dataset_of, folder_of, stamp, start_from

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = lazy("torch")


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


class DataConfig(SparseConfig):
    """The images. `val_size: auto` is a tenth of the images that are used; `train_size` is taken from what remains.

    `path` names the files of a dataset of your own, and carries a stamp of their content once it is checked.
    """

    name: Annotated[str, one_of(DATASETS), Field(description="The data set.")] = "mnist-5k"
    path: Annotated[
        str,
        OnlyIfSet(),
        Field(
            description="Files of your own, from the folder of the grid file: the folder or file that a data.name such as "
            "folder or npz reads, or the name of a set of torchvision. What is in them is part of the identity of a run."
        ),
    ] = "none"
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
    def _find_files(cls, values: Any) -> Any:
        """Open the files of `path`, and resolve `val_size`, which depends on how many images they have.

        A tenth of a given `train_size` is written as a number: earlier versions took `auto` for a tenth of all images.
        """
        if not isinstance(values, dict):
            return values
        name, path = values.get("name", "mnist-5k"), values.get("path", "none")
        if not isinstance(name, str) or name not in DATASETS or not isinstance(path, str):
            return values
        if stamped := _stamped(name, path):
            path, values = stamped, {**values, "path": stamped}
        train = values.get("train_size")
        if values.get("val_size", "auto") != "auto" or type(train) is not int:
            return values
        total = dataset_of(name, path).train
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
        return dataset_of(self.name, self.path)

    @property
    def files(self) -> tuple[str, str]:
        """What decides from which files the images come."""
        return self.name, self.path

    @property
    def sizes(self) -> tuple[int, int]:
        """(training, validation) images; the first is not positive, or too large, if the config asks for too many."""
        total = self.dataset.train
        val = total // 10 if self.val_size == "auto" else int(self.val_size)
        return (total - val if self.train_size == "all" else int(self.train_size)), val

    def __getstate__(self) -> dict[Any, Any]:
        """With the folder where `path` starts: another process may have another one."""
        return super().__getstate__() | {"folder": folder_of(self.name, self.path)}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        folder = state.pop("folder", None)
        super().__setstate__(state)
        if folder is not None:
            start_from(self.name, self.path, folder)


def _stamped(name: str, path: str) -> str:
    """The path with the stamp of its files; empty where the dataset needs none."""
    entry = DATASETS[name]
    if not isinstance(entry, Format):
        if path != "none":
            formats = ", ".join(each for each, one in DATASETS.items() if isinstance(one, Format))
            raise refuse(
                ["data.path", "data.name"], f"{path} is not used: data.name {name} needs no path, as {formats} do"
            )
        return ""
    if path == "none":
        raise refuse(["data.name", "data.path"], f"{name} needs data.path: {entry.path}")
    try:
        return stamp(name, path)
    except UserError as error:
        raise refuse(["data.path", "data.name"], error.lines[0]) from None


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


def dataset_facts(config: DataConfig) -> dict[str, Any]:
    """What a record has to say of a dataset that is none of ours; empty for one of ours."""
    if config.name in KNOWN_SETS:
        return {}
    dataset = config.dataset
    values = (dataset.classes, dataset.train, dataset.most_frequent or 1 / dataset.classes)
    return {"dataset": dict(zip(DATASET_FACTS, values, strict=True))}


def load_train(config: DataConfig, directory: Path, device: torch.device) -> tuple[Images, Images, Normalizer]:
    """Training and validation images (stratified, the same for every seed), and the normalizer of the former.

    Raises:
        UserError: files missing, damaged, or of an unexpected size.
    """
    images, labels = read_dataset(config.dataset, config.name, directory, train=True)
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
    return _on(device, *read_dataset(config.dataset, config.name, directory, train=False))


def prepare(config: DataConfig, directory: Path) -> None:
    """Fail early, or download, before any run starts; loads the training images only.

    Raises:
        UserError: as `load_train`.
    """
    read_dataset(config.dataset, config.name, directory, train=True)


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
