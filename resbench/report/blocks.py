"""Pieces of a page, and the page as Markdown, HTML or text: every value is escaped as it is written."""

from __future__ import annotations

import base64
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2


@dataclass(frozen=True)
class Heading:
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Prose; its line breaks are kept. The first part may link to a page beside this one."""

    text: str
    link: str = ""
    label: str = ""


@dataclass(frozen=True)
class Bullets:
    items: Sequence[str]
    strong: bool = False


@dataclass(frozen=True)
class Code:
    text: str


@dataclass(frozen=True)
class Table:
    """Cells are finished text; columns of numbers are set to the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    fold: str = ""

    @property
    def right(self) -> list[bool]:
        """Which columns hold numbers only."""
        return [all(_NUMBER.match(row[i]) for row in self.rows) for i in range(len(self.head))]


@dataclass(frozen=True)
class Image:
    """A figure saved as `figures/<name>.svg`, `.png` and `.csv`."""

    name: str
    svg: bytes
    alt: str
    caption: str

    @property
    def uri(self) -> str:
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg).decode()}"


Block = Heading | Paragraph | Bullets | Code | Table | Image
_NUMBER = re.compile(r"[+−\-]?[\d.,]+( |$)|–$|$")
_SPECIAL = re.compile(r"([\\`*_|\[\]~#$])")
_MARKER = re.compile(r"^(\d*)([.)+-])(?=\s)", re.MULTILINE)  # would begin a list
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    """Text that Markdown shows as it is, in a table cell too."""
    for character, entity in _ENTITIES.items():
        text = text.replace(character, entity)
    text = _SPECIAL.sub(lambda found: _keep_underscore(found, text), text)
    return _MARKER.sub(lambda found: f"{found[1]}&#{ord(found[2])};", text)


def _keep_underscore(found: re.Match[str], text: str) -> str:
    """`max_pool` needs no backslash: an underscore within a word is only itself."""
    inside = text[max(found.start() - 1, 0) : found.end() + 1]
    return found.group() if re.fullmatch(r"\w_\w", inside) else f"\\{found.group()}"


def markdown(title: str, blocks: Sequence[Block]) -> str:
    """The page as Markdown, figures linked as PNG files."""
    return "\n\n".join([f"# {_line(title)}", *(_markdown(block) for block in blocks)]) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading():
            return f"## {_line(block.text)}"
        case Paragraph():
            link = f"[{_line(block.label)}](<{block.link}/report.md>): " if block.link else ""
            return link + "\\\n".join(escape(line.strip()) for line in block.text.strip().splitlines() if line.strip())
        case Bullets():
            return "\n".join(f"- {_line(item)}" for item in block.items)
        case Code():
            return "\n".join(f"    {line}" for line in block.text.splitlines())
        case Image():
            files = ", ".join(f"[{kind.upper()}](figures/{block.name}.{kind})" for kind in ("svg", "csv"))
            return f"![{_line(block.alt)}](figures/{block.name}.png)\n\n{_line(block.caption)} ({files})"
        case Table():
            return _markdown_table(block)


def _markdown_table(table: Table) -> str:
    rule = ["---:" if right else "---" for right in table.right]
    rows = [
        [_line(cell) for cell in table.head],
        rule,
        *([_line(cell) for cell in row] for row in table.rows),
    ]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    caption = f"\n\n{_line(table.caption)}" if table.caption else ""
    return (
        f"<details><summary>{_line(table.fold)}</summary>\n\n{lines}\n\n</details>" if table.fold else lines + caption
    )


def _line(text: str) -> str:
    return escape(" ".join(text.split()))


def text_table(table: Table) -> str:
    """The table in columns of fixed width, for a terminal."""
    rows = [[_printable(cell) for cell in row] for row in [table.head, *table.rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.head))]
    lines = []
    for row in rows:
        parts = zip(row, widths, table.right, strict=True)
        lines.append("  ".join(x.rjust(width) if right else x.ljust(width) for x, width, right in parts).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*lines, *textwrap.wrap(_printable(table.caption), 110)])


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def html(title: str, blocks: Sequence[Block]) -> str:
    """The page as one HTML file that needs nothing beside it."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    parts = [(type(block).__name__, block) for block in blocks]
    return environment.get_template("page.html").render(title=title, blocks=parts) + "\n"
