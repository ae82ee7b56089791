"""Pieces of a page that only runs have: links, the curve of a run, and the table of all runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from resbench.core.sparkline import sparkline

RUNS = "runs"  # the folder of the pages of runs, in that of the page of a study
DATA_FILE = "data.csv"  # all runs of a study, in the same
DATA_HEAD = "run,cell,"  # what it begins with
CURVE = 40  # characters of a curve in a terminal


class Link(NamedTuple):
    """What a reader clicks, and where it leads; empty where it leads nowhere."""

    text: str
    href: str = ""


@dataclass(frozen=True)
class Links:
    """A line of links, behind what they are; a terminal shows their text."""

    before: str
    links: Sequence[Link]

    @property
    def text(self) -> str:
        return f"{self.before} {' '.join(link.text for link in self.links)}"


@dataclass(frozen=True)
class RunCurve:
    """Quantities over a run, of one unit: a drawing on a page, bars of characters in a terminal.

    Attributes:
        title: what they are.
        x: what they are drawn over.
        lines: name -> its points, (x, y).
    """

    title: str
    x: str
    lines: Mapping[str, Sequence[tuple[float, float]]]

    @property
    def texts(self) -> list[str]:
        """A line for each quantity: `train loss ▇▃▁ 2.3 to 0.1`."""
        wide = max(map(len, self.lines), default=0)
        return [
            f"{name.ljust(wide)} {sparkline([y for _, y in points], CURVE)} {points[0][1]:.3g} to {points[-1][1]:.3g}"
            for name, points in self.lines.items()
        ]

    @property
    def drawn(self) -> bool:
        """Whether there is more to draw than one point."""
        return any(sum(math.isfinite(y) for _, y in points) > 1 for points in self.lines.values())


@dataclass(frozen=True)
class Runs:
    """Every run of a study: a row each, and what a script compares two of them by.

    Attributes:
        head, rows: finished text; the first column is the id.
        right: which columns are of numbers.
        pages: of each row the page of its run; empty where it has none.
        caption: what the numbers mean.
        facts: for the script, as JSON.
        csv, file: all of it as a CSV file, and its name.
        on: what tells it from the runs of another study on the same page.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[bool]
    pages: Sequence[str]
    caption: str
    facts: str
    csv: str
    file: str = DATA_FILE
    on: str = ""
