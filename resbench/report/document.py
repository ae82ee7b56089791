"""Pieces of a page. How they look as Markdown, HTML, CSV or LaTeX is written in the modules of those names."""

from __future__ import annotations

import base64
import dataclasses
import math
import numbers
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from resbench.core import fragments
from resbench.report import svg
from resbench.report.csv_text import csv_text
from resbench.report.run_blocks import Links, RunCurve, Runs
from resbench.report.svg import Mark


@dataclass(frozen=True)
class Heading:
    text: str


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
class Paragraph:
    """Prose; its line breaks are kept.

    Attributes:
        link, label: the page that its first part leads to.
        lead: whether it is the answer of the page, which is set larger.
        badge: what it opens with.
        fold: if given, it is folded away under this line.
        anchor: its name as a place to link to.
        soft: whether it is a remark, which is set smaller.
    """

    text: str
    link: str = ""
    label: str = ""
    lead: bool = False
    badge: Badge | None = None
    fold: str = ""
    anchor: str = ""
    soft: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list; of a long one the first `most` items stand open and the rest are folded away."""

    items: Sequence[str]
    strong: bool = False
    most: int = 12


@dataclass(frozen=True)
class Code:
    text: str


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


@dataclass(frozen=True)
class Image:
    """A figure saved as `figures/<name>.svg`, `.png` and `.csv`.

    Attributes:
        svg: as `svg.compact` returns.
        alt: what is to be seen, for those who cannot see it.
        caption: how to read it.
        data: exactly what is plotted; it stands folded under the figure.
        png: what the page shows instead of an SVG of thousands of marks, which is slow to draw and large.
        title: what it shows, in a line.
        narrow: an SVG for narrow screens; empty where there is none.
        opened: whether it stands open on the page, or among the other views.
        linked: whether the page shows the file next to it, in place of a copy of its own.
        with_data: whether the page carries its data, or names the file alone.
        marks, narrow_marks: what its points stand for, in either form.
    """

    name: str
    svg: str
    alt: str
    caption: str
    data: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame, compare=False)
    png: bytes = b""
    title: str = ""
    narrow: str = ""
    opened: bool = True
    linked: bool = False
    with_data: bool = True
    marks: Sequence[Mark] = ()
    narrow_marks: Sequence[Mark] = ()

    @cached_property
    def csv(self) -> str:
        """The CSV file of the data."""
        return csv_text(self.data)

    @property
    def uri(self) -> str:
        """The PNG, where the page shows that, or the file next to the page."""
        if self.linked:
            return f"figures/{self.name}.svg"
        if self.png and len(self.png) < len(self.svg) and len(self.svg) > _LARGE:
            return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"
        return ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, so that a browser keeps the room before it has drawn the figure."""
        return svg.size(self.svg)

    @property
    def markup(self) -> str:
        """The SVG as a part of the page."""
        return svg.inline(self.svg, f"{self.name}.", self.title, self.alt, self.marks)

    @property
    def narrow_markup(self) -> str:
        """The same of the SVG for narrow screens; empty without one."""
        if not self.narrow:
            return ""
        return svg.inline(self.narrow, f"n.{self.name}.", self.title, self.alt, self.narrow_marks)

    def table(self, most: int) -> Table:
        """The first rows of the data."""
        part = self.data.head(most)
        head = [str(name) for name in part.columns]
        rows = [[_shown(value) for value in row] for row in part.itertuples(index=False, name=None)]
        values = [list(row) for row in part.itertuples(index=False, name=None)]
        return Table(head, rows, name=self.name, values=values, frame=self.data)


@dataclass(frozen=True)
class Views:
    """Figures that are folded away, under a title or their names."""

    images: Sequence[Image]
    title: str = ""

    @property
    def summary(self) -> str:
        return self.title or f"More views: {', '.join(image.name.replace('-', ' ') for image in self.images)}"


class Card(NamedTuple):
    """A study in the index.

    Attributes:
        page: the folder of its page.
        image, title, size: path of the figure that answers, what it shows, and its pixels.
        also: the other studies on its page.
    """

    name: str
    page: str
    question: str
    answer: str
    state: str
    badges: Sequence[Badge] = ()
    table: Table | None = None
    image: str = ""
    title: str = ""
    also: Sequence[Any] = ()
    size: tuple[int, int] = (0, 0)


Block = Card | Heading | Paragraph | Bullets | Code | Table | Image | Views | Links | RunCurve | Runs
_LARGE = 500_000  # bytes
_NUMBER = re.compile(r"[<>≤≥]? ?[+−-]?[\d.,]+(e[+-]?\d+)?(%| |$)|–$|$")
_OPENING = re.compile(r"[<>≤≥]? ?([+−-]?)(\d[\d,]*(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+)")
_WORDLESS = re.compile(r"[^a-z0-9]+")


def _opening(text: str) -> float | None:
    """The number that a text opens with: `−1,234.5 ± 2` -> -1234.5."""
    match = _OPENING.match(text)
    return float(match[1].replace("−", "-") + match[2].replace(",", "")) if match else None


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}".replace("-", "−")
    return "" if value is None else str(value)


def slug(text: str) -> str:
    """A heading as an anchor or a file name: `Left out` -> `left-out`."""
    return _WORDLESS.sub("-", text.lower()).strip("-") or "section"
