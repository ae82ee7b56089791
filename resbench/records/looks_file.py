"""What `looks.json` holds: at which numbers of seeds the claims and the target of a study were read.

Who reads a verdict and then adds seeds until it pleases errs more often than the level says, so each reading is kept.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from resbench.core.cell import Value
from resbench.core.errors import Unwritable
from resbench.core.files import hidden, replace
from resbench.core.locks import wait_for_lock
from resbench.core.text import printable
from resbench.records.part import AS_GIVEN, Part
from resbench.records.study_file import Looks

NAME = "looks.json"


class ReadClaim(Part):
    """A claim as it was read.

    Attributes:
        claim: what it states, as `Claim.statement` has it.
        seeds: of each of its comparisons.
        states: of each of them.
        arms: the cells of the arms of each; empty in files of earlier versions.
        values: of arms that are files, the number of each seed in each of them, by which they are known again.
    """

    claim: str
    seeds: list[int]
    states: list[str]
    arms: list[list[dict[str, Value]]] = Field(default_factory=list)
    values: list[dict[str, float | None]] = Field(default_factory=list)


class ReadCell(Part):
    """A cell that was read against a target, and its seeds with a result."""

    cell: dict[str, Value]
    seeds: int


class ReadTarget(Part):
    """A target as it was read.

    Attributes:
        test_accuracy: as a fraction.
    """

    test_accuracy: Annotated[float, Field(ge=0, le=1), AS_GIVEN]
    cells: list[ReadCell]


class Reading(Part):
    """What was read at numbers of seeds at which it had not been before.

    Attributes:
        time: ISO 8601, in UTC.
        command: that showed them.
        planned: seeds of each cell that were asked for, at most.
        plan: of looks, if there was one.
    """

    time: str
    command: str
    planned: int
    claims: list[ReadClaim]
    target: ReadTarget | None = None
    plan: Looks | None = None


class LooksFile(Part):
    """All readings, in the order in which they came."""

    schema_version: int = Field(default=1, alias="schema")
    looks: list[Reading]

    def new_of(self, reading: Reading) -> Reading | None:
        """The reading without what was read at these numbers of seeds before; None if all of it was."""
        claims = [one for one in reading.claims if not self._has(one)]
        target = None if any(look.target == reading.target for look in self.looks) else reading.target
        if not claims and target is None:
            return None
        out = reading.to_json() | {"claims": [one.to_json() for one in claims]}
        return Reading.from_json({key: value for key, value in out.items() if key != "target" or target})

    def _has(self, claim: ReadClaim) -> bool:
        read = (one for look in self.looks for one in look.claims if one.claim == claim.claim)
        return any(
            one.seeds == claim.seeds and one.arms in ([], claim.arms) and one.values == claim.values for one in read
        )

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


def add_reading(folder: Path, reading: Reading) -> LooksFile:
    """Append what is new of a reading; returns all readings, with these even where they cannot be kept.

    A file that cannot be read stays as it is, which is said on stderr; a folder that cannot be written is passed over.
    """
    with contextlib.suppress(ValueError):
        if not (before := read_looks(folder)).new_of(reading):
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
            return LooksFile(looks=[reading])
        if not (new := before.new_of(reading)):
            return before
        after = LooksFile(schema=1, looks=[*before.looks, new])
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
