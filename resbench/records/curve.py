"""The training loss within the epochs of a run, coarse enough to be kept in its record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from resbench.core.json_reader import Json

EVERY = 20  # steps of a block, and more where a run has many
_MOST = 500  # blocks of a run, but at least one for each epoch
_DIGITS = 4
_MAX_STEPS = 10**9
Loss: TypeAlias = float | None  # None where it is not finite


@dataclass(frozen=True)
class Curve:
    """The loss in training, as means of blocks of steps; each epoch begins a new block, and its last one may be shorter.

    Attributes:
        every: steps of a block.
        steps: of an epoch.
        train_loss: of each block, before its updates, with four digits; of a run that diverged up to its end.
    """

    every: int
    steps: int
    train_loss: tuple[Loss, ...]

    def epochs(self) -> list[float]:
        """Where each block ends, in epochs."""
        blocks = -(-self.steps // self.every)
        return [
            number // blocks + min((number % blocks + 1) * self.every, self.steps) / self.steps
            for number in range(len(self.train_loss))
        ]

    def to_json(self) -> dict[str, Json]:
        """As a record holds it."""
        return {"every": self.every, "steps": self.steps, "train_loss": list(self.train_loss)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Curve:
        """The inverse of `to_json`.

        Raises:
            ValueError: the values are not those of a curve.
        """
        every, steps, losses = (values.get(name) for name in ("every", "steps", "train_loss"))
        whole = isinstance(losses, list) and all(map(_is_loss, losses))
        if not (_is_count(every) and _is_count(steps) and whole):
            raise ValueError("whose curve cannot be read")
        return cls(int(values["every"]), int(values["steps"]), tuple(values["train_loss"]))


def block_size(steps: int, epochs: int) -> int:
    """Steps of a block of a run that has so many steps in each of its epochs."""
    return EVERY * max(1, -(-steps * epochs // (EVERY * _MOST)))


def block_means(losses: Sequence[float], every: int) -> list[Loss]:
    """The mean loss of each block of an epoch, from the losses of its steps."""
    blocks = (losses[begin : begin + every] for begin in range(0, len(losses), every))
    return [_short(math.fsum(block) / len(block)) if all(map(math.isfinite, block)) else None for block in blocks]


def _short(loss: float) -> Loss:
    return float(f"{loss:.{_DIGITS}g}") if math.isfinite(loss) else None


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < _MAX_STEPS


def _is_loss(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and type(value) is not bool and math.isfinite(value))
