"""What a grid file expects of its answers: claims, published numbers to hold beside ours, and a target to reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from resbench.core.config import suggestion
from resbench.records.claim import AGAINST_MARGIN, EXPECTATIONS, MARGIN, METRICS, PROBED, SHARES, contrasts, matches

if TYPE_CHECKING:
    from resbench.grid.grid import Cell, Grid
    from resbench.grid.reader import Reader

_CLAIM = ("says", "compare", "to", "at", "on", "expect", "margin", "source")
_TARGET = ("test_accuracy", "training_flops", "source")
_ROW = ("source", "on", "at", "value", "runs", "differs")


def read_claims(reader: Reader, claims: Any, grid: Grid) -> list[dict[str, Any]]:
    """The claims of a file, with `at` as axis -> values or None; every mistake goes to the reader."""
    if not isinstance(claims, list):
        reader.wrong(reader.document.line("claims"), f"claims: {claims!r} should be a list of mappings")
        return []
    return [read for index, claim in enumerate(claims) if (read := _claim(reader, claim, index, grid))]


def _claim(reader: Reader, claim: Any, index: int, grid: Grid) -> dict[str, Any] | None:
    line = reader.document.line("claims", index)
    needed = {"says", "compare", "to", "expect"}
    if not isinstance(claim, dict) or not needed <= set(claim) <= set(_CLAIM):
        reader.wrong(
            line, f"claims: each has the keys {', '.join(sorted(needed))}, and may have at, on, margin, source"
        )
        return None
    before = len(reader.mistakes)
    for key in ("says", "source"):
        if key in claim and (not isinstance(claim[key], str) or not claim[key].strip()):
            reader.wrong(line, f"claims: {key}: {claim[key]!r} should be a sentence")
    on, expect = claim.get("on", "test_error"), claim["expect"]
    for key, value, allowed in (("on", on, METRICS), ("expect", expect, EXPECTATIONS)):
        if value not in allowed:
            hint = suggestion(value, allowed)
            reader.wrong(line, f"claims: {key}: {value!r} is not one of {', '.join(allowed)}{hint}")
    probe = next((name for name, metrics in PROBED.items() if on in metrics), None)
    if probe and probe not in grid.probes and reader.lines.get("probes") != 0:
        reader.wrong(line, f"claims: on: {on} is measured by the probe {probe}: add it to probes")
    margin = claim.get("margin", MARGIN if on in SHARES else 0.0)
    if type(margin) not in (int, float) or not 0 <= margin < 1e12:
        unit = "percentage points" if on in SHARES else f"the unit of {on}"
        reader.wrong(line, f"claims: margin: {margin!r} should be the smallest difference that matters, in {unit}")
    elif expect in AGAINST_MARGIN and margin == 0:
        reader.wrong(line, f"claims: margin: {expect} needs a margin above 0, the smallest difference that matters")
    sides = {key: reader.values(claim[key], "claims", index, key) for key in ("compare", "to")}
    _check_sides(reader, sides, line, grid)
    at = _at(reader, claim.get("at"), index, grid, sides["compare"])
    if len(reader.mistakes) > before:
        return None
    told = {"says": claim["says"].strip(), **sides, "at": at, "on": on, "expect": expect, "margin": margin}
    return told | ({"source": claim["source"]} if "source" in claim else {})


def _check_sides(reader: Reader, sides: Mapping[str, Cell], line: int, grid: Grid) -> None:
    compare, to = sides["compare"], sides["to"]
    if set(compare) != set(to) or not compare:
        reader.wrong(line, "claims: compare and to should have values of the same axes, and of one at the least")
    elif compare == to:
        reader.wrong(line, "claims: compare and to are the same cells")
    for path in dict.fromkeys([*compare, *to]):
        if path not in grid.paths and reader.lines.get(path) != 0:
            reader.wrong(line, f"claims: {path} is not an axis of this grid")


def _at(reader: Reader, at: Any, index: int, grid: Grid, compare: Cell) -> dict[str, list[Any] | None]:
    """Axis -> the values that count, None for all; by default every axis that is not paired with a compared one."""
    line = reader.document.line("claims", index, "at")
    if at is None:
        paired = [path for group in grid.zips if not set(group).isdisjoint(compare) for path in group]
        return {path: None for path in grid.paths if path not in compare and path not in paired}
    if isinstance(at, list) and all(isinstance(path, str) for path in at):
        out: dict[str, list[Any] | None] = dict.fromkeys(at)
    elif isinstance(at, dict):
        out = dict(reader.values(at, "claims", index, "at"))
    else:
        reader.wrong(line, f"claims: at: {at!r} should be a list of axes, or a mapping of axes to values")
        return {}
    made = [path for path in grid.paths if reader.lines.get(path) == 0]  # axes of the command line, which no file knows
    out |= {path: None for path in made if path not in compare and path not in out}
    for path in out:
        if path in compare:
            reader.wrong(line, f"claims: at: {path} is what is compared: leave it out")
        elif path not in grid.paths and reader.lines.get(path) != 0:
            reader.wrong(line, f"claims: at: {path} is not an axis of this grid{suggestion(path, grid.paths)}")
    return {path: values for path, values in out.items() if path in grid.paths}


def _why_none(claim: Mapping[str, Any], cells: Sequence[Cell]) -> str:
    for side in ("compare", "to"):
        for path, value in claim[side].items():
            there = dict.fromkeys(str(cell[path]) for cell in cells if path in cell)
            if there and not any(matches(cell, {path: value}) for cell in cells):
                return f"claims: {side}: {path} is never {value} in this grid: it is {', '.join(there)}"
    return "claims: no two cells of the grid are compared by this claim: check compare, to and at"


def check_claims(reader: Reader, grid: Grid) -> None:
    """Each claim must name one cell on either side of each contrast; overrides may have taken cells away."""
    cells = [cell for cell, _ in grid.cells]
    for index, claim in enumerate(grid.claims):
        line = reader.document.line("claims", index)
        found = list(contrasts(claim, cells))
        if not found and not grid.overrides:
            reader.wrong(line, _why_none(claim, cells))
        for context, ours, theirs in found:
            if len(ours) > 1 or len(theirs) > 1:
                several = max(ours, theirs, key=len)
                varying = [path for path in grid.paths if len({repr(cell[path]) for cell in several}) > 1]
                where = ", ".join(f"{path}={value}" for path, value in context.items())
                reader.wrong(
                    line,
                    f"claims: {len(several)} cells stand on one side{f' at {where}' if where else ''}: add "
                    f"{' and '.join(varying)} to at, or to compare and to",
                )
                break


def read_published(reader: Reader, rows: Any) -> list[dict[str, Any]]:
    """Published numbers; every mistake goes to the reader."""
    if not isinstance(rows, list):
        reader.wrong(
            reader.document.line("published"), f"published: {rows!r} should be a list of {{source, on, at, value}}"
        )
        return []
    return [read for index, row in enumerate(rows) if (read := _row(reader, row, index))]


def _row(reader: Reader, row: Any, index: int) -> dict[str, Any] | None:
    line = reader.document.line("published", index)
    needed = {"source", "on", "at", "value"}
    if not isinstance(row, dict) or not needed <= set(row) <= set(_ROW):
        reader.wrong(line, "published: each row has the keys source, on, at and value, and may have runs and differs")
        return None
    if row["on"] not in METRICS:
        hint = suggestion(row["on"], METRICS)
        reader.wrong(line, f"published: on: {row['on']!r} is not one of {', '.join(METRICS)}{hint}")
    for key in ("source", "differs"):
        if not isinstance(row.get(key, ""), str):
            reader.wrong(line, f"published: {key}: {row[key]!r} should be text")
    runs = row.get("runs", 1)
    if type(runs) is not int or not 1 <= runs <= 1_000_000:
        reader.wrong(line, f"published: runs: {runs!r} should be the number of runs that the value is the mean of")
    if type(row["value"]) not in (int, float):
        reader.wrong(
            line, f"published: value: {row['value']!r} should be a number (accuracies and errors as fractions)"
        )
    elif row["on"] in SHARES and not 0 <= row["value"] <= 1:
        reader.wrong(line, f"published: value: {row['value']} is not a fraction between 0 and 1")
    return row | {"at": reader.values(row["at"], "published", index, "at")}


def read_target(reader: Reader, target: Any) -> dict[str, Any]:
    """The accuracy whose cheapest cell the page looks for; every mistake goes to the reader."""
    line = reader.document.line("target")
    if target is None:
        return {}
    unknown = next((key for key in target if key not in _TARGET), "") if isinstance(target, dict) else ""
    if not isinstance(target, dict) or unknown or "test_accuracy" not in target:
        hint = f": {unknown!r} is unknown{suggestion(unknown, _TARGET)}" if unknown else ""
        reader.wrong(line, f"target: it has the key test_accuracy, and may have training_flops and source{hint}")
        return {}
    accuracy, flops, source = target["test_accuracy"], target.get("training_flops", 1), target.get("source", "")
    if type(accuracy) not in (int, float) or not 0 <= accuracy <= 1:
        reader.wrong(line, f"target: test_accuracy: {accuracy!r} is not a fraction between 0 and 1, such as 0.9949")
    if type(flops) not in (int, float) or not 0 < flops < 1e300:
        reader.wrong(line, f"target: training_flops: {flops!r} should be the FLOPs of the published training, above 0")
    if not isinstance(source, str):
        reader.wrong(line, f"target: source: {source!r} should be text")
    return dict(target)
