"""A run's state after an epoch: one line of JSON (run, epoch, checksum), then torch's tensors. Nothing in it can run code."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from pathlib import Path
from typing import Any

import torch

from resbench.store import replace


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
        state: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None, ""
    except (ValueError, KeyError, TypeError, OSError, RuntimeError, pickle.UnpicklingError) as error:
        return None, f"{path}: a damaged checkpoint ({' '.join(str(error).split())}): the run starts over"
    return state, ""


def epoch(path: Path) -> int:
    """Epochs that the checkpoint holds, read from its first line; 0 if there is none."""
    try:
        with path.open("rb") as file:
            return int(json.loads(file.readline(4096))["epoch"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
