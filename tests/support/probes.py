"""What probes would leave in records, made up: gradients that vanish without shortcuts, lesions that hurt there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resbench.core.config import nest
from resbench.records.record import Record
from support.studies import Cell

EPOCHS = (0, 1, 2, 4, 6)
_LOSS = {"identity": 0.01, "projection": 0.02, "none": 0.09}  # decades of gradient a layer, towards the input


def found(cell: Cell, seed: int) -> dict[str, Any]:
    """Every probe of a run that ended; of one that grows, units that come later have no gradients before."""
    depth, shortcut = cell.get("model.depth", 34), str(cell.get("model.shortcut", "identity"))
    draw = np.random.default_rng([seed, depth, len(shortcut)])
    units = (depth - 2) // 2
    layers = ["stem.0", *(f"units.{unit}.branch.{conv}" for unit in range(units) for conv in (0, 3))]
    plain = shortcut == "none"
    gradients = {"images": 64, "layers": layers, "epochs": list(EPOCHS), "relative": _relative(layers, cell, draw)}
    first = units if cell.get("recipe.grow", "none") == "none" else units // 2  # of the network that is initialised
    gradients["correlation"] = [_digits(v) for v in np.exp(-np.arange(first, 0, -1) * (0.08 if plain else 0.01))]
    deviation = [1.0, *np.exp(draw.normal(-0.5 if plain else -1.5, 0.15, len(layers) - 1))]
    responses = {"images": 128, "layers": layers, "deviation": [_digits(value) for value in deviation]}
    curvature = {"images": 32, "estimates": [1.0, 2.0, 2.5]}
    return {"gradients": gradients, "responses": responses, "curvature": curvature} | {
        "lesions": _lesions(units, plain, draw)
    }


def diverged(cell: Cell, seed: int) -> dict[str, Any]:
    """A run that diverged in its second epoch: only gradients, and of the first two moments."""
    gradients = dict(found(cell, seed)["gradients"])
    gradients |= {"epochs": gradients["epochs"][:2], "relative": gradients["relative"][:2]}
    return {"gradients": gradients, "responses": None, "curvature": None, "lesions": None}


def grown(results: Path, name: str, epochs: int = 6) -> None:
    """Put histories and the work of training into the records of a study with the axis `recipe.grow`."""
    for path in (results / name).glob("0*.json"):
        record = Record.from_json(path.read_text())
        depth, grow = record.settings.get("model.depth", 34), record.settings["recipe.grow"]
        shortcut, seed = record.settings.get("model.shortcut"), record.settings["seed"]
        record.config = nest(record.settings | {"recipe.epochs": epochs})
        stages = [depth] if grow == "none" else grow
        work = sum(stages[min(epoch * len(stages) // epochs, len(stages) - 1)] for epoch in range(epochs))
        record.metrics["training_flops"] = 1e10 * work
        better = 0.01 * seed + (0.05 if grow == "none" else 0.0)
        better += 0.1 if shortcut == "none" else 0.0
        record.history = [
            {"epoch": epoch, "lr": 0.1, "train_loss": 1 / epoch, "seconds": 1.0}
            | {"train_accuracy": 1 - 0.4 / epoch, "val_accuracy": 1 - (0.3 + better) / epoch}
            for epoch in range(1, epochs + 1)
        ]
        path.write_text(record.to_json())


def _relative(layers: Sequence[str], cell: Cell, draw: np.random.Generator) -> list[list[float | None]]:
    depth = np.arange(len(layers), 0, -1)  # layers between this one and the output
    out = []
    grow = cell.get("recipe.grow", "none")
    for number, _ in enumerate(EPOCHS):
        loss = _LOSS[str(cell.get("model.shortcut", "identity"))] / (1 + 0.3 * number)
        values = 10 ** (-1.0 - 0.2 * number - loss * depth + draw.normal(0, 0.05, len(layers)))
        row: list[float | None] = [_digits(value) for value in values]
        late = len(layers) // 2 if grow != "none" and number < 2 else len(layers)
        out.append([value if place < late else None for place, value in enumerate(row)])
    return out


def _lesions(units: int, plain: bool, draw: np.random.Generator) -> dict[str, Any]:
    intact = 0.01
    rise = draw.uniform(0.3, 0.8, units) if plain else np.abs(draw.normal(0.002, 0.003, units))
    removed: list[float | None] = [_digits(min(0.9, intact + value)) for value in rise]
    for unit in {units // 3, 2 * units // 3} if plain else ():
        removed[unit] = None  # its output has another shape, and nothing passes by it
    sizes = [2**power for power in range(1, 10) if 2**power < units]
    worst = 0.9 if plain else 0.6
    random: Mapping[str, list[float]] = {
        str(k): [_digits(worst * (1 - math.exp(-k / (1 if plain else 9))) + 0.01 * draw.random()) for _ in range(3)]
        for k in sizes
    }
    pairs = sorted(tuple(sorted(map(int, draw.choice(units, 2, replace=False)))) for _ in range(3))
    errors = [_digits(intact + (0.5 if plain else 0.004) * draw.random()) for _ in pairs]
    lesions = {"images": 200, "intact": intact, "removed": removed, "random": random}
    return lesions | {"swapped": [list(pair) for pair in pairs], "swapped_error": errors}


def _digits(value: float) -> float:
    return float(f"{value:.4g}")
