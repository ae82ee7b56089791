"""The first line of a checkpoint: which run it is of, how far that is, and how its loss fell; read without torch."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from resbench.records.record import Row

_MAX_BYTES = 4096  # of the line; what earlier versions read of it too
_MAX_LOSSES = 60


class CheckpointHead(NamedTuple):
    """What is known of an unfinished run.

    Attributes:
        epoch: epochs that the checkpoint holds; 0 if there is none.
        losses: the training loss of the last epochs.
    """

    epoch: int = 0
    losses: tuple[float, ...] = ()


NO_CHECKPOINT = CheckpointHead()


def read_head(path: Path) -> CheckpointHead:
    """The head of a checkpoint; that of no checkpoint where it cannot be read."""
    try:
        with path.open("rb") as file:
            head = json.loads(file.readline(_MAX_BYTES))
        return CheckpointHead(int(head["epoch"]), tuple(map(float, head.get("train_loss", ()))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return NO_CHECKPOINT


def encode_head(run_id: str, epoch: int, sha256: str, history: Sequence[Row]) -> bytes:
    """The line, with its end.

    Args:
        sha256: of what follows it.
        history: a row for each epoch.
    """
    head: dict[str, Any] = {"run": run_id, "epoch": epoch, "sha256": sha256}
    return json.dumps(head | {"train_loss": last_losses(history)}).encode() + b"\n"


def last_losses(history: Sequence[Row]) -> list[float]:
    """The training loss of the last epochs, with four digits."""
    values = [row.get("train_loss") for row in history[-_MAX_LOSSES:]]
    return [float(f"{value:.4g}") for value in values if value is not None and math.isfinite(value)]
