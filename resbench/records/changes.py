"""What a grid that was edited since its study was written changes in the study."""

from __future__ import annotations

from typing import Any, NamedTuple

from resbench.core.text import plural
from resbench.records.study_file import StudyFile

_ANSWERS = (
    "about",
    "baseline",
    "published",
    "theory",
    "claims",
    "family",
    "target",
    "looks",
    "labels",
    "story",
)  # what the report reads; the rest decides the runs


class Change(NamedTuple):
    """How a study differs from its grid as it is now.

    Attributes:
        file: the study with what its grid says now, where its cells are those of the grid; else None.
        note: the difference, in a line; empty if there is none.
    """

    file: StudyFile | None = None
    note: str = ""


def change(stored: StudyFile, now: StudyFile) -> Change:
    """Compare a study with its grid."""
    name = stored.name or now.name
    since = f"{name}: its grid file has changed since it was run"
    if now.name != name:
        return Change(note=f"{since}: it is now that of the study {now.name}: this is the study as it was run")
    before, after = {run.id for run in stored.runs}, _asked(stored, now)
    answers = {key: getattr(now, key) for key in _ANSWERS if _plain(stored, key) != _plain(now, key)}
    go_on = f"`resbench {stored.command}` with this file takes that in"
    counts = f"{plural(len(after - before), 'new run')}, {len(before - after)} no longer in it: {go_on}"
    if _cells(stored) != _cells(now):
        return Change(note=f"{since}: {counts}: this is the study as it was run")
    runs = "" if before == after else f": {counts}"
    if not answers:
        return Change(note=f"{since}{runs}") if runs else Change()
    changed = "its claims are read again" if "claims" in answers else f"{' and '.join(answers)} are read again"
    return Change(stored.model_copy(update=answers), f"{since}: {changed}{runs}")


def _plain(study: StudyFile, key: str) -> Any:
    value = study.model_dump(mode="json", include={key})[key]
    return value if value is not None else {}


def _asked(stored: StudyFile, now: StudyFile) -> set[str]:
    """Ids of the runs of the grid; of a plan of looks those of its first look, and those that results have asked for."""
    if not (stored.looks and now.looks):
        return {run.id for run in now.runs}
    before = {run.id for run in stored.runs}
    return {run.id for run in now.runs if run.seed < now.looks.sizes[0] or run.id in before}


def _cells(study: StudyFile) -> set[str]:
    return {repr(sorted(run.cell.items())) for run in study.runs}
