"""Pages of studies that are removed, or are gone."""

from __future__ import annotations

import shutil
from pathlib import Path

from resbench.core.files import alone
from resbench.report.page.index_page import write_index
from resbench.report.page.save import is_html
from resbench.report.page.shared import sharing
from resbench.report.run_blocks import RUNS
from resbench.report.wording.rules import RULES_PAGE

_NO_STUDY = ("goals", RULES_PAGE)


def page_of(reports: Path, name: str) -> Path | None:
    """The folder of the page of a study; None if there is none, or it is not ours."""
    folder = reports / name
    page = folder / "index.html"
    ours = (folder / "report.json").is_file() or (page.is_file() and is_html(page))
    return folder if ours and not folder.is_symlink() else None


def remove_run_page(results: Path, reports: Path, name: str, run_id: str) -> None:
    """Remove the page of a run, if it is ours."""
    for folder in {name, sharing(results, name).page}:
        page = reports / folder / RUNS / f"{run_id}.html"
        if page.is_file() and is_html(page):
            with alone(reports):
                page.unlink(missing_ok=True)


def orphan_pages(results: Path, reports: Path) -> list[Path]:
    """The folders of pages whose studies are gone; none where there is no results folder that they could be of."""
    if not results.is_dir() or not reports.is_dir():
        return []
    names = sorted(path.name for path in reports.iterdir() if path.is_dir() and path.name not in _NO_STUDY)
    return [page for name in names if not (results / name).exists() and (page := page_of(reports, name))]


def remove_pages(results: Path, reports: Path, pages: list[Path]) -> None:
    """Remove folders of pages, and bring the index up to date.

    Raises:
        UserError: the index is not ours.
    """
    if not pages:
        return
    with alone(reports):
        for page in pages:
            shutil.rmtree(page)
    write_index(results, reports)
