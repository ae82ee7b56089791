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
from typing import Any

import torch
from torch import nn

from resbench.core.files import replace
from resbench.core.text import printable
from resbench.training.device import Placement, arithmetic

_NEEDED = {"network", "optimizer", "epoch", "seconds", "history", "best", "threads", "arithmetic"}
_LONGEST = 200  # characters of torch's explanations


@dataclass
class State:
    """Everything that changes while a run trains, and all that a checkpoint holds."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] | None = None
    probes: dict[str, Any] = field(default_factory=dict)  # what each probe has measured so far
    part: dict[str, Any] | None = None  # of the next epoch, if training was stopped in its middle

    def dump(self, placement: Placement) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "history": self.history,
            "best": self.best,
            "probes": self.probes,
            "part": self.part,
            "threads": placement.threads,
            "arithmetic": arithmetic(placement),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.epoch, self.seconds = saved["epoch"], saved["seconds"]
        self.history, self.best = saved["history"], saved["best"]
        self.probes, self.part = saved.get("probes", {}), saved.get("part")


def save(path: Path, run_id: str, epoch: int, state: dict[str, Any]) -> None:
    """Replace the checkpoint; a crash leaves the old one or the new one."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    head = {"run": run_id, "epoch": epoch, "sha256": hashlib.sha256(payload).hexdigest()}
    replace(path, json.dumps(head).encode() + b"\n" + payload, path.parent)


def load(path: Path, run_id: str) -> tuple[dict[str, Any] | None, str]:
    """The state and "", or None and why there is none to continue from ("" if there simply is no file)."""
    try:
        line, _, payload = path.read_bytes().partition(b"\n")
        head = json.loads(line)
        if head["run"] != run_id:
            raise ValueError("it belongs to another run")
        if hashlib.sha256(payload).hexdigest() != head["sha256"]:
            raise ValueError("its checksum does not match")
        state = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or not state.keys() >= _NEEDED:
            raise ValueError("it is not the state of a run")
    except FileNotFoundError:
        return None, ""
    except Exception as error:  # torch raises whatever a made-up file causes: EOFError, UnpicklingError, IndexError ...
        reason = printable(str(error).strip().partition("\n")[0])[:_LONGEST] or type(error).__name__
        return None, f"{path}: a damaged checkpoint ({reason}): the run starts over"
    return state, ""


def epoch(path: Path) -> int:
    """Epochs that the checkpoint holds, read from its first line; 0 if there is none."""
    try:
        with path.open("rb") as file:
            return int(json.loads(file.readline(4096))["epoch"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return 0
