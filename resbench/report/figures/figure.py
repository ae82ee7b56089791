"""A figure as one value: what it shows, how it is drawn, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from resbench.report.figures.drawing import Canvas


@dataclass(frozen=True)
class Figure:
    """A figure of a page.

    Attributes:
        name: of its files.
        points: exactly what it shows.
        draw: draws it, on a canvas of its own.
        caption: how to read it.
        alt: what is to be seen, in a sentence or two, for those who cannot see it.
        title: what it shows, in a line.
        narrow: draws it for a narrow screen; None where it has no such form.
    """

    name: str
    points: pd.DataFrame
    draw: Callable[[], Canvas]
    caption: str
    alt: str
    title: str
    narrow: Callable[[], Canvas] | None = None
