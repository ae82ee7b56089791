"""What checks find, as rows of a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

SCHEMA = 1
NOT_CHECKED = "not checked here"
Status: TypeAlias = Literal["ok", "failed", "timeout", "skipped"]


@dataclass(frozen=True)
class Row:
    """One finding.

    Attributes:
        what: was looked at.
        told: the finding in words.
        value: the number of which a goal speaks.
        ok: whether it is as it must be; None for a measurement.
        least, most: the goal, if there is one. A goal that is missed is shown; it fails no check.
    """

    what: str
    told: str
    value: float | None = None
    ok: bool | None = None
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one, or without a number."""
        if self.value is None or (self.least is None and self.most is None):
            return None
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    @property
    def goal(self) -> str:
        """`at least 5`, or nothing."""
        parts = [f"at least {self.least:g}"] if self.least is not None else []
        return ", ".join(parts + ([f"at most {self.most:g}"] if self.most is not None else []))

    @property
    def verdict(self) -> str:
        """One word for the table."""
        if self.ok is not None:
            return "ok" if self.ok else "FAILED"
        return {True: "met", False: "missed", None: ""}[self.met]


def not_checked(told: str) -> Row:
    """What this machine could not show."""
    return Row(NOT_CHECKED, told)


@dataclass
class Outcome:
    """How a check ended.

    Attributes:
        code, name: `C4`, `bits`.
        error: last line of what it wrote, if it ended in any way but by itself.
    """

    code: str
    name: str
    status: Status
    seconds: float
    rows: list[Row] = field(default_factory=list)
    error: str = ""

    def line(self) -> str:
        """`C4 ok 12.3 s bits: ...`: first what failed, then goals, then what else was found."""
        ranked = sorted(self.rows, key=lambda row: (row.ok is not False, row.met is None, row.what == NOT_CHECKED))
        texts = [f"{row.what}: {row.told}" + f" ({row.verdict})" * (row.verdict not in ("", "ok")) for row in ranked]
        words = "; ".join(filter(None, [self.error, *texts])).replace("\n", " ")
        return f"{self.code} {self.status} {self.seconds:.1f} s {self.name}: {_clipped(words, 300)}"


@dataclass
class Acceptance:
    """All of one call.

    Attributes:
        machine: facts about it, as text.
        seconds: of the whole.
    """

    device: str
    small: bool
    budget: float
    began: str
    machine: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    outcomes: list[Outcome] = field(default_factory=list)
    schema: int = SCHEMA

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Acceptance:
        """The inverse of `to_json`.

        Raises:
            ValueError: it is not of this schema.
        """
        values: dict[str, Any] = json.loads(text)
        if values.get("schema") != SCHEMA:
            raise ValueError(f"of schema {values.get('schema')!r}, and this program reads {SCHEMA}")
        return cls(**values | {"outcomes": [_outcome(each) for each in values["outcomes"]]})


def _outcome(values: Mapping[str, Any]) -> Outcome:
    return Outcome(**{**values, "rows": [Row(**row) for row in values["rows"]]})


def append_row(path: Path, row: Row) -> None:
    """Keep a row, whatever becomes of the check."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row), allow_nan=False) + "\n")


def read_rows(path: Path) -> list[Row]:
    """The rows that were kept; a last line that was cut off is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return [Row(**json.loads(line)) for line in lines]


def _clipped(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 4] + " ..."
