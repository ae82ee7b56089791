"""A page in its folder: HTML, Markdown, every table as CSV and LaTeX, the data of every figure and of all runs as CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from resbench.core.errors import UserError
from resbench.report.document import Block, Image, Table, Views
from resbench.report.page.html import html
from resbench.report.page.latex import latex
from resbench.report.page.markdown import markdown
from resbench.report.page.names import named, titled
from resbench.report.run_blocks import DATA_FILE, DATA_HEAD, RUNS, Runs

THUMB = "figures/thumb.svg"  # the figure that answers, in its form for narrow screens
_RUN_PAGE = re.compile(r"[0-9a-f]{16}\.html")
_KINDS = {"figures": ("svg", "png", "csv"), "tables": ("csv", "tex")}
# lines of report.md that no text of a study makes, as their brackets and backticks would be escaped
_FIGURE = re.compile(r"^!\[.*\]\(figures/([a-z0-9-]+)\.svg\)$", re.MULTILINE)
_TABLE = re.compile(r"^(?! {4}).*(?<!\\)`tables/([a-z0-9-]+)\.csv`, `tables/\1\.tex`\)$", re.MULTILINE)
_TITLE = " · resbench</title>"  # of every page as HTML
_TITLE_WITHIN = 2000  # characters from the beginning


def clean(folder: Path, title: str) -> Path:
    """The folder of a page, without the figures and tables of an earlier one; all other files stay.

    Raises:
        UserError: a page that is not ours is in its place; then nothing is changed.
    """
    page, text = folder / "index.html", folder / "report.md"
    if page.exists() and not is_html(page):
        raise UserError(foreign(page))
    known = page.exists() or (folder / "report.json").exists()
    if text.exists() and not known and not _beginning(text).startswith(markdown(title, []).rstrip()):
        raise UserError(foreign(text))
    others = [path for path, ours in _of_runs(folder) if not ours]
    if others:
        raise UserError(map(foreign, others))
    for part in _KINDS:
        (folder / part).mkdir(parents=True, exist_ok=True)
    for path in _earlier(folder):
        path.unlink(missing_ok=True)
    return folder


def _earlier(folder: Path) -> Iterator[Path]:
    """The files of an earlier page: its text names its figures and tables, and pages of runs are named after them."""
    yield from (path for path, _ in _of_runs(folder))
    page = folder / "report.md"
    text = page.read_text(encoding="utf-8", errors="replace") if page.exists() else ""
    if _FIGURE.search(text):
        yield folder / THUMB
    for part, line in (("figures", _FIGURE), ("tables", _TABLE)):
        for name in set(line.findall(text)):
            yield from (folder / part / f"{name}.{kind}" for kind in _KINDS[part])


def _of_runs(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Pages of runs and the file of all data, and whether they are ours."""
    runs, data = folder / RUNS, folder / DATA_FILE
    if runs.is_dir():
        yield from ((path, is_html(path)) for path in sorted(runs.iterdir()) if _RUN_PAGE.fullmatch(path.name))
    if data.exists():
        yield data, _beginning(data).startswith(DATA_HEAD)
    yield from ((path, True) for path in folder.glob(f"*-{DATA_FILE}") if _beginning(path).startswith(DATA_HEAD))


def is_html(path: Path) -> bool:
    """Whether a file is a page that we wrote as HTML."""
    return _TITLE in _beginning(path)


def foreign(path: Path) -> str:
    """What is said of a file that is in the place of ours."""
    return f"{path}: not written by resbench, and stays as it is: move it away, or name another folder with --reports"


def _beginning(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(_TITLE_WITHIN)


def save(folder: Path, title: str, blocks: Sequence[Block], question: str = "") -> Path:
    """Write the page, its tables, and the data of its figures; the figures themselves are drawn before.

    Args:
        question: what the page is headed with, in place of its title.

    Returns:
        The HTML page.
    """
    whole = named(blocks)
    for block, heading in titled(whole):
        images = [block] if isinstance(block, Image) else block.images if isinstance(block, Views) else []
        for image in images:
            write_text(folder / "figures" / f"{image.name}.csv", image.csv)
        if isinstance(block, Runs):
            write_text(folder / block.file, block.csv)
        if isinstance(block, Table):
            write_text(folder / "tables" / f"{block.name}.csv", block.csv)
            write_text(folder / "tables" / f"{block.name}.tex", latex(block, title, heading))
    write_text(folder / "report.md", markdown(title, whole, question))
    return write_text(folder / "index.html", html(title, whole, question))


def write_text(path: Path, text: str) -> Path:
    """The file, with line ends that are the same everywhere."""
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
