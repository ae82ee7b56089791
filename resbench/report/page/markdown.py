"""A page as Markdown, and a table as text for a terminal: every value is escaped as it is written."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from resbench.core.text import control_free
from resbench.report.document import Block, Bullets, Code, Heading, Image, Paragraph, Table

_LONG = 30  # a table with more rows than this is cut to its first ones: nobody reads 500 rows of Markdown
_FIRST = 20
_SPECIAL = re.compile(r"([\\`*_|\[\]~#$])")
_MARKER = re.compile(r"^(\d*)([.)+-])(?=\s)", re.MULTILINE)  # would begin a list
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    """Text that Markdown shows as it is, in a table cell too."""
    text = control_free(text)
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
            return _bullets(block)
        case Code():
            return "\n".join(f"    {control_free(line)}" for line in block.text.splitlines())
        case Image():
            files = ", ".join(f"[{kind.upper()}](figures/{block.name}.{kind})" for kind in ("svg", "csv"))
            return f"![{_line(block.alt)}](figures/{block.name}.png)\n\n{_line(block.caption)} ({files})"
        case Table():
            return _table(block)


def _bullets(block: Bullets) -> str:
    lines = [f"- {_line(item)}" for item in block.items]
    shown, rest = "\n".join(lines[: block.most]), "\n".join(lines[block.most :])
    return _details(f"{len(lines) - block.most} more", rest, shown) if rest else shown


def _table(table: Table) -> str:
    rule = ["---:" if right else "---" for right in table.right]
    shown = table.rows[:_FIRST] if len(table.rows) > _LONG else table.rows
    rows = [[_line(cell) for cell in table.head], rule, *([_line(cell) for cell in row] for row in shown)]
    parts = ["\n".join(f"| {' | '.join(row)} |" for row in rows)]
    files = ", ".join(f"[{label}](tables/{table.name}.{kind})" for label, kind in (("CSV", "csv"), ("LaTeX", "tex")))
    if len(shown) < len(table.rows):
        parts.append(f"The first {len(shown)} of {len(table.rows)} rows; all are in the CSV file.")
    if table.caption or table.name:
        parts.append(f"{_line(table.caption)} ({files})".strip() if table.name else _line(table.caption))
    return _details(table.fold, "\n\n".join(parts)) if table.fold else "\n\n".join(parts)


def _details(summary: str, text: str, before: str = "") -> str:
    folded = f"<details><summary>{_line(summary)}</summary>\n\n{text}\n\n</details>"
    return f"{before}\n\n{folded}" if before else folded


def _line(text: str) -> str:
    return escape(" ".join(text.split()))


def text_table(table: Table) -> str:
    """The table in columns of fixed width, for a terminal."""
    rows = [[_printable(cell) for cell in row] for row in [table.head, *table.rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.head))]
    right = table.right
    lines = []
    for row in rows:
        parts = zip(row, widths, right, strict=True)
        lines.append("  ".join(x.rjust(width) if number else x.ljust(width) for x, width, number in parts).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*lines, *textwrap.wrap(_printable(table.caption), 110)])


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
