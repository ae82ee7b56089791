"""The GPUs of this machine, asked of nvidia-smi: without torch, and without a context on any of them.

A context takes half a gigabyte of a card and, in compute mode Exclusive_Process, the whole of it. So a command never opens
one: only the processes of its runs do, each on the card that it was given.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

VARIABLE = "CUDA_VISIBLE_DEVICES"
FIELDS = (
    "index",
    "uuid",
    "name",
    "memory.free",
    "memory.total",
    "driver_version",
    "compute_mode",
    "mig.mode.current",
    "compute_cap",
)
_given: list[Card] = []
# one of them is there wherever a driver is that torch could compute with: NVIDIA's, that of WSL, of Jetson, of AMD
_DRIVERS = (
    "/dev/nvidiactl",
    "/dev/nvidia0",
    "/dev/nvidia-uvm",
    "/dev/dxg",
    "/dev/nvmap",
    "/dev/nvhost-ctrl",
    "/dev/kfd",
    "/proc/driver/nvidia",
    "/sys/module/nvidia",
)
_SECONDS = 30.0  # until an answer; a driver that hangs never gives one
_MIG = re.compile(r"\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (\S+)\)")


@dataclass(frozen=True)
class Card:
    """A GPU, or a part of one in MIG mode.

    Attributes:
        id: what `CUDA_VISIBLE_DEVICES` of a process says so that it has this card alone.
        label: its number as nvidia-smi counts; `0:1` is part 1 of card 0.
        name: as torch has it, too.
        memory_free, memory_total: bytes, when it was asked for; None where the driver does not say, as of MIG parts.
        compute_mode: Default, Exclusive_Process or Prohibited.
        capability: of its computations, as (9, 0); None if unknown.
        parts: those of a card in MIG mode, which has no use as a whole; None of any other.
    """

    id: str
    label: str
    uuid: str
    name: str
    memory_free: int | None = None
    memory_total: int | None = None
    driver: str = ""
    compute_mode: str = "Default"
    capability: tuple[int, int] | None = None
    parts: tuple[Card, ...] | None = field(default=None, repr=False)

    @property
    def one_process(self) -> bool:
        """Whether a second process would be refused."""
        return self.compute_mode.startswith("Exclusive") and not mps_runs()


@dataclass(frozen=True)
class Found:
    """What nvidia-smi answers.

    Attributes:
        cards: of the machine, whatever `CUDA_VISIBLE_DEVICES` says.
        problem: what it says if it fails; empty where it does not exist.
    """

    cards: tuple[Card, ...] = ()
    problem: str = ""


def without_cards() -> bool:
    """Whether this machine surely has no card, which is known without torch; false where only torch can say."""
    return sys.platform == "linux" and not shutil.which("nvidia-smi") and not any(map(os.path.exists, _DRIVERS))


def installed_cards() -> Found:
    """All cards of this machine, as they were when this process asked first."""
    program = shutil.which("nvidia-smi")
    return _installed(program) if program else Found()


@functools.cache
def _installed(program: str) -> Found:
    return ask(program)


def ask(program: str) -> Found:
    """All cards of this machine, as they are now."""
    answer, problem = _run(program, f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits")
    if problem:
        return Found(problem=problem)
    cards = parse(answer)
    if "Enabled" in answer:
        listed, problem = _run(program, "-L")
        cards = _with_parts(cards, answer, listed)
    return Found(tuple(cards), problem)


def _run(program: str, *words: str) -> tuple[str, str]:
    """What it prints, and what is wrong."""
    try:
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "", f"nvidia-smi does not answer within {_SECONDS:g} s"
    except OSError as error:
        return "", f"nvidia-smi: {error.strerror}"
    if done.returncode:
        said = (done.stdout.strip() or done.stderr.strip()).splitlines()
        return "", f"nvidia-smi: {said[0] if said else f'exit code {done.returncode}'}"
    return done.stdout, ""


def parse(answer: str) -> list[Card]:
    """The cards in lines of `FIELDS`; what is no such line is left out."""
    rows = ([word.strip() for word in line.split(",")] for line in answer.splitlines())
    return [_card(dict(zip(FIELDS, row, strict=True))) for row in rows if len(row) == len(FIELDS)]


def _card(row: Mapping[str, str]) -> Card:
    major, _, minor = row["compute_cap"].partition(".")
    return Card(
        row["uuid"],
        row["index"],
        row["uuid"],
        row["name"],
        _bytes(row["memory.free"]),
        _bytes(row["memory.total"]),
        row["driver_version"],
        row["compute_mode"],
        (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None,
    )


def _bytes(mebibytes: str) -> int | None:
    return int(mebibytes) << 20 if mebibytes.isdecimal() else None  # else `[N/A]`


def _with_parts(cards: Sequence[Card], answer: str, listed: str) -> list[Card]:
    """The cards in MIG mode with the parts that `nvidia-smi -L` lists below each."""
    split = {line.partition(",")[0] for line in answer.splitlines() if "Enabled" in line}
    parts: dict[str, list[Card]] = {label: [] for label in split}
    whole: Card | None = None
    for line in listed.splitlines():
        whole = next((card for card in cards if line.startswith(f"GPU {card.label}:")), whole)
        if whole and whole.label in split and (match := _MIG.match(line)):
            parts[whole.label].append(_part(whole, *match.groups()))
    return [replace(card, parts=tuple(parts[card.label])) if card.label in split else card for card in cards]


def _part(whole: Card, profile: str, number: str, uuid: str) -> Card:
    name, label = f"{whole.name} MIG {profile}", f"{whole.label}:{number}"
    return replace(whole, id=uuid, uuid=uuid, label=label, name=name, memory_free=None, memory_total=None)


def visible(cards: Sequence[Card], variable: str | None) -> list[Card]:
    """Those that `CUDA_VISIBLE_DEVICES` leaves, in its order, each with the entry that names it alone.

    As CUDA reads it: numbers, UUIDs or beginnings of them, and what follows an entry that names no card is ignored; a card
    that is named twice leaves none. Without the variable, all cards.
    """
    if variable is None:
        named = [(card.label if len(cards) == 1 else card.uuid, card) for card in cards]
    else:
        named = list(_named(cards, variable))
        if len({card.uuid for _, card in named}) < len(named):
            return []
    return [
        usable for entry, card in named for usable in ((replace(card, id=entry),) if card.parts is None else card.parts)
    ]


def _named(cards: Sequence[Card], variable: str) -> Iterable[tuple[str, Card]]:
    every = [*cards, *(part for card in cards for part in card.parts or ())]
    for entry in map(str.strip, variable.split(",")):
        if entry.isdecimal():
            meant = [card for card in cards if card.label == str(int(entry))]
        else:
            meant = [card for card in every if entry and card.uuid.startswith(entry)]
        if len(meant) != 1:
            return
        yield entry, meant[0]


def mps_folder() -> Path:
    """Where processes find the control daemon of MPS, which lets those of one user compute on a card together."""
    return Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or "/tmp/nvidia-mps")


def mps_runs() -> bool:
    """Whether that daemon is there: it opens a pipe of the name `control`."""
    return (mps_folder() / "control").exists()


def use_card(card: Card) -> None:
    """Let this process, which has not begun with CUDA, have this card alone."""
    os.environ[VARIABLE] = card.id
    os.environ.setdefault(
        "CUDA_DEVICE_ORDER", "PCI_BUS_ID"
    )  # numbers as nvidia-smi has them, and so our lines and records
    _given.append(card)


def see(card: Card | None, visible: str | None) -> None:
    """Let this process, which a fork server has made, see this card alone; or, without one, what its command sees."""
    if card:
        use_card(card)
    elif visible is not None:
        os.environ[VARIABLE] = visible


def given_card() -> Card | None:
    """The card that `use_card` gave to this process."""
    return _given[-1] if _given else None
