"""One line of the table of goals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A measurement.

    Attributes:
        value: the number of which the goal speaks.
        told: the measurement in words, with what it was made from.
        least, most: the goal, if there is one.
        goal: the goal in words.
        growth: where the value is a slope, its columns in the table of slopes.
    """

    what: str
    value: float
    told: str
    least: float | None = None
    most: float | None = None
    goal: str = "–"
    growth: dict[str, str] | None = None
