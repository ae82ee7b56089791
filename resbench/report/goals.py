"""The page of the speed goals: what `make goals` measured, next to what was promised, and profiles of a training step."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resbench.core.errors import UserError
from resbench.core.version import short_revision
from resbench.report.document import Block, Bullets, Heading, Paragraph, Table
from resbench.report.format import capitalised, significant

_KINDS: Mapping[str, str] = {
    **dict.fromkeys(
        ("width-16", "width-64", "grid-of-width-16", "grid-of-width-64", "outside-steps"), "the time of training"
    ),
    "command-line": "the time of commands",
    "scheduling": "the scheduling of runs",
}  # what each section of the file measures
_NUMBER = re.compile(r"(?<![\w.])\d(?:[\d,]*\d)?(?:\.\d+)?(?![\w])")


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
    sections = dict(goals["sections"])
    rows = [(name, row) for name, section in sections.items() for row in section["rows"]]
    met = [_met(row) for _, row in rows]
    missed = [(name, row) for (name, row), verdict in zip(rows, met, strict=True) if verdict == "no"]
    cells = [
        [_plain(row["what"]), row["goal"], _rounded(row["told"]), verdict]
        for (_, row), verdict in zip(rows, met, strict=True)
    ]
    out: list[Block] = [Paragraph(_opening(missed, len(met) - met.count("")), lead=True)]
    out += [Bullets([_miss(row) for _, row in missed])] if missed else []
    out += [Paragraph(_measured([section["provenance"] for section in sections.values()])), Heading("Goals")]
    out.append(Table(["what", "goal", "measured", "met"], cells))
    for width, columns in goals["profiles"].items():
        out += [Heading(f"Profile of a training step, width {width}, depth 34"), _profile(columns)]
    return out


def _opening(missed: Sequence[tuple[str, dict[str, Any]]], goals: int) -> str:
    """How many goals are missed, and of what kind those are."""
    if not missed:
        return f"All {goals} goals are met."
    kinds = Counter(_KINDS.get(name, "other things") for name, _ in missed)
    if len(kinds) > 1:
        where = ", ".join(f"{count} {'concerns' if count == 1 else 'concern'} {kind}" for kind, count in kinds.items())
    else:
        where = f"{'it concerns' if len(missed) == 1 else 'all concern'} {next(iter(kinds))}"
    return f"{len(missed)} of {goals} goals {'is' if len(missed) == 1 else 'are'} missed; {where}."


def _miss(row: dict[str, Any]) -> str:
    value = _rounded(row["told"]).split(" (")[0]
    return f"{capitalised(_plain(row['what']))}: {value}; the goal is {row['goal']}."


def _plain(text: str) -> str:
    return text.replace("`", "")


def _rounded(text: str) -> str:
    """The text with three significant digits at most in each of its numbers."""
    return _NUMBER.sub(lambda match: _three(match[0]), text)


def _three(text: str) -> str:
    digits = text.replace(",", "").replace(".", "").lstrip("0")
    return significant(float(text.replace(",", "")), 3) if len(digits) > 3 else text


def _measured(wheres: Sequence[dict[str, Any]]) -> str:
    """On what machine the goals were measured, and with which revisions."""
    machines = dict.fromkeys(map(_machine, wheres))
    revisions = list(dict.fromkeys(short_revision(str(where["revision"])) for where in wheres))
    noun = "revision" if len(revisions) == 1 else "revisions"
    return f"Measured by make goals on {'; '.join(machines)}; {noun} {', '.join(revisions)}."


def _machine(where: dict[str, Any]) -> str:
    return (
        f"{where['device_name']}, {where['cores']} cores, {where['cpu_capability']}, torch {where['versions']['torch']}, "
        f"{where['precision']}"
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
