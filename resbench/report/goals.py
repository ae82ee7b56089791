"""The page of the speed goals: what `make goals` measured, beside what was promised, and profiles of a training step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from resbench.core.config import UserError
from resbench.report.document import Block, Heading, Paragraph, Table
from resbench.report.page.save import clean, save


def write_goals(results: Path, reports: Path) -> Path | None:
    """Write `reports/goals/` from `results/goals.json`; None where nothing was measured.

    Raises:
        UserError: the file is damaged.
    """
    path = results / "goals.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        blocks = _blocks(kept)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: damaged ({error}): measure again with make goals") from None
    return save(clean(reports / "goals"), "Speed: goals and measurements", blocks)


def _blocks(kept: dict[str, Any]) -> list[Block]:
    sections = list(kept["sections"].values())
    rows = [row for section in sections for row in section["rows"]]
    judged = [_met(row) for row in rows]
    machines = dict.fromkeys(_machine(section["provenance"]) for section in sections)
    said = (
        f"{judged.count('yes')} of {judged.count('yes') + judged.count('no')} goals are met, measured by `make goals` on "
        f"{'; '.join(machines)}."
    )
    cells = [[row["what"], row["goal"], row["told"], met] for row, met in zip(rows, judged, strict=True)]
    out: list[Block] = [Paragraph(said, lead=True), Heading("Goals"), Table(["what", "goal", "measured", "met"], cells)]
    for width, columns in kept["profiles"].items():
        out += [Heading(f"Profile of a training step, width {width}, depth 34"), _profile(columns)]
    return out


def _machine(where: dict[str, Any]) -> str:
    return (
        f"{where['device_name']}, {where['cores']} cores, {where['cpu_capability']}, torch {where['versions']['torch']}, "
        f"{where['precision']}, revision {str(where['revision'])[:12]}"
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
