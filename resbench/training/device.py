"""What the hardware can do: device, threads, precision, memory format, and the facts that go into a record."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from resbench.core.config import UserError

_WIDE = 16  # channels from which channels-last pays in fp32 on a CPU
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class Placement:
    """Where and how a run computes; provenance, never identity.

    Attributes:
        device: of weights and images.
        threads: of torch in this process; on a CPU results depend on it, so a run keeps what it started with.
        bf16: autocast to bfloat16.
        channels_last: memory format of images and weights.
    """

    device: torch.device
    threads: int
    bf16: bool
    channels_last: bool


def there(kind: str) -> bool:
    """Whether this machine has such a device."""
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return has.get(kind, False)


def choose(name: str) -> torch.device:
    """`--device` -> device; auto takes CUDA, then MPS, then the CPU.

    Raises:
        UserError: the device is not there.
    """
    kinds = [kind for kind in ("cuda", "mps", "cpu") if there(kind)]
    if name == "auto":
        name = kinds[0]
    if name not in kinds:
        raise UserError(f"--device {name}: not available on this machine: use one of {', '.join(reversed(kinds))}")
    return torch.device(name)


def nearest(name: str) -> torch.device:
    """The device of this name, or the CPU where this machine lacks it and others are meant to have it."""
    try:
        return choose(name)
    except UserError:
        return torch.device("cpu")


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is computed, not emulated: Ampere and newer; AMX or AVX512-BF16 on CPUs; never guessed."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type == "cpu":
        return bool({"amx_bf16", "avx512_bf16"} & _cpu_flags())
    return False


def place(device: torch.device, threads: int, precision: str, width: int) -> Placement:
    """Resolve `recipe.precision` and the memory format for a network of so many channels in its first stage.

    Channels-last pays for bf16 and on CUDA at every width. On a CPU in fp32 it trains a 34-layer network 1.1 to 1.2
    times as fast from 16 channels on (two vectors of AVX2) and more slowly below, where torch's convolution, besides,
    has crashed in its backward pass on channels-last images.
    """
    bf16 = precision == "bf16" or (precision == "auto" and has_bf16(device))
    wide = device.type == "cpu" and width >= _WIDE
    return Placement(device, threads, bf16, channels_last=bf16 or device.type == "cuda" or wide)


def settle(placement: Placement) -> None:
    """Set threads and determinism for this process."""
    if torch.get_num_threads() != placement.threads:
        torch.set_num_threads(placement.threads)
    if placement.device.type == "cuda":
        # cuBLAS is deterministic only with a fixed workspace, read when the first handle is made
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False  # its choice of kernels may differ from start to start
        torch.backends.cudnn.deterministic = True
        # fp32 is single precision: by default convolutions would round to 10 bits on Ampere and newer
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False


@functools.cache
def _cpu_flags() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())


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


@functools.cache
def revision() -> tuple[str | None, bool]:
    """Git revision of the code that runs, and whether the code differs from it; (None, False) outside a checkout."""
    code = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(code), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        if not git("ls-files", "--", "training/device.py"):
            return None, False
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--", "."))
    except (OSError, subprocess.CalledProcessError):
        return None, False


def cpu_capability() -> str:
    """Widest instructions that torch uses here: `AVX512`, `AVX2`, ..."""
    return str(torch.backends.cpu.get_cpu_capability())


def precision_of(placement: Placement) -> str:
    """`bf16` or `fp32`, as records have it."""
    return "bf16" if placement.bf16 else "fp32"


def arithmetic(placement: Placement) -> dict[str, Any]:
    """What decides how numbers are computed and rounded, beside the number of threads."""
    return {
        "device": placement.device.type,
        "precision": precision_of(placement),
        "channels_last": placement.channels_last,
    }


def provenance(placement: Placement, code: tuple[str | None, bool] | None = None) -> dict[str, Any]:
    """What a record says about code, libraries and hardware.

    Args:
        placement: where and how the run computed.
        code: `revision()` at the time when the code was loaded; now by default.
    """
    import numpy as np

    import resbench

    commit, dirty = code or revision()
    versions = {"resbench": resbench.__version__, "python": platform.python_version()}
    versions |= {"torch": str(torch.__version__), "numpy": np.__version__}
    return {
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


def measured_peak(placement: Placement, seconds: float = 0.5) -> float:
    """FLOP/s of the best of many square matrix products, in the precision and with the threads of the placement."""
    kind = torch.bfloat16 if placement.bf16 else torch.float32
    side = 8192 if placement.device.type == "cuda" else 1536
    left, right = (torch.randn(side, side, device=placement.device).to(kind) for _ in range(2))
    best, until = 0.0, time.perf_counter() + seconds
    while not best or time.perf_counter() < until:
        synchronise(placement.device)
        began = time.perf_counter()
        left @ right
        synchronise(placement.device)
        best = max(best, 2 * side**3 / (time.perf_counter() - began))
    return best


def measured_bandwidth(placement: Placement, seconds: float = 0.5) -> float:
    """Bytes a second of the best of many sums of two arrays far larger than a cache, both read and the third written."""
    elements = 2**28 if placement.device.type == "cuda" else 2**25
    left, right, out = (torch.ones(elements, device=placement.device) for _ in range(3))
    best, until = 0.0, time.perf_counter() + seconds
    while not best or time.perf_counter() < until:
        synchronise(placement.device)
        began = time.perf_counter()
        torch.add(left, right, out=out)
        synchronise(placement.device)
        best = max(best, 3 * 4 * elements / (time.perf_counter() - began))
    return best


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_memory(device: torch.device) -> int:
    """Bytes: allocated on CUDA since the start of the process, else the peak resident size of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024
