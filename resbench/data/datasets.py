"""The datasets by name, and the formats of files in which a grid names its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from resbench.core.lazy import lazy
from resbench.core.tables import Table
from resbench.data.dataset import Dataset, Format, Load
from resbench.data.directory import current_directory
from resbench.data.embedded import Labels, PixelArray, mnist_5k
from resbench.data.huggingface import open_huggingface
from resbench.data.idx import IdxFiles
from resbench.data.image_folder import open_folder
from resbench.data.npz import open_npz
from resbench.data.shapes import SHAPES, shapes
from resbench.data.torchvision_sets import cifar10, cifar10_pieces, fetch_cifar10, fetch_torchvision, open_torchvision

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = lazy("torch")


def _embedded(read: Callable[[bool], tuple[PixelArray, Labels]]) -> Load:
    """Images that need no files, as tensors."""

    def load(directory: Path, train: bool) -> tuple[Tensor, Tensor]:
        images, labels = read(train)
        return torch.from_numpy(images), torch.from_numpy(labels)

    return load


def _in_idx_files(files: IdxFiles, classes: int, train: int, test: int, about: str) -> Dataset:
    return Dataset(files.load, 1, 28, classes, train, test, about, pieces=files.pieces, fetch=files.fetch)


_QMNIST = IdxFiles(
    "QMNIST",
    ("qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int"),
    ("qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"),
)
_EMNIST = IdxFiles(
    "EMNIST",
    ("emnist-balanced-train-images-idx3-ubyte", "emnist-balanced-train-labels-idx1-ubyte"),
    ("emnist-balanced-test-images-idx3-ubyte", "emnist-balanced-test-labels-idx1-ubyte"),
    split="balanced",
    turned=True,
)
DATASETS: Table[Dataset | Format] = Table("DATASETS", {
    "mnist-5k": Dataset(
        _embedded(mnist_5k), 1, 28, 10, 4000, 1000, "5,000 MNIST digits, embedded: 4,000/1,000", remote=False
    ),
    "shapes": Dataset(
        _embedded(shapes), 3, 32, len(SHAPES), 2400, 600,
        "coloured shapes, made by a formula: 2,400/600", remote=False, labels=SHAPES,
    ),
    "mnist": _in_idx_files(IdxFiles("MNIST"), 10, 60_000, 10_000, "handwritten digits: 60,000/10,000"),
    "fashion-mnist": _in_idx_files(IdxFiles("FashionMNIST"), 10, 60_000, 10_000, "clothes: 60,000/10,000"),
    "kmnist": _in_idx_files(IdxFiles("KMNIST"), 10, 60_000, 10_000, "cursive Japanese: 60,000/10,000"),
    "qmnist": _in_idx_files(_QMNIST, 10, 60_000, 60_000, "MNIST with all its test digits: 60,000/60,000"),
    "emnist": _in_idx_files(_EMNIST, 47, 112_800, 18_800, "letters and digits, balanced: 112,800/18,800"),
    "cifar10": Dataset(
        cifar10, 3, 32, 10, 50_000, 10_000,
        "small colour photographs: 50,000/10,000", pieces=cifar10_pieces, fetch=fetch_cifar10,
    ),
    "folder": Format(open_folder, "your images by class in subfolders", "a folder, such as ../photos"),
    "npz": Format(open_npz, "your images and labels as arrays of NumPy", "a file, such as ../images.npz"),
    "torchvision": Format(
        open_torchvision, "any other set of torchvision, from --data-dir", "its name there, such as SVHN",
        current_directory, fetch_torchvision,
    ),
    "huggingface": Format(
        open_huggingface, "a dataset of Hugging Face on the disk", "the folder that save_to_disk wrote, such as ../saved"
    ),
})  # fmt: skip
