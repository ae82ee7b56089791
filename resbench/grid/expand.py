"""From the values of a grid file to its cells: every combination is validated as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from resbench.core.config import explain, flatten, nest
from resbench.grid.expectations import check_claims
from resbench.grid.grid import Cell, Grid
from resbench.records.claim import among
from resbench.training.run import RunConfig

if TYPE_CHECKING:
    from resbench.grid.reader import Reader

_MOST_CELLS = 1_000_000
_MOST_RUNS = 2_000_000
_DEFAULTS = flatten(RunConfig().model_dump())


def build(reader: Reader, grid: Grid) -> None:
    """Fill `cells` and `excluded`; what means nothing is a mistake unless an exclusion removes it.

    Args:
        reader: of the file, which is told every mistake.
        grid: with its axes, values and exclusions.
    """
    count = 1
    for choices in [*grid.axes.values(), *(next(iter(group.values())) for group in grid.zips)]:
        count *= len(choices)
    if count > _MOST_CELLS:
        reader.wrong(reader.document.line("axes"), f"axes: {count} cells are more than {_MOST_CELLS}: split the grid")
        return
    refused: dict[tuple[int, str], Cell] = {}
    for cell in grid.points():
        values = grid.base | cell
        rule = next((rule for rule in grid.exclude if rule.matches(_DEFAULTS | values)), None)
        if rule:
            grid.excluded.append((cell, rule.because))
            continue
        try:
            grid.cells.append((cell, RunConfig.model_validate(nest(values)).normalised()))
        except ValidationError as error:
            for _, text, blamed in explain(error):
                if not reader.doubtful.keys().isdisjoint(blamed):
                    continue  # may be wrong only for want of the value that was refused
                path = next(
                    (p for p in blamed if p in grid.paths),
                    next((p for p in blamed if p in reader.lines), blamed[0]),
                )
                refused.setdefault((reader.lines.get(path, 1), f"{path}: {text}"), cell)
    for (line, text), cell in refused.items():
        where = ", ".join(f"{path}={value}" for path, value in cell.items() if path not in text)
        reader.wrong(line, text + (f" (first at {where}; `exclude` can drop such cells)" if where else ""))
    if reader.mistakes:
        return
    runs = len(grid.cells) * len(grid.seeds)
    if runs > _MOST_RUNS:
        text = f"seeds: {len(grid.seeds):,} of each of {len(grid.cells):,} cells are {runs:,} runs"
        reader.wrong(reader.document.line("seeds"), f"{text}, more than {_MOST_RUNS:,}: split the grid")
        return
    if not grid.cells:
        reader.wrong(reader.document.line("exclude"), "exclude: leaves no cell to run")
    _check_baseline(reader, grid)
    check_claims(reader, grid)


def _check_baseline(reader: Reader, grid: Grid) -> None:
    """The baseline must point at cells of the grid."""
    for path, value in grid.baseline.items():
        if path not in grid.paths:
            reader.wrong(reader.document.line("baseline"), f"baseline: {path} is not an axis of this grid")
        elif not among(value, grid.axes.get(path, [cell[path] for cell, _ in grid.cells])):
            if reader.lines.get(path) == 0:  # an override took the baseline out of the grid, knowingly
                continue
            reader.wrong(reader.document.line("baseline"), f"baseline: no cell has {path}={value}")
