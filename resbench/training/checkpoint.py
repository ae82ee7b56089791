"""A run's state after an epoch, or in the middle of one, and its file: one line of JSON, then torch's tensors.

The line names the run and the epoch, and has the checksum of the rest.
The tensors are read with `weights_only`, so that nothing in the file can run code.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

import torch
from torch import Tensor, nn

from resbench.core.files import replace
from resbench.core.text import printable
from resbench.records.checkpoint_head import encode_head, read_head
from resbench.records.curve import Loss
from resbench.records.record import ProbeResult, Provenance, Row
from resbench.training.optimizer import restore_optimizer
from resbench.training.provenance import arithmetic

_REQUIRED = {"network", "optimizer", "epoch", "seconds", "history", "best", "threads", "arithmetic"}
_MAX_REASON = 200  # characters of torch's explanations


class SavedState(TypedDict):
    """What a checkpoint file holds. Files of earlier versions lack the last four."""

    network: dict[str, Tensor]
    optimizer: dict[str, Any]
    epoch: int
    seconds: float
    history: list[Row]
    best: dict[str, Any] | None
    threads: int
    arithmetic: dict[str, str]
    probes: NotRequired[dict[str, ProbeResult]]
    part: NotRequired[dict[str, Any] | None]
    data_sha256: NotRequired[str]
    curve: NotRequired[list[Loss] | None]


@dataclass
class BestEpoch:
    """The epoch of the best validation accuracy so far, and its weights."""

    epoch: int
    val_accuracy: float
    network: dict[str, Tensor]


@dataclass
class PartialEpoch:
    """An epoch that was stopped in its middle.

    Attributes:
        steps: how many are done.
        losses: of these steps.
        right: how many of their images were classified as their label.
        generators: states of all that draws within an epoch.
        seconds: spent on it.
    """

    steps: int
    losses: Tensor
    right: Tensor
    generators: list[Tensor]
    seconds: float


@dataclass
class State:
    """Everything that changes while a run trains, and all that a checkpoint holds.

    Attributes:
        epoch: how many are done.
        probes: what each probe has measured so far.
        part: of the next epoch, if training was stopped in its middle.
        curve: the training loss of each block of steps; None if an earlier version has done the first epochs.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    seconds: float = 0.0
    history: list[Row] = field(default_factory=list)
    best: BestEpoch | None = None
    probes: dict[str, ProbeResult] = field(default_factory=dict)
    part: PartialEpoch | None = None
    curve: list[Loss] | None = field(default_factory=list)

    def dump(self, facts: Provenance) -> SavedState:
        """What a checkpoint holds; `restore` is the inverse."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "history": self.history,
            "best": vars(self.best) if self.best else None,
            "probes": self.probes,
            "part": vars(self.part) if self.part else None,
            "threads": facts.threads,
            "arithmetic": arithmetic(facts),
            "data_sha256": facts.text("data_sha256"),
            "curve": self.curve,
        }

    def restore(self, saved: SavedState) -> None:
        """Take over what a checkpoint holds."""
        self.network.load_state_dict(saved["network"])
        restore_optimizer(self.optimizer, saved["optimizer"])
        self.epoch, self.seconds, self.history = saved["epoch"], saved["seconds"], saved["history"]
        best, part = saved["best"], saved.get("part")
        self.best = BestEpoch(**best) if best else None
        self.part = PartialEpoch(**part) if part else None
        self.probes = saved.get("probes", {})
        self.curve = saved.get("curve", None if self.epoch else [])


def save(path: Path, run_id: str, epoch: int, state: SavedState) -> None:
    """Replace the checkpoint; a crash leaves the old one or the new one. Its first line has the last losses, to watch them."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    history = state.get("history", []) if isinstance(state, dict) else []
    head = encode_head(run_id, epoch, hashlib.sha256(payload).hexdigest(), history)
    replace(path, head + payload, path.parent)


def load(path: Path, run_id: str) -> tuple[SavedState | None, str]:
    """The state and "", or None and why a run cannot continue from it ("" if there is no file)."""
    try:
        line, _, payload = path.read_bytes().partition(b"\n")
        head = json.loads(line)
        if head["run"] != run_id:
            raise ValueError("it belongs to another run")
        if hashlib.sha256(payload).hexdigest() != head["sha256"]:
            raise ValueError("its checksum does not match")
        state = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or not state.keys() >= _REQUIRED:
            raise ValueError("it is not the state of a run")
    except FileNotFoundError:
        return None, ""
    except Exception as error:  # torch raises whatever a made-up file causes: EOFError, UnpicklingError, IndexError ...
        reason = printable(str(error).strip().partition("\n")[0])[:_MAX_REASON] or type(error).__name__
        return None, f"{path}: a damaged checkpoint ({reason}): the run starts over"
    return cast("SavedState", state), ""


def epoch(path: Path) -> int:
    """Epochs that the checkpoint holds, read from its first line; 0 if it has none."""
    return read_head(path).epoch
