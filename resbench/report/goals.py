"""The page of the speed goals: what `make goals` measured, next to what was promised, slopes, and profiles of a step."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from resbench.core.errors import UserError
from resbench.core.text import duration
from resbench.core.version import short_revision
from resbench.report.document import Block, Bullets, Heading, Paragraph, Table
from resbench.report.format import capitalised, significant

_SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "training": ("width-", "outside-steps", "evaluation"),
    "grids": ("grid-of-",),
    "time to a verdict": ("verdict",),
    "commands": ("quickstart", "command-line", "large-plan"),
    "growth": ("growth-of-",),
    "scheduling": ("scheduling",),
}  # how the names of the sections begin that measure each
_OTHER = "other subjects"
_SLOPES = (
    "Slopes of lines through the logarithms, by least squares over all points and over those of the last decade, as a start that "
    "is the same for all sizes flattens the first; 1 is linear. The goal holds for both."
)
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
    by_subject: dict[str, list[dict[str, Any]]] = {}
    for name, section in goals["sections"].items():
        by_subject.setdefault(_subject(name), []).extend(section["rows"])
    subjects = [one for one in (*_SUBJECTS, _OTHER) if one in by_subject]
    missed = [row for one in subjects for row in by_subject[one] if _met(row) == "no"]
    out: list[Block] = [Paragraph(_opening({one: list(map(_met, by_subject[one])) for one in subjects}), lead=True)]
    out += [Bullets([_miss(row) for row in missed])] if missed else []
    out.append(Paragraph(_measured(list(goals["sections"].values()))))
    for subject in subjects:
        out += [Heading(capitalised(subject)), *_tables(by_subject[subject])]
    for width, columns in goals["profiles"].items():
        out += [Heading(f"Profile of a training step, width {width}, depth 34"), _profile(columns)]
    return out


def _subject(section: str) -> str:
    return next((one for one, names in _SUBJECTS.items() if section.startswith(names)), _OTHER)


def _tables(rows: Sequence[dict[str, Any]]) -> Iterator[Table]:
    """What was measured, and apart from it the slopes."""
    plain = [row for row in rows if not row.get("growth")]
    if plain:
        cells = [[_plain(row["what"]), row["goal"], _rounded(row["told"]), _met(row)] for row in plain]
        yield Table(["what", "goal", "measured", "met"], cells)
    slopes = [row for row in rows if row.get("growth")]
    if slopes:
        head = list(slopes[0]["growth"])
        cells = [[*(_plain(row["growth"][key]) for key in head), row["goal"], _met(row)] for row in slopes]
        yield Table([*head, "goal", "met"], cells, _SLOPES, name="slopes")


def _opening(met: Mapping[str, Sequence[str]]) -> str:
    """How many goals are met and missed, and of which subjects these are."""
    counts = Counter(verdict for verdicts in met.values() for verdict in verdicts)
    goals, missed = counts["yes"] + counts["no"], counts["no"]
    if not missed:
        return f"All {goals} goals are met."
    of = ", ".join(f"{verdicts.count('no')} of {one}" for one, verdicts in met.items() if "no" in verdicts)
    are = "is" if counts["yes"] == 1 else "are"
    return f"{counts['yes']} of {goals} goals {are} met, {missed} {'is' if missed == 1 else 'are'} missed: {of}."


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


def _measured(sections: Sequence[dict[str, Any]]) -> str:
    """On what machine the goals were measured, with which revisions, and how long that took."""
    wheres = [section["provenance"] for section in sections]
    machines = dict.fromkeys(map(_machine, wheres))
    revisions = list(dict.fromkeys(short_revision(str(where["revision"])) for where in wheres))
    noun = "revision" if len(revisions) == 1 else "revisions"
    took = f" in {duration(sum(section['seconds'] for section in sections))}" if all(map(_timed, sections)) else ""
    return f"Measured by make goals{took} on {'; '.join(machines)}; {noun} {', '.join(revisions)}."


def _timed(section: dict[str, Any]) -> bool:
    return "seconds" in section


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
