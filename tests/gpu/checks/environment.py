"""C1: what machine this is."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterator
from importlib import metadata

import torch

from resbench.training.device import cores, has_bf16
from resbench.training.provenance import device_name

from ..rows import Row, not_checked
from ..setting import Setting, last_line, resbench

_QUERY = "driver_version,compute_mode,memory.total,memory.free,mig.mode.current"
_PACKAGES = ("filelock", "numpy", "pandas", "pydantic", "scipy", "torchvision")


def check(setting: Setting) -> Iterator[Row]:
    device = torch.device(setting.device)
    yield Row("device", f"{device_name(device)}, {torch.cuda.device_count()} cards, {cores()} cores of the host")
    versions = f"python {platform.python_version()}, torch {torch.__version__}, CUDA {torch.version.cuda}"
    yield Row("versions", f"{versions}, cuDNN {torch.backends.cudnn.version()}")  # type: ignore[no-untyped-call]
    yield Row("packages", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))
    yield Row("bf16", "computed by the hardware" if has_bf16(device) else "emulated")
    done = resbench("doctor")
    named = f"device {device.type}" in done.stdout
    yield Row(
        "doctor",
        "as it should be" if named else last_line(done),
        ok=done.returncode == 0 and (named or device.type == "cpu"),
    )
    if not setting.on_card:
        yield not_checked("compute mode and driver, which need a card")
        return
    said = [line for line in done.stdout.splitlines() if line.startswith(("card", "CUDA", "MPS"))]
    yield Row("doctor says", "; ".join(said))
    command = ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = asked.stdout.strip().splitlines() or [asked.stderr.strip() or "no word"]
    default = "Default" in lines[0]
    yield Row("driver, compute mode, memory, free, MIG", "; ".join(lines), ok=default)


def _version(package: str) -> str:
    """Of a package; one that was unpacked by hand does not say it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "of no version"
