"""A page in its folder: HTML, Markdown, every table as CSV and LaTeX, and the data of every figure as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from resbench.report.document import Block, Image, Table, named, titled
from resbench.report.page.html import html
from resbench.report.page.latex import latex
from resbench.report.page.markdown import markdown

_KINDS = {"figures": ("svg", "png", "csv"), "tables": ("csv", "tex")}


def clean(folder: Path) -> Path:
    """The folder of a page, without the figures and tables of an earlier one."""
    for part, kinds in _KINDS.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        for kind in kinds:
            for path in (folder / part).glob(f"*.{kind}"):
                path.unlink()
    return folder


def save(folder: Path, title: str, blocks: Sequence[Block]) -> Path:
    """Write the page, its tables, and the data of its figures; the figures themselves are drawn before.

    Returns:
        The HTML page.
    """
    whole = named(blocks)
    for block, heading in titled(whole):
        if isinstance(block, Image):
            write_text(folder / "figures" / f"{block.name}.csv", block.csv)
        if isinstance(block, Table):
            write_text(folder / "tables" / f"{block.name}.csv", block.csv)
            write_text(folder / "tables" / f"{block.name}.tex", latex(block, title, heading))
    write_text(folder / "report.md", markdown(title, whole))
    return write_text(folder / "index.html", html(title, whole))


def write_text(path: Path, text: str) -> Path:
    """The file, with line ends that are the same everywhere."""
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
