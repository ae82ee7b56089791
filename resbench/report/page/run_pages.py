"""A page for each run of a study, next to the page of the study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from resbench.core.cell import CellKey, cell_key
from resbench.core.text import show
from resbench.records.run_states import RunState
from resbench.report.page.html import html
from resbench.report.run_blocks import RUNS, Link, Links
from resbench.report.show_run import run_blocks
from resbench.report.study import Study
from resbench.report.tables.runs import RunRow

_MOST_SEEDS = 24  # that are named


def write_run_pages(folder: Path, results: Path, name: str, study: Study, rows: Sequence[RunRow]) -> None:
    """Write the page of each run that has a record.

    Args:
        folder: of the page of the study.
        name: of the folder of the study in `results`.
    """
    first = {row.id: row for row in reversed(rows) if row.record}  # of two cells that are one network, the first
    shown = [row for row in rows if first.get(row.id) is row]
    places = _Places(folder.parent, results, name)
    (folder / RUNS).mkdir(exist_ok=True)
    cells: dict[CellKey, list[RunRow]] = {}
    for row in shown:
        cells.setdefault(cell_key(row.cell, study.axes), []).append(row)
    for before, row, after in zip([None, *shown], shown, [*shown[1:], None], strict=False):
        seeds = cells[cell_key(row.cell, study.axes)]
        baseline = cells.get(cell_key({**row.cell, **study.baseline}, study.axes), [])
        links = [_around(study.name, before, after), *_seeds(row, seeds), *_baseline(row, baseline)]
        text = _page(study, row, links, places)
        (folder / RUNS / f"{row.id}.html").write_text(text, encoding="utf-8", newline="\n")


def _page(study: Study, row: RunRow, links: Sequence[Links], places: _Places) -> str:
    run = RunState(row.id, row.cell, row.seed, row.status, row.record)
    blocks = run_blocks(study.name, run, study.file.baseline, [Links("record:", [places.record(row.id)])])
    heading = f"{study.labels.cell(row.cell)}, seed {show(row.seed)}"
    title = f"Run {row.id} of {study.name}"
    return html(title, [*links, *blocks], heading, above=title, script=False)


def _around(study: str, before: RunRow | None, after: RunRow | None) -> Links:
    """The way back, and to the runs before and after it in the table."""
    links = [Link(f"study {study}", "../index.html"), Link("all its runs", "../index.html#runs")]
    links += [Link("previous run", f"{before.id}.html")] if before else []
    links += [Link("next run", f"{after.id}.html")] if after else []
    return Links("", links)


def _seeds(row: RunRow, cell: Sequence[RunRow]) -> list[Links]:
    """The other seeds of its cell, those next to it where there are many."""
    if len(cell) < 2:
        return []
    at = cell.index(row)
    begin = min(max(at - _MOST_SEEDS // 2, 0), max(len(cell) - _MOST_SEEDS, 0))
    near = cell[begin : begin + _MOST_SEEDS]
    links = [Link(show(one.seed), "" if one is row else f"{one.id}.html") for one in near]
    return [Links("seeds of this cell:", links)]


def _baseline(row: RunRow, cell: Sequence[RunRow]) -> list[Links]:
    """The run of the baseline with the same seed."""
    others = [one for one in cell if one.seed == row.seed and one is not row]
    return [Links("baseline with this seed:", [Link(one.id, f"{one.id}.html") for one in others])] if others else []


class _Places:
    """Where records lie, as seen from the page of a run.

    Args:
        reports: folder of all pages.
        results: folder of all records.
        name: of the folder of the study.
    """

    def __init__(self, reports: Path, results: Path, name: str) -> None:
        ours, theirs = (path.absolute() for path in (reports, results))  # as the links of a page are read
        self._folder = f"{theirs.name}/{name}"
        self._linked = ours.parent == theirs.parent

    def record(self, run_id: str) -> Link:
        """Its file; no link where results and reports do not lie next to each other."""
        path = f"{self._folder}/{run_id}.json"
        return Link(path, f"../../../{quote(path)}" if self._linked else "")
