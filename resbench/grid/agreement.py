"""Whether the claims, published numbers and predictions of a grid speak of cells that it has."""

from __future__ import annotations

from collections.abc import Sequence

from resbench.core.cell import Cell, Value, contains, label, matches
from resbench.grid.source import Source
from resbench.records.claim import Claim, ClaimedCells, Published
from resbench.records.theory import Prediction


def check_claims(
    source: Source,
    claims: Sequence[Claim],
    cells: Sequence[Cell],
    axes: Sequence[str],
    excluded: Sequence[Cell] = (),
    narrowed: bool = False,
) -> None:
    """Each claim must name one cell on either side of each comparison, and find a pair for every value that it names.

    Args:
        axes: dotted paths of the grid's axes.
        excluded: cells that are left out.
        narrowed: whether the command line may have taken cells away: then claims may miss some.
    """
    for index, claim in enumerate(claims):
        line = source.document.line("claims", index)
        if claim.between:
            _check_interactions(source, claim, line, cells, axes, [*cells, *excluded], narrowed)
            continue
        comparisons = list(claim.comparisons(cells))
        missing = _values_missing(source, claim, [*cells, *excluded])
        if comparisons and not narrowed:
            missing += _pairs_missing(claim, comparisons, cells, excluded)
        elif not missing and not narrowed:
            missing = [_why_none(claim, cells)]
        for text in missing:
            source.wrong(line, f"claims: {text}")
        _check_single(source, line, comparisons, axes)


def _check_single(source: Source, line: int, comparisons: Sequence[ClaimedCells], axes: Sequence[str]) -> None:
    """Each side of a comparison is one cell."""
    for context, compare, to in comparisons:
        if len(compare) > 1 or len(to) > 1:
            several = max(compare, to, key=len)
            varying = [path for path in axes if len({repr(cell[path]) for cell in several}) > 1]
            where = ", ".join(f"{path}={value}" for path, value in context.items())
            text = f"{len(several)} cells stand on one side{f' at {where}' if where else ''}"
            source.wrong(line, f"claims: {text}: add {' and '.join(varying)} to at, or to compare and to")
            break


def _check_interactions(
    source: Source,
    claim: Claim,
    line: int,
    cells: Sequence[Cell],
    axes: Sequence[str],
    all_cells: Sequence[Cell],
    narrowed: bool,
) -> None:
    """The same of a claim with `between`, whose comparisons have four cells.

    Args:
        all_cells: those that are left out too.
    """
    found = list(claim.interactions(cells))
    missing = _values_missing(source, claim, all_cells)
    if not narrowed:
        missing += [
            f"between: {never(path, value, all_cells)}"
            for path, values in claim.between.items()
            for value in values
            if not any(matches(cell, {path: value}) for cell in all_cells)
        ]
        if not missing:
            missing = _points_missing(claim, cells) or ([] if found else [_why_none(claim, cells)])
        missing += [
            f"at: {path}={value}: one of the four cells is not in the grid there: leave it out"
            for path, values in (claim.at if found and not missing else {}).items()
            for value in values or []
            if not any(matches(one.context, {path: value}) for one in found)
        ]
    for text in missing:
        source.wrong(line, f"claims: {text}")
    _check_single(source, line, [one for pair in found for one in (pair.first, pair.second)], axes)


def _points_missing(claim: Claim, cells: Sequence[Cell]) -> list[str]:
    """What has no difference to set against another: values under `between` at which one side has no cell."""
    points = {repr(point): point for pair in claim.pairs_between() for point in pair}
    texts = []
    for point in points.values():
        inside = [cell for cell in cells if matches(cell, point)]
        without = [side for side in (claim.compare, claim.to) if not any(matches(cell, side) for cell in inside)]
        if without:
            texts.append(f"between: {label(point)}: no cell has {' or '.join(map(label, without))}: leave it out")
    return texts


def _why_none(claim: Claim, cells: Sequence[Cell]) -> str:
    for side, values in (("compare", claim.compare), ("to", claim.to)):
        for path, value in values.items():
            if any(path in cell for cell in cells) and not any(matches(cell, {path: value}) for cell in cells):
                return f"{side}: {never(path, value, cells)}"
    return "no two cells of the grid are compared by this claim: check compare, to and at"


def _values_missing(source: Source, claim: Claim, cells: Sequence[Cell]) -> list[str]:
    """The values under `at` that no cell has, where their axis is that of the file."""
    return [
        f"at: {never(path, value, cells)}"
        for path, values in claim.at.items()
        if not source.set_by_command_line(path)
        for value in values or []
        if not any(matches(cell, {path: value}) for cell in cells)
    ]


def _pairs_missing(
    claim: Claim, comparisons: Sequence[ClaimedCells], cells: Sequence[Cell], excluded: Sequence[Cell]
) -> list[str]:
    """What has no pair to compare: a value that `at` names, or a combination of them that only `exclude` took away."""
    named = [path for path, values in claim.at.items() if values is not None]
    if not named:
        return []
    found = {repr([context[path] for path in named]) for context, _, _ in comparisons}
    unpaired: list[Cell] = [
        {path: value}
        for path in named
        for value in claim.at[path] or []
        if any(matches(cell, {path: value}) for cell in [*cells, *excluded])
        if not any(matches(context, {path: value}) for context, _, _ in comparisons)
    ]
    paired = _contexts(claim, claim.compare, [*cells, *excluded])
    paired = {key: paired[key] for key in _contexts(claim, claim.to, [*cells, *excluded]) if key in paired}
    parts = ({path: cell[path] for path in named} for cell in paired.values())
    combinations: dict[str, Cell] = {repr(part): part for part in parts}
    for part in combinations.values() if excluded else ():
        if repr(list(part.values())) not in found and not any(matches(part, less) for less in unpaired):
            unpaired.append(part)
    texts: list[str] = []
    for part in unpaired:
        inside = [cell for cell in cells if matches(cell, part)]
        without = [side for side in (claim.compare, claim.to) if not any(matches(cell, side) for cell in inside)]
        sides = " or ".join(label(side) for side in without)
        what = f"no cell has {sides}" if sides else "no two cells differ in what is compared alone"
        texts.append(f"at: {label(part)}: {what}: leave it out")
    return texts


def _contexts(claim: Claim, side: Cell, cells: Sequence[Cell]) -> dict[str, Cell]:
    """The first cell of one side at each combination of the claim's `at`."""
    out: dict[str, Cell] = {}
    for cell in cells:
        if matches(cell, side) and all(
            values is None or contains(values, cell[path]) for path, values in claim.at.items()
        ):
            out.setdefault(repr([cell[path] for path in claim.at]), cell)
    return out


def never(path: str, value: Value, cells: Sequence[Cell]) -> str:
    """The sentence for a value of an axis that no cell has."""
    present = dict.fromkeys(str(cell[path]) for cell in cells if path in cell)
    return f"{path} is never {value} in this grid: it is {', '.join(present)}"


def check_numbers(
    source: Source,
    key: str,
    rows: Sequence[Published | Prediction],
    cells: Sequence[Cell],
    narrowed: bool = False,
) -> None:
    """What a row says of axes must be true of a cell.

    Args:
        key: of the file, that has the rows: published or theory.
        narrowed: whether the command line may have taken cells away: then rows may speak of those.
    """
    axes = {path for cell in cells[:1] for path in cell}
    for index, row in enumerate(rows):
        line = source.document.line(key, index)
        values = {path: value for path, value in row.at.items() if path in axes}
        unmet = [
            never(path, value, cells)
            for path, value in values.items()
            if not narrowed and not any(matches(cell, {path: value}) for cell in cells)
        ]
        if not narrowed and not unmet and not any(matches(cell, values) for cell in cells):
            unmet = [f"no cell has {label(values)}"]
        for text in unmet:
            source.wrong(line, f"{key}: at: {text}")
