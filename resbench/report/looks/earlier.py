"""At which numbers of seeds a comparison, or a cell against the target, was read before: by its cells, whatever was claimed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

from resbench.core.cell import Cell, matches
from resbench.records.claim import Claim
from resbench.records.looks_file import ReadClaim, Reading
from resbench.report.comparison import Comparison
from resbench.report.study import Study


def earlier_seeds(study: Study, claim: Claim, one: Comparison, seeds: int) -> tuple[int, ...]:
    """Numbers of seeds at which a comparison was read, rising; those of the plan that the study has now count not.

    Where looks are planned these are all readings from before the plan; else those at fewer seeds.

    Args:
        seeds: at which it is read now.
    """
    if claim.metric.exact:
        return ()
    planned = study.file.looks
    others = [reading for reading in study.readings if not _same_plan(reading, study)]
    read = {size for reading in others for said in reading.claims for size in _read_at(study, said, claim, one)}
    return tuple(sorted(size for size in read if size > 1 and (planned or size < seeds)))


def earlier_of_cell(study: Study, cell: Cell, seeds: int) -> tuple[int, ...]:
    """Numbers of seeds below these at which a cell was read against a target before others were asked for, rising.

    Planned looks are those of the claims: nothing is spent on the target, so each counts.
    """
    now = study.planned, study.file.looks
    others = [one.target for one in study.readings if one.target and (one.planned, one.plan) != now]
    read = {one.seeds for target in others for one in target.cells if _alike(one.cell, cell)}
    return tuple(sorted(size for size in read if 1 < size < seeds))


def plan_changed(study: Study) -> bool:
    """Whether the seeds, or the plan of looks, were changed when runs had results."""
    return any(entry.changed for entry in study.file.stated.get("seeds", ()))


def _same_plan(reading: Reading, study: Study) -> bool:
    """Whether a reading is of the plan that is being carried through."""
    plan = study.file.looks
    return reading.plan == plan and (plan is not None or reading.planned == study.planned)


def _read_at(study: Study, said: ReadClaim, claim: Claim, one: Comparison) -> Iterator[int]:
    """The seeds at which a claim that was read had this comparison."""
    try:
        stated = Claim.of_statement(said.claim)
    except ValueError:
        return
    if (stated.metric.compared_as or stated.on) != (claim.metric.compared_as or claim.on):
        return
    arms = [arm.cell for arm in one.arms]
    if said.arms:
        yield from (seeds for cells, seeds in zip(said.arms, said.seeds, strict=False) if _same(cells, arms))
        return
    listed = _listed(study, stated)
    known = len(listed) == len(said.seeds)  # else levels were added or dropped since, and no number has a place
    for place, cells in enumerate(listed):
        if _same(cells, arms):
            yield from said.seeds[place : place + 1] if known else said.seeds


def _listed(study: Study, claim: Claim) -> list[list[Cell]]:
    """The cells of a claim's comparisons in their order, in which files of earlier versions have their seeds."""
    known = claim.model_copy(update={"at": {path: values for path, values in claim.at.items() if path in study.axes}})
    cells = [cell for _, cell, _ in study.cells]
    if any(path not in study.axes for path in claim.between):
        return []
    if claim.between:
        return [[side[0] for side in one.sides] for one in known.interactions(cells)]
    idle = [study.idle.get(key, frozenset()) for key, _, _ in study.cells] if study.idle else ()
    return [[one.compare[0], one.to[0]] for one in known.comparisons(cells, idle)]


def _same(cells: Sequence[Cell], others: Sequence[Cell]) -> bool:
    """Whether the same cells are compared, in whatever order."""
    return len(cells) == len(others) and any(all(map(_alike, cells, order)) for order in permutations(others))


def _alike(cell: Cell, other: Cell) -> bool:
    """Whether two cells agree in all axes that both have: others came or went with the grid."""
    return matches(cell, {path: value for path, value in other.items() if path in cell})
