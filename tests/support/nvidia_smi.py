"""A program `nvidia-smi` that prints what real ones have printed, and the folder that makes it the first on PATH."""

from __future__ import annotations

import os
from pathlib import Path

_A100 = "NVIDIA A100-SXM4-40GB"
H100 = "0, GPU-4b7a9c1e-8d2f-4c36-9a51-0e6f2b7d8c90, NVIDIA H100 80GB HBM3, 81004, 81559, 550.54.15, Default, Disabled, 9.0\n"
UUIDS = [f"GPU-{number:x}0a1b2c3-0000-4000-8000-00000000000{number:x}" for number in range(8)]
A100S = "".join(
    f"{number}, {uuid}, {_A100}, 40326, 40960, 535.129.03, Default, Disabled, 8.0\n"
    for number, uuid in enumerate(UUIDS)
)
EXCLUSIVE = "".join(line + "\n" for line in A100S.replace("Default", "Exclusive_Process").splitlines()[:2])
MIG = (
    f"0, {UUIDS[0]}, {_A100}, 40326, 40960, 535.129.03, Default, Disabled, 8.0\n"
    f"1, {UUIDS[1]}, {_A100}, [N/A], 40960, 535.129.03, Default, Enabled, 8.0\n"
)
PARTS = ["MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f", "MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb"]
MIG_LIST = (
    f"GPU 0: {_A100} (UUID: {UUIDS[0]})\n"
    f"GPU 1: {_A100} (UUID: {UUIDS[1]})\n"
    f"  MIG 3g.20gb     Device  0: (UUID: {PARTS[0]})\n"
    f"  MIG 3g.20gb     Device  1: (UUID: {PARTS[1]})\n"
)
BROKEN = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
    "Make sure that the latest NVIDIA driver is installed and running.\n\n"
)


def install(folder: Path, query: str, listed: str = "", code: int = 0) -> Path:
    """Write the program into a folder of its own; it answers `--query-gpu` and `-L`, and ends with this code."""
    folder = folder / "smi"
    folder.mkdir(parents=True)
    (folder / "query").write_text(query)
    (folder / "listed").write_text(listed)
    program = folder / "nvidia-smi"
    program.write_text(
        f'#!/bin/sh\ncase "$1" in -L) cat "{folder}/listed";; *) cat "{folder}/query";; esac\nexit {code}\n'
    )
    program.chmod(0o755)
    return program


def first(program: Path) -> str:
    """PATH with the program before all others."""
    return f"{program.parent}{os.pathsep}{os.environ['PATH']}"
