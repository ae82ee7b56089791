"""What the numbers say, in words that go no further than the intervals; and what is off about the records."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from resbench.report.statistics import differences, show
from resbench.report.study import Study
from resbench.report.tables import name_of, percent, points, with_interval

_MIXED = {
    "revision": "code revisions",
    "device": "devices",
    "precision": "precisions",
    "threads": "numbers of threads",
    "versions.torch": "versions of torch",
    "data_sha256": "data files",
}


def answer(study: Study, frame: pd.DataFrame) -> tuple[str, list[str]]:
    """A paragraph and, if there is a baseline, one line for each cell compared with it.

    Args:
        frame: what `statistics.cells` returns.
    """
    if not frame["seeds_ok"].sum():
        return _nothing(frame), []
    if not study.baseline:
        return _range(study, frame), []
    found = differences(study.runs, study.axes, study.baseline)
    if found.empty:
        return (
            f"No cell can be compared with the baseline ({name_of(study.baseline)}). {_range(study, frame)}",
            [],
        )
    rows = found.to_dict("records")
    return _count(study, rows), [_difference(study, row) for row in rows]


def _nothing(frame: pd.DataFrame) -> str:
    diverged = int(frame["diverged"].sum())
    if not diverged:
        return "No run has ended yet: there is no answer."
    return f"No run ended with a result: {diverged} {_runs(diverged)} diverged, so nothing can be compared."


def _range(study: Study, frame: pd.DataFrame) -> str:
    rows = frame[frame["seeds_ok"] > 0].sort_values("mean", kind="stable").to_dict("records")
    low, high = ([name_of({axis: row[axis] for axis in study.axes}), _accuracy(row)] for row in (rows[0], rows[-1]))
    if len(rows) == 1:
        return f"Test accuracy at {low[0]}: {low[1]}."
    text = f"Mean test accuracies lie between {low[1]} at {low[0]}, and {high[1]} at {high[0]}."
    if not study.baseline:
        text += " The study names no baseline, so no differences are tested;"
        text += " lowest and highest are picked by their means."
    return text


def _accuracy(row: Mapping[Hashable, Any]) -> str:
    seeds = int(row["seeds_ok"])
    kind = "one seed: no interval" if seeds == 1 else f"{seeds} seeds"
    return f"{with_interval({str(key): value for key, value in row.items()})} % ({kind})"


def _count(study: Study, rows: list[dict[Hashable, Any]]) -> str:
    """How many intervals lie on which side of zero."""
    judged = [row for row in rows if not math.isnan(row["low"])]
    text = f"Difference in test accuracy to the baseline ({name_of(study.baseline)}), in points, by seed. "
    if not judged:
        return text + "No cell shares two seeds with its baseline, so nothing can be said about the spread."
    above, below = sum(row["low"] > 0 for row in judged), sum(row["high"] < 0 for row in judged)
    text += f"Of {len(judged)} intervals (95 %, Student t): {above} above zero, {below} below, "
    text += f"{len(judged) - above - below} that cannot tell the sign."
    if len(judged) > 1:
        text += " The intervals are for one comparison each, not for all of them at once."
    if any(row["diverged"] or row["baseline_diverged"] for row in rows):
        text += " Diverged runs have no accuracy and no part in this:"
        text += " where there are any, the others are a selection."
    return text


def _difference(study: Study, row: Mapping[Hashable, Any]) -> str:
    ours = {axis: row[axis] for axis in study.axes if axis in study.baseline}
    rest = {axis: row[axis] for axis in study.axes if axis not in study.baseline}
    versus = ", ".join(f"{show(value)} against {show(study.baseline[axis])}" for axis, value in ours.items())
    head = f"{versus} at {name_of(rest)}" if rest else versus
    shared = int(row["shared"])
    if not shared:
        text = f"{head}: no shared seed ended in both"
    elif shared == 1:
        text = f"{head}: {points(row['mean'])} points (one seed: no interval)"
    else:
        span = f"[{points(row['low'])}, {points(row['high'])}]"
        text = f"{head}: {points(row['mean'])} points {span} over {shared} shared seeds"
    lost = int(row["diverged"]), int(row["baseline_diverged"])
    return f"{text}; diverged: {lost[0]}, of the baseline {lost[1]}" if any(lost) else text


def notes(study: Study) -> list[str]:
    """What a reader must know before the numbers."""
    out = []
    status = Counter(study.runs["status"])
    total = len(study.runs)
    overrides = list(map(str, (study.asked or {}).get("overrides") or []))
    if overrides:
        out.append(f"Run with other settings than the grid file says: {', '.join(overrides)}.")
    if status["missing"]:
        out.append(f"Outstanding runs: {status['missing']} of {total}; the numbers may change.")
    if status["failed"]:
        out.append(f"Failed runs, which count as not done: {status['failed']} of {total}: {_failures(study)}.")
    if status["diverged"]:
        out.append(f"Diverged runs: {status['diverged']} of {total}; a result, counted and not averaged.")
    for field, words in _MIXED.items():
        values = study.provenance(field)
        if len(values) > 1:
            told = ", ".join(f"{value[:12]} ({count})" for value, count in values.items())
            out.append(f"The records come from different {words}: {told}.")
    dirty = study.provenance("dirty")["true"]
    if dirty:
        out.append(f"Records from code with changes that were not committed: {dirty} of {len(study.records)}.")
    if study.others:
        out.append(f"{study.others} {_records(study.others)} of other settings in the folder, not shown.")
    if study.damaged:
        out.append(f"{study.damaged} damaged {_records(study.damaged)} in the folder, not shown.")
    return out


def _failures(study: Study) -> str:
    errors = [record.get("error") or {} for record in study.records if record["status"] == "failed"]
    told = Counter(sorted(f"{error.get('kind', 'error')}: {_short(str(error.get('message', '')))}" for error in errors))
    return "; ".join(f"{text} ({count})" for text, count in told.items())


def _short(message: str, most: int = 160) -> str:
    line = " ".join(message.split())
    return line if len(line) <= most else f"{line[:most]}…"


def _records(count: int) -> str:
    return "record" if count == 1 else "records"


def _runs(count: int) -> str:
    return "run" if count == 1 else "runs"


def command(study: Study) -> str:
    """The command that does the outstanding runs, or nothing if there are none."""
    if not study.asked.get("file") or not study.runs["status"].isin(["missing", "failed"]).any():
        return ""
    return shlex.join(["resbench", "run", str(study.asked["file"]), *map(str, study.asked.get("overrides") or [])])


def headline(frame: pd.DataFrame) -> str:
    """Alternative text of the main figure: its range in words."""
    means = frame["mean"].dropna()
    if means.empty:
        return "Test error: no run ended with a result."
    low, high = percent(1 - means.max()), percent(1 - means.min())
    return f"Test error of {len(frame)} cells; means from {low} to {high} percent, as in the table of cells."
