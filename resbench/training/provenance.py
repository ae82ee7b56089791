"""What a record says about code, libraries and hardware."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import torch

from resbench.core.json_reader import Json
from resbench.core.version import SOURCE, Revision, __version__, revision, source_hash
from resbench.records.record import Provenance
from resbench.training.device import Placement

_ARITHMETIC = (
    "device",
    "precision",
    "channels_last",
    "device_name",
    "cpu_capability",
    "versions.torch",
    "revision",
    "dirty",
)


def provenance(placement: Placement, code: Revision | None = None) -> Provenance:
    """The facts of a record about where it was computed.

    Args:
        placement: where and how the run computes.
        code: `revision()` at the time when the code was loaded; now by default.
    """
    commit, dirty = code or revision()
    versions: dict[str, Json] = {"resbench": __version__, "python": platform.python_version()}
    versions |= {"torch": str(torch.__version__), "numpy": np.__version__}
    return Provenance(
        {
            "revision": commit,
            "dirty": dirty,
            "versions": versions,
            "platform": f"{platform.system()} {platform.machine()}",
            "device": placement.device.type,
            "device_name": device_name(placement.device),
            "cpu_capability": cpu_capability(),
            "threads": placement.threads,
            "precision": precision_of(placement),
            "channels_last": placement.channels_last,
        }
    )


def device_name(device: torch.device) -> str:
    """The name by which a person knows the device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return model or platform.processor() or platform.machine()


def cpu_capability() -> str:
    """Widest instructions that torch uses on this CPU: `AVX512`, `AVX2`, ..."""
    return str(torch.backends.cpu.get_cpu_capability())


def precision_of(placement: Placement) -> str:
    """`bf16` or `fp32`, as records have it."""
    return "bf16" if placement.bf16 else "fp32"


def arithmetic(facts: Provenance) -> dict[str, str]:
    """What decides how a run's numbers are computed and rounded, besides the number of threads: fact -> value."""
    return {name: facts.text(name) for name in _ARITHMETIC} | {"source": source_hash().removeprefix(SOURCE)}
