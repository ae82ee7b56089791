"""The script that one would write without resbench, honestly and well, but plainly: what resbench is compared with.

torchvision MNIST with ToTensor and Normalize in a DataLoader (2 workers), the network in fp32 and the default memory
format, eager, SGD with momentum, one run after the other, torch's default threads. The network and the numbers of the
recipe are those of a resbench run, so that both train the same cell.

    python -m resbench.benchmark.plain_loop --data-dir data '{"model": {"depth": 34}, "recipe": {"epochs": 1}}' ...

Prints one line of JSON for each run. `--steps N` stops each epoch after N steps and `--no-test` leaves out the test.

`--device cuda` sends network and batches there, from pinned memory without waiting. All switches of torch stay as torch
sets them, as a plain script leaves them: on CUDA convolutions in fp32 may round to TF32, and cuDNN need not be
deterministic. Steps are timed by events of the device there, as ours are, so that the host is never made to wait.
`--precision bf16` and `--compile` make it the fast script that one would write: autocast and torch.compile.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, random_split
from torchvision import datasets, transforms

from resbench.core.own_code import at_home
from resbench.core.places import Home
from resbench.data.embedded import mnist_5k
from resbench.model import build
from resbench.training.device import synchronise
from resbench.training.run import RunConfig


class Embedded(datasets.MNIST):  # type: ignore[misc]
    """The 5,000 digits that need no files, behind torchvision's own MNIST."""

    def __init__(self, train: bool, transform: transforms.Compose) -> None:
        self.transform, self.target_transform = transform, None
        images, labels = map(torch.from_numpy, mnist_5k(train))
        self.data, self.targets = images[:, 0], labels


def dataset(name: str, folder: Path, train: bool) -> datasets.MNIST:
    """One part of MNIST, as torchvision has it."""
    prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    if name == "mnist-5k":
        return Embedded(train, prepare)
    return datasets.MNIST(folder, train, prepare)


@dataclass(frozen=True)
class Computing:
    """Where and how the loop computes.

    Attributes:
        device: of network and batches.
        bf16: autocast to bfloat16.
        compiled: by torch.compile.
    """

    device: torch.device
    bf16: bool = False
    compiled: bool = False

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def loader(self, images: Dataset[tuple[Tensor, int]], batch_size: int, shuffle: bool) -> DataLoader[Any]:
        pinned = self.device.type == "cuda"
        return DataLoader(images, batch_size, shuffle=shuffle, num_workers=2, pin_memory=pinned)


class Clock:
    """Seconds between marks: events of the device on CUDA, elsewhere times at which it has done what it was given."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[Any] = []
        self._seconds: list[float] = []

    def mark(self) -> None:
        if self._device.type == "cuda":
            self._marks.append(torch.cuda.Event(enable_timing=True))  # type: ignore[no-untyped-call]
            self._marks[-1].record()
        else:
            synchronise(self._device)
            self._marks.append(time.perf_counter())

    def pause(self) -> None:
        """What comes until the next mark is not counted."""
        synchronise(self._device)
        pairs = itertools.pairwise(self._marks)
        if self._device.type == "cuda":
            self._seconds += [1e-3 * left.elapsed_time(right) for left, right in pairs]
        else:
            self._seconds += [right - left for left, right in pairs]
        self._marks.clear()

    @property
    def seconds(self) -> list[float]:
        return self._seconds


def train(run: RunConfig, folder: Path, max_steps: int | None, tested: bool, how: Computing) -> dict[str, object]:
    """Train one run, and say how long it took and, if `tested`, how well it does.

    Args:
        max_steps: of each epoch; all of them by default.
    """
    began = time.perf_counter()
    torch.manual_seed(run.seed)
    recipe = run.recipe
    images = dataset(run.data.name, folder, train=True)
    size = run.data.sizes[0]  # the rest validates, as in resbench; the files may be sorted by class
    chosen, _ = random_split(images, [size, len(images) - size], torch.Generator().manual_seed(0))
    loader = how.loader(chosen, recipe.batch_size, shuffle=True)
    network = build(run.model).to(how.device)
    nesterov = recipe.optimizer == "nesterov"
    optimizer = torch.optim.SGD(
        network.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=nesterov
    )
    steps = len(loader)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: recipe.lr_at(step, steps) / recipe.lr)
    criterion = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    network.train()
    compute = torch.compile(network) if how.compiled else network
    clock = Clock(how.device)  # of each step, waiting for its data included
    for _ in range(recipe.epochs):
        clock.mark()
        for number, (inputs, labels) in enumerate(loader, 1):
            inputs, labels = (tensor.to(how.device, non_blocking=True) for tensor in (inputs, labels))
            optimizer.zero_grad()
            with how.autocast():
                loss = criterion(compute(inputs), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
            clock.mark()
            if number == max_steps:
                break
        clock.pause()
    out: dict[str, object] = {"step_seconds": clock.seconds, "batch_size": recipe.batch_size, "loss": loss.item()}
    out["device"] = how.device.type
    if tested:
        out["test_accuracy"] = test(network, dataset(run.data.name, folder, train=False), how)
    synchronise(how.device)
    return out | {"seconds": time.perf_counter() - began}


def test(network: nn.Module, images: datasets.MNIST, how: Computing) -> float:
    """Accuracy."""
    network.eval()
    right = torch.zeros((), dtype=torch.int64, device=how.device)
    with torch.no_grad(), how.autocast():
        for inputs, labels in how.loader(images, 500, shuffle=False):
            inputs, labels = (tensor.to(how.device, non_blocking=True) for tensor in (inputs, labels))
            right += (network(inputs).argmax(1) == labels).sum()
    return int(right) / len(images)


def main() -> None:
    """Train the runs of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", help="run configurations as JSON")
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--steps", type=int)
    parser.add_argument("--no-test", action="store_true")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--home", help="where the files are that a grid names, as JSON")
    options = parser.parse_args()
    how = Computing(options.device, options.precision == "bf16", options.compile)
    with at_home(Home.from_json(json.loads(options.home)) if options.home else None):
        runs = [RunConfig.model_validate(json.loads(text)) for text in options.runs]
    for run in runs:
        print(json.dumps(train(run, options.data_dir, options.steps, not options.no_test, how)), flush=True)


if __name__ == "__main__":
    main()
