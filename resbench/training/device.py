"""What the hardware can do: device, threads, precision, memory format."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from resbench.core.cgroup import cpu_quota
from resbench.core.errors import UserError
from resbench.core.lazy import lazy
from resbench.training.cards import cards, cuda_problem, cuda_works

if TYPE_CHECKING:
    import torch
else:
    torch = lazy("torch")

_WIDE = 16  # channels from which channels-last pays in fp32 on a CPU
DEVICES = ("auto", "cpu", "cuda", "mps")


class Device(Protocol):
    """A device of torch, or the name of one, which needs no torch; as text it is the name."""

    @property
    def type(self) -> str: ...


@dataclass(frozen=True)
class NamedDevice:
    """The name of a device: `cpu`, or `cuda:1`."""

    name: str

    @property
    def type(self) -> str:
        return self.name.partition(":")[0]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Placement:
    """Where and how a run computes; provenance, never identity.

    Attributes:
        device: of weights and images.
        threads: of torch in this process; on a CPU results depend on it, so a run keeps what it started with.
        bf16: autocast to bfloat16.
        channels_last: memory format of images and weights.
        usual_format: they are never channels last, for a network of the user's own that may count on it, as `view` does.
    """

    device: torch.device
    threads: int
    bf16: bool
    channels_last: bool
    usual_format: bool = False

    def for_inference(self) -> Placement:
        """Without a backward pass channels last is the faster format on a CPU at every width that was measured (8 and 16)."""
        return replace(self, channels_last=not self.usual_format)


def has_device(kind: str) -> bool:
    """Whether this machine has such a device."""
    if kind == "mps":
        return sys.platform == "darwin" and torch.backends.mps.is_available()
    return kind == "cpu" or (kind == "cuda" and cuda_works())


_GPU = " (a GPU is written cuda, or cuda:1 for the second)"


def choose(name: str) -> torch.device:
    """As `choose_name`, as torch has it."""
    return torch.device(str(choose_name(name)))


def choose_name(name: str) -> NamedDevice:
    """`--device` -> device; auto takes CUDA, then MPS, then the CPU. Torch is imported where only it knows.

    Raises:
        UserError: this machine has no such device.
    """
    kinds = [kind for kind in ("cuda", "mps", "cpu") if has_device(kind)]
    if name == "auto":
        name = kinds[0]
    if name.startswith("cuda:") and "cuda" in kinds:
        return _one_card(name)
    if name not in kinds:
        hint = _GPU if name == "gpu" or name.startswith("cuda:") else ""
        problem = f" ({cuda_problem()})" if name.startswith("cuda") and cuda_problem() else ""
        allowed = ", ".join(reversed(kinds))
        raise UserError(f"--device {name}: not available on this machine{problem}: use one of {allowed}{hint}")
    return NamedDevice(name)


def _one_card(name: str) -> NamedDevice:
    number = name.removeprefix("cuda:")
    if not number.isdecimal() or not cards(name):
        there = ", ".join(f"cuda:{position} ({card.name})" for position, card in enumerate(cards()))
        raise UserError(f"--device {name}: no such card: use cuda for all, or one of {there}")
    return NamedDevice(f"cuda:{int(number)}")


def nearest(name: str) -> torch.device:
    """The device of this name, or the CPU where this machine lacks it and others are meant to have it."""
    return torch.device(str(nearest_name(name)))


def nearest_name(name: str) -> NamedDevice:
    """The same without torch."""
    try:
        return choose_name(name)
    except UserError:
        return NamedDevice("cpu")


def cores() -> int:
    """Processors that this process may use: whole ones of the CPU time that its container or batch job has."""
    quota = cpu_quota()
    return visible_cores() if quota is None else max(1, min(visible_cores(), int(quota)))


def visible_cores() -> int:
    """Processors on which this process may run, for however short a time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_bf16(device: Device) -> bool:
    """Whether bfloat16 is computed, not emulated: Ampere and newer; AMX or AVX512-BF16 on CPUs; never guessed."""
    if device.type == "cuda":
        known = [card.capability for card in cards(str(device)) if card.capability]
        return (known[0] if known else torch.cuda.get_device_capability(str(device)))[0] >= 8
    if device.type == "cpu":
        return bool({"amx_bf16", "avx512_bf16"} & _cpu_flags())
    return False


def uses_bf16(device: Device, precision: str) -> bool:
    """Whether `recipe.precision` means bfloat16 there."""
    return precision == "bf16" or (precision == "auto" and has_bf16(device))


def resolve_placement(device: torch.device, threads: int, precision: str, width: int) -> Placement:
    """Resolve `recipe.precision` and the memory format for a network of so many channels in its first stage.

    Channels-last pays for bf16 and on CUDA at every width. On a CPU in fp32 it trains a 34-layer network 1.1 to 1.2
    times as fast from 16 channels on (two vectors of AVX2). Below it is slower, and torch's convolution has crashed there
    in its backward pass on channels-last images.

    Args:
        width: 0 for a network of the user's own, which keeps the usual format.
    """
    bf16 = uses_bf16(device, precision)
    wide = device.type == "cpu" and width >= _WIDE
    usual = width == 0
    last = not usual and (bf16 or device.type == "cuda" or wide)
    return Placement(device, threads, bf16, channels_last=last, usual_format=usual)


@contextlib.contextmanager
def sound_threads(placement: Placement, width: int, images: int) -> Iterator[None]:
    """Do a training step on so many images with one thread where more of them crash torch.

    The backward pass of its bf16 convolutions writes where it may not, on images that are channels last, with fewer than 16
    channels and more than one thread, if the number of images is odd (torch 2.14 with AVX512-BF16).
    """
    risky = placement.device.type == "cpu" and placement.bf16 and width < _WIDE and images % 2
    if not risky or torch.get_num_threads() == 1:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def apply_placement(placement: Placement) -> None:
    """Set threads, determinism and the card for this process."""
    if torch.get_num_threads() != placement.threads:
        torch.set_num_threads(placement.threads)
    if placement.device.type == "cuda":
        if placement.device.index is not None:
            torch.cuda.set_device(placement.device)  # streams and graphs are made on the current one
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


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_memory(device: torch.device) -> int:
    """Bytes: allocated on CUDA since the peak was last reset, else the peak resident size of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024
