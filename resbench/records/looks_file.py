"""What `looks.json` holds: at which numbers of seeds the claims of a study without a plan of looks were read.

Who reads a verdict and then adds seeds until it pleases errs more often than the level says, so each reading is kept.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from resbench.core.errors import Unwritable
from resbench.core.files import hidden, replace
from resbench.core.locks import wait_for_lock
from resbench.core.text import printable
from resbench.records.part import Part
from resbench.records.statements import time_now

NAME = "looks.json"


class ReadClaim(Part):
    """A claim as it was read.

    Attributes:
        claim: what it states, as `Claim.statement` has it.
        seeds: of each of its comparisons.
        states: of each of them.
    """

    claim: str
    seeds: list[int]
    states: list[str]


class Reading(Part):
    """Claims that were read at numbers of seeds at which they had not been before.

    Attributes:
        time: ISO 8601, in UTC.
        command: that showed them.
        planned: seeds of each cell that were asked for, at most.
    """

    time: str
    command: str
    planned: int
    claims: list[ReadClaim]


class LooksFile(Part):
    """All readings, in the order in which they came."""

    schema_version: int = Field(default=1, alias="schema")
    looks: list[Reading]

    def seen(self, claim: str) -> list[list[int]]:
        """The numbers of seeds of its comparisons at which a claim was read, each once."""
        read = [one.seeds for look in self.looks for one in look.claims if one.claim == claim]
        return [seeds for place, seeds in enumerate(read) if seeds not in read[:place]]

    def new_of(self, claims: Sequence[ReadClaim]) -> list[ReadClaim]:
        """Those that were not read at these numbers of seeds."""
        return [one for one in claims if one.seeds not in self.seen(one.claim)]

    def united(self, other: LooksFile) -> LooksFile:
        """The readings of both, by time."""
        both = [*self.looks, *(look for look in other.looks if look not in self.looks)]
        return self.model_copy(update={"looks": sorted(both, key=lambda look: look.time)})

    def encode(self) -> bytes:
        return (json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n").encode()


def read_looks(folder: Path) -> LooksFile:
    """The readings in the folder of a study; none where the file cannot be read.

    Raises:
        ValueError: it is damaged, or not ours.
    """
    try:
        return LooksFile.read(folder / NAME)
    except FileNotFoundError:
        return LooksFile(schema=1, looks=[])
    except (OSError, RecursionError) as error:
        raise ValueError(str(error)) from None


def add_reading(folder: Path, command: str, planned: int, claims: Sequence[ReadClaim]) -> LooksFile:
    """Append what is new of these claims; returns all readings, with these even where they cannot be kept.

    A file that cannot be read stays as it is, which is said on stderr; a folder that cannot be written is passed over.
    """
    with contextlib.suppress(ValueError):
        if not (before := read_looks(folder)).new_of(claims):
            return before
    work = folder / ".work"
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):  # read only: nothing will be written either
            held.enter_context(wait_for_lock(hidden(work) / "looks.lock"))
        try:
            before = read_looks(folder)
        except ValueError as error:
            text = f"{folder / NAME}: cannot be read ({error}): it stays, and when verdicts are read is not kept"
            print(printable(text), file=sys.stderr)
            return LooksFile(looks=[_reading(command, planned, claims)])
        if not (new := before.new_of(claims)):
            return before
        after = LooksFile(schema=1, looks=[*before.looks, _reading(command, planned, new)])
        with contextlib.suppress(Unwritable):
            replace(folder / NAME, after.encode(), work)
        return after


def unite(folder: Path, others: Sequence[LooksFile]) -> None:
    """Bring the readings of other machines into a study.

    Raises:
        Unwritable: the disk is full, or may not be written.
    """
    try:
        ours = read_looks(folder)
    except ValueError:
        return  # it stays as it is
    whole = functools.reduce(LooksFile.united, others, ours)
    if whole != ours:
        replace(folder / NAME, whole.encode(), hidden(folder / ".work"))


def _reading(command: str, planned: int, claims: Sequence[ReadClaim]) -> Reading:
    return Reading(time=time_now(), command=command, planned=planned, claims=list(claims))
