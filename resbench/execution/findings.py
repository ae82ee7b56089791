"""What plans found out on this machine: how large networks are, how fast they train, what the CPU can do.

It is kept, so that the plan of what was planned before need not import torch. It is forgotten with the code, the torch or
the CPU that it is of. Records take nothing from it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Collection
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from platformdirs import user_cache_path

from resbench.core.files import replace
from resbench.core.version import source_hash
from resbench.training.device import NamedDevice, visible_cores
from resbench.training.provenance import cpu_capability, device_name

TIMED_SECONDS = 12 * 3600.0  # for which a timing stands: the machine may have been busy then
_MOST = 20_000  # findings; then the file begins again


class Calibration(NamedTuple):
    """What was timed.

    Attributes:
        rates: images per second of a run of each network.
        start: seconds of a run before it trains.
        failure: why the rates are a guess; empty if they are not.
    """

    rates: list[float]
    start: float = 0.0
    failure: str = ""


class Findings:
    """Lists of numbers by name, and what they depend on."""

    def __init__(self) -> None:
        self._file = _file()
        self._known = _read(self._file)
        self._new: dict[str, list[float]] = {}

    def get(self, kind: str, of: str, count: int, seconds: float | None = None) -> list[float] | None:
        """So many numbers that were found before; None if they were not, or longer ago than so many seconds."""
        name = _name(kind, of)
        found = self._new.get(name) or self._known.get(name)
        if (
            found is None
            or (count and len(found) != count + 1)
            or (seconds is not None and not 0 <= time.time() - found[0] < seconds)
        ):
            return None
        return found[1:]

    def put(self, kind: str, of: str, numbers: list[float]) -> None:
        """Keep what was found; `save` writes it."""
        self._new[_name(kind, of)] = [time.time(), *numbers]

    def numbers(self, kind: str, of: str, count: int, find: Callable[[], list[float]]) -> list[float]:
        """So many numbers that were found before, else what is found now; 0 for as many as there are."""
        found = self.get(kind, of, count)
        if found is None:
            found = find()
            self.put(kind, of, found)
        return found

    def save(self, without: Collection[str] = ()) -> None:
        """Write what is new, without some kinds; where that cannot be, it is found again next time."""
        self._new = {name: found for name, found in self._new.items() if name.partition(" ")[0] not in without}
        if not self._new or not self._file:
            return
        known = _read(self._file)  # with what other commands have found meanwhile
        every = known | self._new if len(known) < _MOST else self._new
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace(self._file, json.dumps({"source": source_hash(), "found": every}).encode(), self._file.parent)
        self._new = {}


def capability(findings: Findings) -> str:
    """As `cpu_capability`, without importing torch where it is known."""
    codes = findings.numbers("capability", "", 0, lambda: [float(code) for code in cpu_capability().encode()])
    return cpu_capability() if "torch" in sys.modules else bytes(map(int, codes)).decode()


def _name(kind: str, of: str) -> str:
    return f"{kind} {hashlib.blake2b(of.encode(), digest_size=8).hexdigest()}"


def _file() -> Path | None:
    """Where the findings of this CPU and torch are kept; None for a user without a home."""
    try:
        torch = version("torch")
        folder = user_cache_path("resbench")
    except (PackageNotFoundError, RuntimeError):
        return None
    words = (device_name(NamedDevice("cpu")), visible_cores(), torch, os.environ.get("ATEN_CPU_CAPABILITY"))
    return folder / f"findings-{hashlib.blake2b(repr(words).encode(), digest_size=4).hexdigest()}.json"


def _read(file: Path | None) -> dict[str, list[float]]:
    """The findings in a file; none of a file that is damaged, or of other code."""
    try:
        content = json.loads(file.read_bytes()) if file else {}
        found = content["found"] if content["source"] == source_hash() else {}
        return {str(name): list(map(float, numbers)) for name, numbers in found.items() if _sound(numbers)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _sound(numbers: list[float]) -> bool:
    """Whether there is a time and something found, all of it finite and above zero."""
    return len(numbers) > 1 and all(0 < number < math.inf for number in map(float, numbers))
