"""The command doctor: what this machine can do, and what is wrong with it. It opens no context on any card."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resbench.core.cards import Card


def doctor() -> None:
    """What this machine can do, and what prevents more.

    \b
    Examples:
      resbench doctor
    """
    for line in [*_program(), *_device(), *_cards(), *_problems()]:
        print(line)


def _program() -> Iterator[str]:
    import torch

    from resbench.core.version import SOURCE, __version__, revision
    from resbench.data.directory import default_directory

    code, changed = revision()
    about = " (a hash of its files: they are in no git checkout of it)" if str(code).startswith(SOURCE) else ""
    yield f"resbench {__version__}, revision {code}{' (changed)' if changed else about}"
    yield f"python {sys.version.split()[0]}, torch {torch.__version__}"
    yield f"data directory {default_directory()}{'' if default_directory().is_dir() else ' (not there yet)'}"


def _device() -> Iterator[str]:
    from resbench.core.cgroup import cpu_quota
    from resbench.training.device import choose, cores, has_bf16, visible_cores
    from resbench.training.provenance import cpu_capability, device_name

    device = choose("auto")
    quota = f" (of {visible_cores()}: the CPU quota is {cpu_quota():g})" if cores() < visible_cores() else ""
    yield f"device {device}: {device_name(device)}, {cores()} cores{quota}, {cpu_capability()}"
    yield f"bf16 {'computed by the hardware' if has_bf16(device) else 'would be emulated: fp32 is used'}"


def _cards() -> Iterator[str]:
    """The cards that runs may use; nothing on a machine that has none."""
    import torch

    from resbench.core.cards import VARIABLE, installed_cards, mps_folder, mps_runs, visible
    from resbench.training.cards import cards
    from resbench.training.provenance import cudnn_version

    installed, variable = installed_cards().cards, os.environ.get(VARIABLE)
    usable = cards() or tuple(visible(installed, variable))
    if installed and variable is not None:
        yield f"{VARIABLE}={variable}: leaves {len(usable)} of what nvidia-smi lists"
    for card in usable:
        yield _card(card)
    if usable:
        yield f"CUDA {torch.version.cuda or 'is not in this torch'}, cuDNN {cudnn_version() or 'is not in this torch'}"
        yield f"MPS {'runs' if mps_runs() else 'does not run'} ({mps_folder() / 'control'})"


def _card(card: Card) -> str:
    memory = "memory unknown to nvidia-smi"
    if card.memory_free is not None and card.memory_total is not None:
        memory = f"{card.memory_free / 2**30:.1f} of {card.memory_total / 2**30:.1f} GiB free"
    capability = "compute capability " + (".".join(map(str, card.capability)) if card.capability else "unknown")
    bf16 = "bf16" if card.capability and card.capability[0] >= 8 else "no bf16"
    part = ", MIG part" if ":" in card.label else ""
    driver = f"driver {card.driver or 'unknown'}"
    return f"card {card.label}: {card.name}{part}, {memory}, {capability} ({bf16}), {driver}, compute mode {card.compute_mode}"


def _problems() -> Iterator[str]:
    """What is wrong, and what to do."""
    from resbench.core.cards import installed_cards
    from resbench.training.cards import cards, cuda_problem

    if problem := cuda_problem():
        yield f"wrong: {problem}"
    for card in installed_cards().cards:
        if card.parts == ():
            yield f"wrong: card {card.label} is in MIG mode and has no parts: make some with nvidia-smi mig -cgi"
    for card in cards():
        if card.compute_mode == "Prohibited":
            yield f"wrong: card {card.label} is in compute mode Prohibited: nvidia-smi -i {card.label} -c DEFAULT"
        elif card.one_process:
            yield f"card {card.label} is in compute mode {card.compute_mode}: it takes one run at a time, without MPS"
