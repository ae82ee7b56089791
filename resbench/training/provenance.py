"""What a record says about code, libraries and hardware."""

from __future__ import annotations

import contextlib
import functools
import platform
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from resbench.core.json_reader import Json
from resbench.core.lazy import lazy
from resbench.core.version import SOURCE, Revision, __version__, revision, source_hash
from resbench.records.record import Provenance
from resbench.training.cards import cards
from resbench.training.device import Device, Placement

if TYPE_CHECKING:
    import numpy as np
    import torch
else:
    np, torch = lazy("numpy"), lazy("torch")

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
_ON_CUDA = ("versions.cuda", "versions.cudnn")  # whose libraries hold the kernels; a CPU has no such facts
_DRIVER = Path("/proc/driver/nvidia/version")
_VERSION = re.compile(r"\d+\.\d+(\.\d+)?")


def provenance(placement: Placement, code: Revision | None = None) -> Provenance:
    """The facts of a record about where it was computed.

    Args:
        placement: where and how the run computes.
        code: `revision()` at the time when the code was loaded; now by default.
    """
    commit, dirty = code or revision()
    versions: dict[str, Json] = {"resbench": __version__, "python": platform.python_version()}
    versions |= {"torch": str(torch.__version__), "numpy": np.__version__}
    driver = {}
    if placement.device.type == "cuda":
        versions |= {"cuda": torch.version.cuda, "cudnn": cudnn_version()}
        driver["driver"] = driver_version()
    return Provenance(
        {
            "revision": commit,
            "dirty": dirty,
            "versions": versions,
            "platform": f"{platform.system()} {platform.machine()}",
            "device": placement.device.type,
            "device_name": device_name(placement.device),
            **driver,
            "cpu_capability": cpu_capability(),
            "threads": placement.threads,
            "precision": precision_of(placement),
            "channels_last": placement.channels_last,
        }
    )


def device_name(device: Device) -> str:
    """The name by which a person knows the device."""
    if device.type == "cuda":
        known = cards(str(device))
        return known[0].name if known else torch.cuda.get_device_name(str(device))
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return model or platform.processor() or platform.machine()


def cudnn_version() -> str | None:
    """Of the library that is loaded: `9.10.2`."""
    if not torch._C._has_cudnn:
        return None
    # torch.backends.cudnn.version() would compare it with the cards, and so begin with CUDA in a command, too
    number = torch._C._cudnn.getVersionInt()
    major, rest = divmod(number, 10_000 if number >= 90_000 else 1000)
    return f"{major}.{rest // 100}.{rest % 100}"


@functools.cache
def driver_version(file: Path = _DRIVER) -> str | None:
    """Of the NVIDIA driver: as the kernel has it, or as nvidia-smi says where there is no such file, as in WSL."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        found = _VERSION.search(file.read_text())
        if found:
            return found[0]
    with contextlib.suppress(OSError, subprocess.SubprocessError, UnicodeDecodeError):
        command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        found = _VERSION.match(said.strip())
        if found:
            return found[0]
    return None


def cpu_capability() -> str:
    """Widest instructions that torch uses on this CPU: `AVX512`, `AVX2`, ..."""
    return str(torch.backends.cpu.get_cpu_capability())


def precision_of(placement: Placement) -> str:
    """`bf16` or `fp32`, as records have it."""
    return "bf16" if placement.bf16 else "fp32"


def arithmetic(facts: Provenance) -> dict[str, str]:
    """What decides how a run's numbers are computed and rounded, besides the number of threads: fact -> value."""
    names = _ARITHMETIC + (_ON_CUDA if facts.device == "cuda" else ())
    return {name: facts.text(name) for name in names} | {"source": source_hash().removeprefix(SOURCE)}
