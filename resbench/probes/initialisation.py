"""Depth without training: what passes through each network of a grid at initialisation, before a night is spent on it.

One batch of made-up images, one forward and one backward pass in fp32 for each cell, in training mode. Signal propagation
as by Schoenholz et al. 2017 (arXiv 1611.01232) and Yang et al. 2019 (1902.08129), measured instead of computed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from resbench.core.files import replace
from resbench.execution.plan import label
from resbench.grid.grid import Planned
from resbench.probes.layers import ratio, relative_gradients, similarity, unit_inputs
from resbench.training.device import place, settle
from resbench.training.run import RunConfig
from resbench.training.step import forward, initial
from resbench.training.timing import made_batch

_IMAGES = 16  # about 1.5 GB of activations at a depth of 1,000 and a width of 16
_NUMBERS = ("activation_first", "activation_last", "similarity_first", "similarity_last", "gradient_ratio")


def measure(run: RunConfig, device: torch.device) -> dict[str, float | None]:
    """Forward and backward signal of one network at initialisation.

    Returns:
        `activation_*`: standard deviation over images, channels and positions of what leaves the first and the last
        unit. `similarity_*`: mean cosine of two images there. `gradient_ratio`: of the first to the last layer, each
        relative to its weights; above 1 gradients explode towards the input, below 1 they vanish.
    """
    placement = place(
        device, 1, "fp32", run.model.width
    )  # the same numbers on every machine, and no threads to wait for
    settle(placement)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        network = initial(run, placement).network.train()
        inputs, labels = made_batch(run, _IMAGES, placement)
        with unit_inputs(network) as seen:
            logits = forward(network, inputs, placement)
        found = relative_gradients(network, functional.cross_entropy(logits, labels))
    ends = {"first": seen[1], "last": seen[-1]}
    out: dict[str, float | None] = {
        f"activation_{end}": float(values.detach().cpu().double().std(correction=0)) for end, values in ends.items()
    }
    out |= {f"similarity_{end}": similarity(values) for end, values in ends.items()}
    return {name: (out | {"gradient_ratio": ratio(list(found.values()))})[name] for name in _NUMBERS}


def looks(planned: Iterable[Planned], device: torch.device) -> Iterator[dict[str, Any]]:
    """A row for each network: `cell` as text, its axes, and the numbers of `measure`.

    Left out are seeds beyond the first, and cells that differ from an earlier one in their recipe alone.
    """
    first: dict[str, Planned] = {}
    for one in planned:
        first.setdefault(one.of.model.model_dump_json() + one.of.data.model_dump_json(), one)
    for one in first.values():
        yield {"cell": label(one.cell) or "(one cell)", **one.cell, **measure(one.config, device)}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as aligned text."""
    wide = max(len("cell"), *(len(row["cell"]) for row in rows))
    lines = [f"{'cell':{wide}}  " + "  ".join(f"{name:>16}" for name in _NUMBERS)]
    for row in rows:
        told = ("-" if row[name] is None else f"{row[name]:.4g}" for name in _NUMBERS)
        lines.append(f"{row['cell']:{wide}}  " + "  ".join(f"{text:>16}" for text in told))
    return "\n".join(lines)


def save(rows: list[dict[str, Any]], path: Path) -> Path:
    """The rows as CSV, with a column for each axis and number."""
    text = io.StringIO()
    names = [name for name in rows[0] if name != "cell"]
    writer = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: f"{v:.5g}" if name in _NUMBERS and (v := row[name]) is not None else row[name] for name in names}
        for row in rows
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, text.getvalue().encode(), path.parent)
    return path
