"""Where comparisons were made, in words that say only what tells the places apart: `at 34, 58 and 100 layers`."""

from __future__ import annotations

from collections.abc import Sequence

from resbench.core.cell import Cell, Value
from resbench.core.text import show
from resbench.report.labels import Labels, listed

_PREPOSITIONS = {"model.shortcut": "with"}


def is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Places:
    """The places of a finding.

    Args:
        contexts: the values of the `at` axes of its comparisons.
    """

    def __init__(self, contexts: Sequence[Cell], labels: Labels) -> None:
        self.labels = labels
        paths = list(dict.fromkeys(path for context in contexts for path in context))
        varying = [path for path in paths if len({show(context.get(path)) for context in contexts}) > 1]
        self.paths = varying or paths

    def short(self, context: Cell) -> Cell:
        """A place without the fields that all share, and without `none` where something else is left to say."""
        cell = {path: context[path] for path in self.paths if path in context}
        said = {path: value for path, value in cell.items() if show(value) != "none"}
        return cell if len(cell) == 1 or not said else said

    def words(self, contexts: Sequence[Cell]) -> str:
        """` at 34 and 58 layers`, ` with no shortcut`; empty where there is but one place without a name."""
        cells = [cell for context in contexts if (cell := self.short(context))]
        if not cells:
            return ""
        path = next(iter(cells[0]))
        if all(list(cell) == [path] for cell in cells):
            values = [cell[path] for cell in cells]
            text = self.labels.values(path, values)
            return f" at {text}" if text[:1].isdigit() else f" {_PREPOSITIONS.get(path, 'under')} {text}"
        return f" for {listed(map(self.labels.cell, cells))}"
