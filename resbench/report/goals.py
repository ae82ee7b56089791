"""The page of the speed goals: what `make goals` measured, next to what was promised, and profiles of a training step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from resbench.core.errors import UserError
from resbench.core.version import short_revision
from resbench.report.document import Block, Heading, Paragraph, Table


def goal_blocks(results: Path) -> list[Block] | None:
    """The page of `results/goals.json`; None where nothing was measured.

    Raises:
        UserError: the file is damaged.
    """
    path = results / "goals.json"
    try:
        return _blocks(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: damaged ({error}): measure again with make goals") from None


def _blocks(goals: dict[str, Any]) -> list[Block]:
    sections = list(goals["sections"].values())
    rows = [row for section in sections for row in section["rows"]]
    met = [_met(row) for row in rows]
    machines = dict.fromkeys(_machine(section["provenance"]) for section in sections)
    lead = (
        f"{met.count('yes')} of {met.count('yes') + met.count('no')} goals are met, measured by `make goals` on "
        f"{'; '.join(machines)}."
    )
    cells = [[row["what"], row["goal"], row["told"], verdict] for row, verdict in zip(rows, met, strict=True)]
    out: list[Block] = [Paragraph(lead, lead=True), Heading("Goals"), Table(["what", "goal", "measured", "met"], cells)]
    for width, columns in goals["profiles"].items():
        out += [Heading(f"Profile of a training step, width {width}, depth 34"), _profile(columns)]
    return out


def _machine(where: dict[str, Any]) -> str:
    return (
        f"{where['device_name']}, {where['cores']} cores, {where['cpu_capability']}, torch {where['versions']['torch']}, "
        f"{where['precision']}, revision {short_revision(str(where['revision']))}"
    )


def _met(row: dict[str, Any]) -> str:
    if row["least"] is None and row["most"] is None:
        return ""
    return "yes" if (row["least"] or 0.0) <= row["value"] <= (row["most"] or float("inf")) else "no"


def _profile(columns: dict[str, dict[str, float]]) -> Table:
    kinds = list(next(iter(columns.values())))
    rows = [[kind, *(f"{column[kind]:,.0f}" for column in columns.values())] for kind in kinds]
    rows.append(["all", *(f"{sum(column.values()):,.0f}" for column in columns.values())])
    return Table(
        ["operation", *columns], rows, "Milliseconds of one step of 128 images, by the time spent in each kind."
    )
