"""A page of a study with nothing on it but its runs, and their pages: figures take seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from resbench.report.document import Block, Heading
from resbench.report.page.run_pages import write_run_pages
from resbench.report.page.save import clean, save
from resbench.report.study import load
from resbench.report.tables.runs import run_rows, runs_block


def page_of_runs(results: Path, reports: Path, name: str, before: Sequence[Block] = ()) -> Path:
    """The page.

    Args:
        before: what stands above the runs.
    """
    study = load(results, name)
    rows = run_rows(study)
    table = runs_block(study, rows)
    assert table
    folder = clean(reports / name, name)
    write_run_pages(folder, results, name, study, rows)
    return save(folder, name, [*before, Heading("Runs"), table])
