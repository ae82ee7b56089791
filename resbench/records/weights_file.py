"""The weights of a run as a safetensors file, next to its record: `results/<study>/weights/<run-id>.<which>.safetensors`.

The file says of which run they are, and has their digest and that of the record, so that they are never taken for others.
The folder hides itself from git.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from resbench.core.files import hidden, replace
from resbench.records.record import Record

Which: TypeAlias = Literal["last", "best"]  # after the last epoch, or after that of the best validation accuracy
WHICH: tuple[Which, ...] = get_args(Which)
Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
_FOLDER = "weights"
_ENTRY = "resbench"  # of the header


@dataclass(frozen=True)
class Weights:
    """The weights of a network.

    Attributes:
        epoch: after which they were taken.
        shift, scale: of each channel: the network sees (pixel - shift) / scale, of pixels from 0 to 255.
        arrays: by name, in the order of its state.
    """

    which: Which
    epoch: int
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    arrays: Arrays

    @property
    def sha256(self) -> str:
        """As `weights_sha256` of a record."""
        return sha256_of(self.arrays)


def sha256_of(arrays: Arrays) -> str:
    """Digest of names and numbers, in their order."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()


def tested(record: Record) -> Which:
    """Which weights were tested, so that the record has their digest."""
    return "best" if record.settings.get("recipe.select") == "best_val" else "last"


def weights_path(folder: Path, run_id: str, which: Which) -> Path:
    """The file in the folder of a study."""
    return folder / _FOLDER / f"{run_id}.{which}.safetensors"


def weights_files(folder: Path, run_id: str) -> list[Path]:
    """The files of a run, whichever there are."""
    return [path for which in WHICH if (path := weights_path(folder, run_id, which)).is_file()]


def write_weights(path: Path, weights: Weights, record: Record, scratch: Path) -> None:
    """Write the weights of a run; a crash leaves the old file or the new one.

    Args:
        scratch: a folder of the same disk, for what is being written.

    Raises:
        Unwritable: then the old file stays.
    """
    from safetensors.numpy import save

    facts = {
        "run": record.id,
        "which": weights.which,
        "epoch": weights.epoch,
        "shift": weights.shift,
        "scale": weights.scale,
        "sha256": weights.sha256,
        "record_sha256": record.weights_sha256,
        "config": record.config,
    }
    arrays = {name: np.asarray(array, order="C") for name, array in weights.arrays.items()}
    # one entry: several would stand in another order in each process
    replace(path, save(arrays, {_ENTRY: json.dumps(facts)}), scratch)


def prepare_folder(folder: Path) -> None:
    """Make the folder of weights in that of a study, hidden from git."""
    hidden(folder / _FOLDER)


def has_weights(folder: Path, record: Record, which: Which) -> bool:
    """Whether the weights of a record are in their file, by what it says of itself; its numbers are not read."""
    facts = _facts(weights_path(folder, record.id, which))
    said = (facts.get("run"), facts.get("which"), facts.get("record_sha256"))
    return said == (record.id, which, record.weights_sha256)


def lacks_weights(folder: Path, record: Record, which: Which) -> bool:
    """Whether a run that ended well has no saved weights; one that diverged has none to save."""
    return record.status == "ok" and not has_weights(folder, record, which)


def read_weights(path: Path, names: Iterable[str]) -> Weights:
    """The weights in a file.

    Args:
        names: of the state of their network, in its order, which the file does not keep.

    Raises:
        ValueError: they are not what was written.
        OSError: the file cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays, facts = load(path.read_bytes()), _facts(path)
        which: Which = "best" if facts["which"] == "best" else "last"
        shift, scale = (tuple(map(float, facts[name])) for name in ("shift", "scale"))
        weights = Weights(which, int(facts["epoch"]), shift, scale, {name: arrays[name] for name in names})
    except (SafetensorError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"it cannot be read: {error}") from None
    if weights.sha256 != facts.get("sha256"):
        raise ValueError("its numbers are not those that were written")
    return weights


def _facts(path: Path) -> dict[str, Any]:
    """What the header of a file says; nothing of one that is absent or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {})[_ENTRY])
    except (OSError, SafetensorError, ValueError, KeyError):
        return {}
    return facts if isinstance(facts, dict) else {}
