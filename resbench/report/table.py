"""A table of a page in its four forms, and the badges of its rows."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from resbench.core import fragments
from resbench.report.csv_text import csv_text

_NUMBER = re.compile(r"[<>≤≥]? ?[+−-]?[\d.,]+(e[+-]?\d+)?(%| |$)|–$|$")
_OPENING = re.compile(r"[<>≤≥]? ?([+−-]?)(\d[\d,]*(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+)")


class Badge(NamedTuple):
    """A verdict as a reader sees it at once.

    Attributes:
        kind: a word for its colour.
        sign: what tells it from others without colour.
        rule: what it means, in a line that shows where a reader points at it.
    """

    kind: str
    sign: str
    text: str
    rule: str = ""


@dataclass(frozen=True)
class Table:
    """A table in its four forms; columns of numbers are set to the right and sort as numbers.

    Attributes:
        head: the names of the columns.
        rows: finished text, for people.
        caption: what the numbers mean.
        fold: if given, the table is folded away under this line.
        name: saved as `tables/<name>.csv` and `.tex`; without one, `named` takes it from the heading above.
        values: the raw value of each cell, for sorting and for the CSV file; None where there is only text.
        frame: what the CSV file holds instead of `rows`, where the study knows more than the page shows.
        badges: of the rows, in place of the text of the column `verdict`.
        paths: of the columns that have words in place of the path of a field: the path, else empty.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    fold: str = ""
    name: str = ""
    values: Sequence[Sequence[Any]] | None = None
    frame: pd.DataFrame | None = None
    badges: Sequence[Badge] = ()
    paths: Sequence[str] = ()

    @classmethod
    def of(
        cls, columns: Mapping[str, Sequence[str]], raw: Mapping[str, Sequence[Any]] | None = None, **rest: Any
    ) -> Table:
        """A table from its columns.

        Args:
            columns: name -> finished text.
            raw: name -> raw values, of those columns that have them.
            rest: as the attributes.
        """
        raw = raw or {}
        absent: list[Any] = [None] * len(next(iter(columns.values()), []))
        values = list(zip(*(raw.get(name, absent) for name in columns), strict=True))
        return cls(list(columns), list(zip(*columns.values(), strict=True)), values=values, **rest)

    def _repr_html_(self) -> str:
        """In a notebook."""
        return fragments.table(self.head, self.rows, self.right)

    @property
    def right(self) -> list[bool]:
        """Which columns hold numbers only."""
        return [all(_NUMBER.match(row[i]) for row in self.rows) for i in range(len(self.head))]

    @property
    def keys(self) -> list[list[float | None]]:
        """What each cell of a column of numbers sorts by: its raw value, or the number that its text opens with."""
        right = self.right
        return [[self._key(y, x) if number else None for x, number in enumerate(right)] for y in range(len(self.rows))]

    def _key(self, y: int, x: int) -> float | None:
        value = self.values[y][x] if self.values is not None else None
        if not isinstance(value, numbers.Real):
            value = _opening(self.rows[y][x])
        return None if value is None or math.isnan(value) else float(value)

    @cached_property
    def csv(self) -> str:
        """The CSV file: the frame, or the rows with raw values in place of text where there are any."""
        if self.frame is not None:
            return csv_text(self.frame)
        values = self.values or [[None] * len(self.head)] * len(self.rows)
        rows = [
            [text if value is None else value for text, value in zip(*pair, strict=True)]
            for pair in zip(self.rows, values, strict=True)
        ]
        head = [path or name for name, path in zip(self.head, self.paths or [""] * len(self.head), strict=True)]
        return csv_text(pd.DataFrame(rows, columns=head, dtype=object).infer_objects())


class Columns:
    """A table that is put together row by row, cell by cell."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.values: dict[str, list[Any]] = {}

    def put(self, name: str, text: str, value: Any = None) -> None:
        """Add a cell to a column: its text, and its raw value for sorting and the CSV file."""
        self.texts.setdefault(name, []).append(text)
        self.values.setdefault(name, []).append(value)

    def table(self, **rest: Any) -> Table:
        """The table, with other attributes as `Table` has them."""
        return Table.of(self.texts, self.values, **rest)


def _opening(text: str) -> float | None:
    """The number that a text opens with: `−1,234.5 ± 2` -> -1234.5."""
    match = _OPENING.match(text)
    return float(match[1].replace("−", "-") + match[2].replace(",", "")) if match else None
