"""A run of a grid: the configuration of its cell, and a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from resbench.core.cell import Cell, label
from resbench.training.run import RunConfig


@dataclass(frozen=True)
class PlannedRun:
    """A run of the grid.

    Attributes:
        cell_config: the configuration of the cell, with seed 0.
        cell: the first that it belongs to.
        seed: of this replicate.
        others: further cells that are the same training.
    """

    cell_config: RunConfig
    cell: Cell
    seed: int
    id: str
    others: Sequence[Cell] = ()

    @classmethod
    def of(cls, config: RunConfig, cell: Cell | None = None) -> PlannedRun:
        """A run outside a grid."""
        return cls(config.with_seed(0), cell or {}, config.seed, config.id)

    @cached_property
    def config(self) -> RunConfig:
        return self.cell_config.with_seed(self.seed)

    @property
    def label(self) -> str:
        """`model.depth=34 model.shortcut=none seed=0`."""
        return " ".join(filter(None, (label(self.cell), f"seed={self.seed}")))
