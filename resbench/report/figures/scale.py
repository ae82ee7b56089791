"""Where the values of an axis of the grid stand along x, and their labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes

from resbench.core.text import show
from resbench.report.figures.drawing import fitted


def is_numeric(values: Sequence[Any]) -> bool:
    """Whether all of them are numbers."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


class Scale:
    """Positions of the values of x: positive numbers by their logarithm, anything else side by side.

    Args:
        values: x of each point.
        arms: the number of the arm that each point belongs to; arms stand next to each other around a value.
        joined: whether lines join the points of an arm even where x has no order.
    """

    def __init__(self, values: Sequence[Any], arms: Sequence[int], joined: bool = False) -> None:
        self.values = list({show(value): value for value in values}.values())
        self.numeric = is_numeric(self.values) and len(self.values) > 1 and min(self.values) > 0
        places = [math.log2(value) if self.numeric else float(i) for i, value in enumerate(self.values)]
        self.places = dict(zip(map(show, self.values), places, strict=True))
        joined = joined or self.numeric  # lines keep their offset; else each value is centred on the arms that it has
        self._arms_at: dict[str, list[int]] = {
            place: sorted({arm for value, arm in zip(values, arms, strict=True) if joined or show(value) == place})
            for place in self.places
        }
        gaps = [right - left for left, right in pairwise(sorted(places))]
        self.unit = min(gaps, default=1.0)
        room = 0.3 if self.numeric else 0.75
        most = max(map(len, self._arms_at.values()))
        self.step = min(room / most, 0.06 if self.numeric else 0.22) * self.unit

    def at(self, value: object, arm: int) -> float:
        """Where an arm is drawn: next to the others that have this value."""
        arms = self._arms_at[show(value)]
        return self.places[show(value)] + (arms.index(arm) - (len(arms) - 1) / 2) * self.step

    def limits(self) -> tuple[float, float]:
        """Room around all of them, in proportion to the whole."""
        places = sorted(self.places.values())
        room = max((0.35 if self.numeric else 0.6) * self.unit, 0.05 * (places[-1] - places[0]))
        return places[0] - room, places[-1] + room

    def label(
        self,
        axes: Axes,
        name: str,
        most: float = math.inf,
        size: float | str = "medium",
        words: Callable[[str], str] = str,
    ) -> None:
        """Name the axis and its values, in labels of at most so many inches.

        Args:
            words: a value as text -> what a reader calls it.
        """
        texts = [fitted(words(show(value)), most) for value in self.values]
        axes.set_xticks(list(self.places.values()), texts, fontsize=size)
        axes.minorticks_off()
        axes.set_xlim(*self.limits())
        axes.set_xlabel(name)
