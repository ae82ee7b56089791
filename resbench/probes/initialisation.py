"""Depth without training: what passes through each network of a grid at initialisation, before a night is spent on it.

One batch of made-up images, one forward and one backward pass in fp32 for each cell, in training mode. Signal propagation
as by Schoenholz et al. 2017 (arXiv 1611.01232) and Yang et al. 2019 (1902.08129), measured instead of computed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from resbench.core.cell import Cell, label
from resbench.core.errors import UserError
from resbench.core.files import replace
from resbench.core.own_code import blamed
from resbench.grid.grid import PlannedRun
from resbench.probes.layers import ratio, relative_gradients, similarity, unit_inputs
from resbench.training.device import apply_placement, resolve_placement
from resbench.training.run import RunConfig
from resbench.training.step import forward, initial
from resbench.training.timing import made_batch

_IMAGES = 16  # about 1.5 GB of activations at a depth of 1,000 and a width of 16
_SIGNALS = ("activation_first", "activation_last", "similarity_first", "similarity_last", "gradient_ratio")


@dataclass(frozen=True)
class InitialSignals:
    """The signals of one network at initialisation, by name; None where one is not defined."""

    cell: Cell
    values: dict[str, float | None]

    @property
    def label(self) -> str:
        return label(self.cell) or "(one cell)"


def measure_signals(run: RunConfig, device: torch.device) -> dict[str, float | None]:
    """Forward and backward signal of one network at initialisation.

    Returns:
        `activation_*`: standard deviation over images, channels and positions of what leaves the first and the last
        unit. `similarity_*`: mean cosine of two images there. `gradient_ratio`: of the first to the last layer, each
        relative to its weights; above 1 gradients explode towards the input, below 1 they vanish.
    """
    # one thread: the same numbers on every machine, and no threads to wait for
    placement = resolve_placement(device, 1, "fp32", run.model.first_width)
    apply_placement(placement)
    with blamed(run), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        network = initial(run, placement).network.train()
        inputs, labels = made_batch(run, _IMAGES, placement)
        with unit_inputs(network) as seen:
            logits = forward(network, inputs, placement)
        gradients = relative_gradients(network, functional.cross_entropy(logits, labels))
    out: dict[str, float | None] = {"gradient_ratio": ratio(list(gradients.values()))}
    for end, values in (("first", seen[1]), ("last", seen[-1])):
        out[f"activation_{end}"] = float(values.detach().cpu().double().std(correction=0))
        out[f"similarity_{end}"] = similarity(values)
    return {name: out[name] for name in _SIGNALS}


def inspect(planned: Iterable[PlannedRun], device: torch.device) -> Iterator[InitialSignals]:
    """The signals of each network.

    Left out are seeds beyond the first, and cells that differ from an earlier one in their recipe alone.
    """
    networks: dict[str, PlannedRun] = {}
    for run in planned:
        config = run.cell_config
        networks.setdefault(config.model.model_dump_json() + config.data.model_dump_json(), run)
    for run in networks.values():
        if not run.cell_config.offers_units:
            raise UserError(f"inspect-init looks at the units of a network: {run.cell_config.without_units}")
        yield InitialSignals(run.cell, measure_signals(run.config, device))


def format_signals(rows: Sequence[InitialSignals]) -> str:
    """The rows as aligned text."""
    width = max(len("cell"), *(len(row.label) for row in rows))
    lines = [f"{'cell':{width}}  " + "  ".join(f"{name:>16}" for name in _SIGNALS)]
    for row in rows:
        numbers = ("-" if value is None else f"{value:.4g}" for value in row.values.values())
        lines.append(f"{row.label:{width}}  " + "  ".join(f"{text:>16}" for text in numbers))
    return "\n".join(lines)


def save_signals(rows: Sequence[InitialSignals], path: Path) -> Path:
    """Write the rows as CSV, with a column for each axis and signal; returns the path."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*rows[0].cell, *_SIGNALS])
    for row in rows:
        numbers = ("" if value is None else f"{value:.5g}" for value in row.values.values())
        writer.writerow([*row.cell.values(), *numbers])
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, text.getvalue().encode(), path.parent)
    return path
