"""Which runs of a grid are meant by comparisons such as `model.depth>=34 & seed<2` (`--only`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from resbench.core.cell import Cell, Value, contains
from resbench.core.config import Config, suggestion
from resbench.core.errors import UserError
from resbench.core.yaml_reader import parse
from resbench.grid.grid import PlannedRun
from resbench.grid.source import FIELDS, UNREADABLE, Source


def filter_runs(expressions: Sequence[str], runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Runs that satisfy every expression (`--only`).

    Args:
        expressions: comparisons joined by `&`, such as `model.depth>=34 & model.shortcut==none & seed<2`.

    Raises:
        UserError: an expression that cannot be read, an unknown path, or a value that no run has.
    """
    pairs = [(run, cell) for run in runs for cell in (run.cell, *run.others)]
    chosen = pairs
    for expression in expressions:
        for part in expression.split("&"):
            match = re.fullmatch(r"\s*([A-Za-z_.][A-Za-z0-9_.]*)\s*(==|=|!=|<=|>=|<|>)\s*(.+?)\s*", part)
            if not match or not (match[1] == "seed" or match[1] in FIELDS):
                hint = "write path==value, !=, <, <=, >, >=, joined by &"
                if match:
                    hint = f"unknown field{suggestion(match[1], [*FIELDS, 'seed'])}"
                raise UserError(f"--only: {part.strip()!r}: {hint}")
            value = parse(match[3]).value
            if match[2] in ("=", "==", "!="):
                _check_choice(part.strip(), match[1], value, pairs)
            chosen = [pair for pair in chosen if _satisfies(_setting(*pair, match[1]), match[2], value)]
    return list({run.id: run for run, _ in chosen}.values())


def _check_choice(text: str, path: str, value: Any, pairs: Sequence[tuple[PlannedRun, Cell]]) -> None:
    """What is equal to nothing, or differs from everything, is a slip.

    Raises:
        UserError: the field cannot have the value, or no run has it.
    """
    source = Source(title=f"--only: {text!r}")
    if path in FIELDS and source.value(path, value, 0) is UNREADABLE:
        source.raise_mistakes()
    present = {str(setting): setting for setting in (_setting(*pair, path) for pair in pairs)}
    if not contains(present.values(), value):
        source.wrong(0, f"no run has {path}={value}: it is {', '.join(list(present)[:20])}")
        source.raise_mistakes()


def _setting(run: PlannedRun, cell: Cell, path: str) -> Value:
    if path == "seed":
        return run.seed
    if path in cell:  # as the grid has it: the configuration has it normalised
        return cell[path]
    value: Any = run.cell_config
    for name in path.split("."):
        if isinstance(value, Config):
            value = getattr(value, name)
        else:  # a run may lack an argument that others have
            value = value.get(name, "none") if isinstance(value, dict) else "none"
    found: Value = value
    return found


def _satisfies(left: Value, sign: str, right: Value) -> bool:
    if sign in ("==", "="):
        return contains([left], right)
    if sign == "!=":
        return not contains([left], right)
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return False
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[sign]
