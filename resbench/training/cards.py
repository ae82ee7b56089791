"""The cards that runs may use, and what torch makes of them; the process that asks opens no context."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING

from resbench.core.cards import VARIABLE, Card, given_card, installed_cards, parse, visible, without_cards
from resbench.core.lazy import lazy
from resbench.core.processes import import_variables

if TYPE_CHECKING:
    import torch
else:
    torch = lazy("torch")

_said: list[str] = []  # by torch, why it cannot use CUDA
# what nvidia-smi would say, by torch, in a process that begins with CUDA and ends
_BY_TORCH = """
import torch
for i in range(torch.cuda.device_count()):
    p = torch.cuda.get_device_properties(i)
    print(i, i, p.name, "N/A", p.total_memory >> 20, "", "Default", "N/A", f"{p.major}.{p.minor}", sep=",")
"""


def cards(device: str = "cuda") -> tuple[Card, ...]:
    """The cards that a device name means: all that are visible for `cuda`, one for `cuda:1`, none for any other."""
    kind, _, number = device.partition(":")
    if kind != "cuda" or not cuda_works():
        return ()
    mine = given_card()
    every = (mine,) if mine else _cards(shutil.which("nvidia-smi"), os.environ.get(VARIABLE))
    return every[int(number) :][:1] if number.isdecimal() else every


@functools.cache
def _cards(program: str | None, variable: str | None) -> tuple[Card, ...]:
    """Once a process, for each value of what the answer depends on."""
    if program and (found := installed_cards().cards):
        return tuple(visible(found, variable))
    return _by_torch(variable)


def _by_torch(variable: str | None) -> tuple[Card, ...]:
    """Where there is no nvidia-smi: as a container that may compute and nothing more."""
    command = [sys.executable, "-c", _BY_TORCH]
    answer = subprocess.run(command, env=os.environ | import_variables(), capture_output=True, text=True, check=False)
    entries = variable.split(",") if variable else []
    found = parse(answer.stdout)
    return tuple(
        Card(
            entries[i].strip() if i < len(entries) else card.label,
            card.label,
            card.uuid,
            card.name,
            card.memory_free,
            card.memory_total,
            capability=card.capability,
        )
        for i, card in enumerate(found)
    )


def cuda_works() -> bool:
    """Whether torch can compute on a card.

    That loads the driver and opens no context; but processes that are forked from this one could no longer use CUDA, so
    that the fork server, from which runs come, never asks.
    """
    if "torch" not in sys.modules and without_cards():
        return False
    with warnings.catch_warnings(record=True) as caught:  # of a driver that is too old, once a process
        warnings.simplefilter("always")
        works = torch.cuda.is_available()
    _said.extend(" ".join(str(each.message).split(" (Triggered")[0].split()) for each in caught)
    return works


def cuda_problem() -> str:
    """Why torch uses no card of a machine that has one, or has a driver that fails; empty where all is well.

    A list of visible devices that is empty, as `CUDA_VISIBLE_DEVICES=`, is a wish and no problem.
    """
    variable = os.environ.get(VARIABLE)
    if cuda_works() or variable == "":
        return ""
    found = installed_cards()
    if found.problem:
        return found.problem
    usable = visible(found.cards, variable)
    if not usable:
        return ""
    there = f"nvidia-smi lists {describe_cards(tuple(usable))}, but "
    if torch.version.cuda is None:
        return f"{there}torch {torch.__version__} is built without CUDA: install it with CUDA"
    return f"{there}torch {torch.__version__} finds no CUDA device{': ' if _said else ''}{_said[0] if _said else ''}"


def describe_device(device: str) -> str:
    """`cpu`, or the cards that a name of CUDA means."""
    return describe_cards(cards(device)) or device


def describe_cards(which: tuple[Card, ...]) -> str:
    """`2 x NVIDIA H100 80GB HBM3 (cards 0, 1)`, or `NVIDIA H100 80GB HBM3 (card 0)`."""
    names = dict.fromkeys(card.name for card in which)
    parts = []
    for name in names:
        labels = [card.label for card in which if card.name == name]
        count = f"{len(labels)} x " if len(labels) > 1 else ""
        parts.append(f"{count}{name} (card{'s' * (len(labels) > 1)} {', '.join(labels)})")
    return " and ".join(parts)
