"""A plan of a grid, as text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resbench.core import fragments
from resbench.core.cell import Cell, label
from resbench.core.text import duration, plural, printable
from resbench.execution.cost import Cost
from resbench.execution.forecast import Fleet, Forecast
from resbench.grid.expand import Merged

_MAX_LINES = 200
_HEAD = ("cell", "done", "to do", "parameters", "MFLOPs", "time a run", "memory")


@dataclass(frozen=True)
class PlannedCell:
    """A cell of a plan: its runs with and without a record, and what each of them costs."""

    label: str
    done: int
    missing: int
    cost: Cost


@dataclass(frozen=True)
class GridPlan:
    """What a grid will do and cost; as text it is what `resbench plan` prints.

    Attributes:
        cells: in the order of the grid; of those that are one training, the first.
        excluded: cells that are left out, each with the reason.
        merged: cells that are one training, and why.
        idle: lines about values of the base that act in no cell.
        unprobed: a line about finished runs that are trained again for their probes; empty if there are none.
        seconds: predicted, until all is done.
        source: where the prediction comes from, in words.
        jobs: runs side by side.
        device: their torch device.
        evaluation: fraction of the time of a run that is not spent on training, but on validation and test images.
        fleet, forecast: other machines that were planned for, and what to expect of them.
        looks, confirmation: lines on the looks and what they cost at most, and on fresh seeds; empty without them.
    """

    name: str
    cells: list[PlannedCell]
    excluded: list[tuple[Cell, str]]
    unprobed: str
    seconds: float
    source: str
    jobs: int
    device: str
    evaluation: float = 0.0
    fleet: Fleet | None = None
    forecast: Forecast | None = None
    merged: Sequence[Merged] = ()
    idle: Sequence[str] = ()
    looks: str = ""
    confirmation: str = ""

    @property
    def done(self) -> int:
        """Runs that have their records."""
        return sum(cell.done for cell in self.cells)

    @property
    def missing(self) -> int:
        """Runs to do."""
        return sum(cell.missing for cell in self.cells)

    def __str__(self) -> str:
        return "\n".join(map(printable, [*_table(self.cells), *self._notes()]))

    def _repr_html_(self) -> str:
        cells = fragments.table(_HEAD, _rows(self.cells), [False] + [True] * (len(_HEAD) - 1))
        return cells + fragments.bullets([*_more(self.cells), *self._notes()])

    def _notes(self) -> list[str]:
        """Lines on what is left out, on time, and on stages."""
        lines = [self.unprobed] if self.unprobed else []
        lines += [f"excluded: {label(cell)}: {because}" for cell, because in self.excluded[:_MAX_LINES]]
        lines += [_one_network(merged) for merged in self.merged[:_MAX_LINES]]
        lines += self.idle
        if self.fleet and self.forecast:
            lines.append(_expectation(self.fleet, self.forecast))
        lines.append(
            f"{self.name}: {self._count()}, {plural(self.done + self.missing, 'run')}: {self.done} done, "
            f"{self.missing} to do, {plural(len(self.excluded), 'cell')} excluded; {self.jobs} at a time on {self.device}: "
            f"about {duration(self.seconds)}, by {self.source}{self._evaluation()}"
        )
        return lines + list(filter(None, [self.looks, self.confirmation]))

    def _count(self) -> str:
        """`6 cells of 4 networks`, where some are the same."""
        same = sum(len(merged.cells) - 1 for merged in self.merged)
        cells = len(self.cells) + same
        return plural(cells, "cell") + (f" of {plural(len(self.cells), 'network')}" if same else "")

    def _evaluation(self) -> str:
        return f"; evaluation: {100 * self.evaluation:.0f} % of the time" if self.missing and self.evaluation else ""


def _one_network(merged: Merged) -> str:
    some = [label(cell) for cell in merged.cells[:4]]
    more = f" and {len(merged.cells) - 4} more" if len(merged.cells) > 4 else ""
    return f"one network, trained once: {'; '.join(some)}{more}: {merged.because}"


def _rows(cells: Sequence[PlannedCell]) -> list[tuple[str, ...]]:
    """What a plan says of each cell."""
    return [
        (
            cell.label,
            str(cell.done),
            str(cell.missing),
            "" if cell.cost.parameters is None else f"{cell.cost.parameters:,}",
            "" if cell.cost.flops is None else f"{cell.cost.flops / 1e6:.1f}",
            duration(cell.cost.seconds),
            "" if cell.cost.memory is None else f"{cell.cost.memory / 2**20:,.0f} MiB",
        )
        for cell in cells[:_MAX_LINES]
    ]


def _table(cells: Sequence[PlannedCell]) -> list[str]:
    wide = max((len(cell.label) for cell in cells), default=4)
    form = f"{{:{wide}}}  {{:>4}}  {{:>5}}  {{:>10}}  {{:>8}}  {{:>10}}  {{:>9}}"
    return [form.format(*row) for row in (_HEAD, *_rows(cells))] + _more(cells)


def _more(cells: Sequence[PlannedCell]) -> list[str]:
    return [f"... and {len(cells) - _MAX_LINES} more cells"] if len(cells) > _MAX_LINES else []


def _expectation(fleet: Fleet, expected: Forecast) -> str:
    """What the forecast says besides the time."""
    text = (
        f"{fleet.nodes} nodes with {fleet.slots} runs side by side: about {duration(expected.wall)}, and not below "
        f"{duration(expected.bound)} (the work divided evenly, or the longest run)"
    )
    if fleet.mtbf is None:
        return text
    return (
        f"{text}; a node fails every {duration(fleet.mtbf)}: about {expected.lost:.0f} runs lost with their nodes and "
        f"resumed, {duration(expected.repeated)} of their work done twice"
    )
