"""The script that one would write without resbench, honestly and well, but plainly: what resbench is compared with.

torchvision MNIST with ToTensor and Normalize in a DataLoader (2 workers), the network in fp32 and the default memory
format, eager, SGD with momentum, one run after the other, torch's default threads. The network and the numbers of the
recipe are those of a resbench run, so that both train the same cell.

    python -m resbench.benchmark.plain_loop --data-dir data '{"model": {"depth": 34}, "recipe": {"epochs": 1}}' ...

Prints one line of JSON for each run. `--steps N` stops each epoch after N steps and `--no-test` leaves out the test.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, random_split
from torchvision import datasets, transforms

from resbench.data.datasets import DATASETS
from resbench.model import build
from resbench.training.run import RunConfig


class Embedded(datasets.MNIST):  # type: ignore[misc]
    """The 5,000 digits that need no files, behind torchvision's own MNIST."""

    def __init__(self, train: bool, transform: transforms.Compose) -> None:
        self.transform, self.target_transform = transform, None
        images, labels = DATASETS["mnist-5k"].load(Path(), train)
        self.data, self.targets = images[:, 0], labels


def dataset(name: str, folder: Path, train: bool) -> datasets.MNIST:
    """One part of MNIST, as torchvision has it."""
    prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    if name == "mnist-5k":
        return Embedded(train, prepare)
    return datasets.MNIST(folder, train, prepare)


def train(run: RunConfig, folder: Path, max_steps: int | None, tested: bool) -> dict[str, object]:
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
    loader = DataLoader(chosen, recipe.batch_size, shuffle=True, num_workers=2)
    network = build(run.model)
    nesterov = recipe.optimizer == "nesterov"
    optimizer = torch.optim.SGD(
        network.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=nesterov
    )
    steps = len(loader)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: recipe.lr_at(step, steps) / recipe.lr)
    criterion = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    network.train()
    seconds = []  # of each step, waiting for its data included
    for _ in range(recipe.epochs):
        last = time.perf_counter()
        for number, (inputs, labels) in enumerate(loader, 1):
            optimizer.zero_grad()
            loss = criterion(network(inputs), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
            seconds.append(time.perf_counter() - last)
            last = time.perf_counter()
            if number == max_steps:
                break
    out: dict[str, object] = {"step_seconds": seconds, "batch_size": recipe.batch_size, "loss": loss.item()}
    if tested:
        out["test_accuracy"] = test(network, dataset(run.data.name, folder, train=False))
    return out | {"seconds": time.perf_counter() - began}


def test(network: nn.Module, images: datasets.MNIST) -> float:
    """Accuracy."""
    network.eval()
    right = 0
    with torch.no_grad():
        for inputs, labels in DataLoader(images, 500, num_workers=2):
            right += int((network(inputs).argmax(1) == labels).sum())
    return right / len(images)


def main() -> None:
    """Train the runs of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", help="run configurations as JSON")
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--steps", type=int)
    parser.add_argument("--no-test", action="store_true")
    options = parser.parse_args()
    for text in options.runs:
        run = RunConfig.model_validate(json.loads(text))
        print(json.dumps(train(run, options.data_dir, options.steps, not options.no_test)), flush=True)


if __name__ == "__main__":
    main()
