"""Pieces of a page. How they look as Markdown, HTML, CSV or LaTeX is written in the modules of those names."""

from __future__ import annotations

import base64
import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from resbench.report import svg
from resbench.report.csv_text import csv_text
from resbench.report.run_blocks import Links, RunCurve, Runs
from resbench.report.svg import Mark
from resbench.report.table import Badge as Badge
from resbench.report.table import Columns as Columns
from resbench.report.table import Table as Table


@dataclass(frozen=True)
class Heading:
    text: str


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
_WORDLESS = re.compile(r"[^a-z0-9]+")


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}".replace("-", "−")
    return "" if value is None else str(value)


def slug(text: str) -> str:
    """A heading as an anchor or a file name: `Left out` -> `left-out`."""
    return _WORDLESS.sub("-", text.lower()).strip("-") or "section"
