"""A page as one HTML file that needs no other file, no network and no JavaScript."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from resbench.core.text import control_free
from resbench.report import svg
from resbench.report.document import Block, Card, Heading, Image, Table, Views, slug
from resbench.report.page.arxiv import pieces
from resbench.report.page.curve_svg import curve_svg
from resbench.report.page.latex import latex
from resbench.report.run_blocks import Runs
from resbench.report.theme import page_rules

MAX_ROWS = 12  # of a figure's data that the page shows; the CSV file has all
FIRST_ROWS = 12  # of a table that stands open; page.css hides the rest until a reader asks for it
_MAX_BYTES = 4_000  # of a file that the page carries with it, so that a page sent alone brings it; others it links to
_TARGETS = "<!-- targets of links to some of the runs -->"
_SOME_RUNS = re.compile(r'href="#(runs=[^"<>&]*)"')
_FOLDER = Path(__file__).parent
# each script of a page, and the blocks that have a use for it
_SCRIPTS: Mapping[str, tuple[type[Any], ...]] = {
    "page.js": (Card, Table, Image, Views, Runs),
    "points.js": (Image, Views),
    "runs.js": (Runs,),
}


def html(title: str, blocks: Sequence[Block], question: str = "", above: str = "", script: bool = True) -> str:
    """The page: what stands before the first heading opens it, then a list of the sections, then the sections.

    Args:
        question: what the page is headed with.
        above: what stands small above the question; `Study` and the title by default.
        script: whether it has those scripts that its blocks have a use for.
    """
    style = _style()
    scripts = [
        _text(name) for name, kinds in _SCRIPTS.items() if script and any(isinstance(one, kinds) for one in blocks)
    ]
    sections = list(_sections(blocks))
    text = _template().render(
        title=title,
        question=question,
        above=above or f"Study {title}",
        opening=sections[0][1],
        sections=sections[1:],
        style=Markup(style),  # ours, and the only markup that is not escaped
        scripts=list(map(Markup, scripts)),
        hashes={"style": _hash(style), "script": Markup(" ").join(map(_hash, scripts)) or Markup("'none'")},
        files=partial(_files, study=title),
        download=_download,
        prose=_prose,
        linked=_linked,
        markup=Markup,  # of our own SVG and JSON, in which all texts are escaped
        curve=curve_svg,
        targets=Markup(_TARGETS),
        anchor=slug,
        images=any(isinstance(block, Card) for block in blocks) or any(image.linked for image in _images(blocks)),
        most=MAX_ROWS,
        first=FIRST_ROWS,
        letters=Markup(svg.letters(_drawn(blocks))),
    )
    return control_free(text).replace(_TARGETS, _targets(text)) + "\n"


def _targets(text: str) -> str:
    """A place for each link to some of the runs, so that it leads to the table where no script finds them."""
    names = sorted(set(_SOME_RUNS.findall(text)))
    return "".join(f'<span id="{name}"></span>' for name in names)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: _kept_together(value) if type(value) is str else value,
    )
    return environment.get_template("page.html")


@cache
def _style() -> str:
    return f"{_text('page.css')}\n{page_rules()}"


@cache
def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _drawn(blocks: Sequence[Block]) -> Iterator[str]:
    """Every SVG of the page."""
    for image in _images(blocks):
        yield from (() if image.uri else (image.svg, image.narrow))


def _images(blocks: Sequence[Block]) -> Iterator[Image]:
    for block in blocks:
        yield from block.images if isinstance(block, Views) else [block] if isinstance(block, Image) else []


def _prose(text: str) -> Markup:
    """Escaped text in which what stands between backticks is code, and preprints are links."""
    parts = re.split(r"`([^`\n]+)`", text)
    return Markup("").join(Markup("<code>{}</code>").format(x) if i % 2 else _linked(x) for i, x in enumerate(parts))


def _linked(text: str) -> Markup:
    """Escaped text in which preprints are links."""
    link = Markup('<a href="{}">{}</a>')
    found = pieces(_kept_together(text))
    return Markup("").join(link.format(address, words) if address else words for words, address in found)


def _kept_together(text: str) -> str:
    """The text in which no line ends between a number and its percent sign."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _hash(text: str) -> Markup:
    """What the policy of the page lets through: this text and no other."""
    return Markup(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'")


def _sections(blocks: Sequence[Block]) -> Iterator[tuple[dict[str, str], list[tuple[str, Any]]]]:
    """Heading and blocks of each section, the first without a heading; anchors are unique.

    A section is closed if all of its blocks are folded away.
    """
    heading, part = {"text": "", "anchor": ""}, list[tuple[str, Any]]()
    taken: dict[str, int] = {}
    for block in blocks:
        if isinstance(block, Heading):
            yield _closed(heading, part), part
            anchor = slug(block.text)
            taken[anchor] = taken.get(anchor, 0) + 1
            heading = {"text": block.text, "anchor": anchor + (f"-{taken[anchor]}" if taken[anchor] > 1 else "")}
            part = []
        else:
            part.append((type(block).__name__, block))
    yield _closed(heading, part), part


def _closed(heading: dict[str, str], part: Sequence[tuple[str, Any]]) -> dict[str, str]:
    """The heading, with a mark where all below it is folded away."""
    return heading | {"closed": "closed" if all(getattr(block, "fold", "") for _, block in part) else ""}


def _files(block: Table | Image, study: str, title: str) -> list[tuple[str, str, str]]:
    """Label, path and content of the files that hold a block's data, the path as seen from the page."""
    if isinstance(block, Image):
        return [("CSV", f"figures/{block.name}.csv", block.csv)]
    if not block.name:
        return []
    stem = f"tables/{block.name}"
    return [("CSV", f"{stem}.csv", block.csv), ("LaTeX", f"{stem}.tex", latex(block, study, title))]


def _download(path: str, text: str) -> str:
    """What a link to a file leads to: its content, or the file next to the page where that is large."""
    return f"data:text/plain;charset=utf-8,{quote(text)}" if len(text) <= _MAX_BYTES else path
