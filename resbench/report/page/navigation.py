"""The line on each page that leads to the others, to the grid file and to the records: only to what is there."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from resbench.records.store import Store
from resbench.records.study_file import StudyFile
from resbench.records.takeover import grid_file
from resbench.report.document import slug
from resbench.report.page.markdown import escape
from resbench.report.page.save import is_html, write_text

_LINE = re.compile(r'(<div class="studies"[^>]*>)[^\n]*?(</div>)')  # page.html has it at the top and at the bottom
_ALL = "All studies"
_TEXT = re.compile(rf"^\[{_ALL}\]\(<[^\n]*\n\n?", re.MULTILINE)  # no text of a study makes it, as brackets are escaped


class Place(NamedTuple):
    """A page in the order of the story.

    Attributes:
        page: the name of its folder.
        names: of the studies on it.
    """

    page: str
    names: Sequence[str]


class _Link(NamedTuple):
    text: str
    target: str


def write_navigation(results: Path, reports: Path, places: Sequence[Place], files: Mapping[str, StudyFile]) -> None:
    """Bring the line of every page up to date; a page that has the right one already is not touched.

    Args:
        places: in the order of the story.
        files: of the studies that can be read.
    """
    neighbours = reports.resolve().parent == results.resolve().parent
    for kind, index in (("index.html", "index.html"), ("report.md", "README.md")):
        there = [place for place in places if (reports / place.page / kind).is_file()]
        pages = [place.page for place in there]
        for number, place in enumerate(there):
            links = [_Link(_ALL, f"../{index}{f'#{anchor(place.page)}' if kind == index else ''}")]
            links += [_Link(f"← {one}", f"../{quote(one)}/{kind}") for one in pages[max(number - 1, 0) : number]]
            links += [_Link(f"{one} →", f"../{quote(one)}/{kind}") for one in pages[number + 1 : number + 2]]
            links += _sources(results, reports / place.page, place.names, files) if neighbours else []
            _put(reports / place.page / kind, links)
        others = {path.parent.name for path in reports.glob(f"*/{kind}")} - set(pages)
        for name in sorted(others):
            _put(reports / name / kind, [_Link(_ALL, f"../{index}")])


def without_line(page: str) -> str:
    """The Markdown of a page as it was written, before it got the line."""
    return _TEXT.sub("", page).rstrip("\n") + "\n"


def anchor(page: str) -> str:
    """Where a study stands in the index."""
    return f"study-{slug(page)}"


def _sources(results: Path, page: Path, names: Sequence[str], files: Mapping[str, StudyFile]) -> Iterator[_Link]:
    """The grid files and the records of the studies of a page."""
    root = results.resolve().parent
    for name in names:
        if name not in files:
            continue
        path = grid_file(files[name], Store(results / name)) if files[name].file else None
        several = f" of {name}" if len(names) > 1 else ""
        if path and path.resolve().is_relative_to(root):
            yield _Link(f"grid file{several}", _relative(path, page))
        yield _Link(f"records{several}", _relative(results / name, page))


def _relative(path: Path, page: Path) -> str:
    return quote(Path(os.path.relpath(path.resolve(), page.resolve())).as_posix())


def _put(path: Path, links: Sequence[_Link]) -> None:
    """Write the line into a page that is ours."""
    if path.suffix == ".html" and not is_html(path):
        return
    before = path.read_text(encoding="utf-8")
    after = _in_html(before, links) if path.suffix == ".html" else _in_text(before, links)
    if after != before:
        write_text(path, after)


def _in_html(page: str, links: Sequence[_Link]) -> str:
    line = "".join(f'<a href="{html.escape(link.target)}">{html.escape(link.text)}</a>' for link in links)
    return _LINE.sub(lambda match: f"{match[1]}{line}{match[2]}", page)


def _in_text(page: str, links: Sequence[_Link]) -> str:
    """At the end of the head of the page, and at its end."""
    line = " · ".join(f"[{escape(link.text)}](<{link.target}>)" for link in links)
    head, *rest = without_line(page).rstrip("\n").split("\n\n")
    if rest and rest[0].startswith("Study "):
        head = f"{head}\n\n{rest.pop(0)}"
    return "\n\n".join([head, line, *rest, line]) + "\n"
