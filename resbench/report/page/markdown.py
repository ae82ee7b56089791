"""A page as Markdown, and a table as text for a terminal: every value is escaped as it is written."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Sequence
from urllib.parse import quote

from resbench.core.text import control_free
from resbench.report.document import Block, Bullets, Card, Code, Heading, Image, Paragraph, Table, Views
from resbench.report.format import capitalised
from resbench.report.page.arxiv import linked
from resbench.report.run_blocks import Links, RunCurve, Runs

_MAX_ROWS = 30  # a table with more rows than this is cut to its first ones: no one reads 500 rows of Markdown
_FIRST = 20
_SPECIAL = re.compile(r"([\\`*_|\[\]~#$])")
_CODE = re.compile(r"\\`([\w .=-]+)\\`")  # no path: no text names a file as `save` does
_MARKER = re.compile(r"^(\d*)([.)+-])(?=\s)", re.MULTILINE)  # would begin a list
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    """Text that Markdown shows as it is, in a table cell too; what stands between backticks is code."""
    text = control_free(text)
    for character, entity in _ENTITIES.items():
        text = text.replace(character, entity)
    text = _CODE.sub(r"`\1`", _SPECIAL.sub(lambda match: _escape_special(match, text), text))
    return _MARKER.sub(lambda match: f"{match[1]}&#{ord(match[2])};", text)


def unescape(text: str) -> str:
    """The text that `escape` has made this of, but for its control characters."""
    text = re.sub(r"\\([\\`*_|\[\]~#$])", r"\1", re.sub(r"&#(\d+);", lambda match: chr(int(match[1])), text))
    for character, entity in reversed(_ENTITIES.items()):
        text = text.replace(entity, character)
    return text


def _escape_special(match: re.Match[str], text: str) -> str:
    """The character with a backslash; `max_pool` needs none, as an underscore within a word is only itself."""
    around = text[max(match.start() - 1, 0) : match.end() + 1]
    return match.group() if re.fullmatch(r"\w_\w", around) else f"\\{match.group()}"


def markdown(title: str, blocks: Sequence[Block], question: str = "") -> str:
    """The page as Markdown. Its figures are SVG files; the files of its data are named, as a repository may not keep them.

    Args:
        question: what the page is headed with; its title stands small below.
    """
    head = [f"# {_line(question)}", f"Study {_line(title)}"] if question else [f"# {_line(title)}"]
    return "\n\n".join([*head, *(_markdown(block) for block in blocks)]) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Card():
            return _card(block)
        case Heading():
            return f"## {_line(block.text)}"
        case Paragraph():
            return _paragraph(block)
        case Bullets():
            return _bullets(block)
        case Code():
            return "\n".join(f"    {control_free(line)}" for line in block.text.splitlines())
        case Image():
            return _image(block)
        case Views():
            return _details(block.summary, "\n\n".join(map(_image, block.images)))
        case Table():
            return _table(block)
        case Runs():
            return f"{len(block.rows)} runs, in `{block.file}`; the page as HTML has a page for each."
        case Links():
            return _line(block.text)
        case RunCurve():
            return "\n".join(f"    {control_free(line)}" for line in block.texts)


def _paragraph(block: Paragraph) -> str:
    link = f"[{_line(block.label)}](<{block.link}/report.md>){': ' if block.text else ''}" if block.link else ""
    badge = f"**{_line(f'{block.badge.sign} {block.badge.text}')}** " if block.badge else ""
    text = "\\\n".join(linked(escape(line.strip())) for line in block.text.strip().splitlines() if line.strip())
    return _details(block.fold, link + badge + text) if block.fold else link + badge + text


def _card(card: Card) -> str:
    parts = [f"[{_line(card.name)}](<{card.page}/report.md>): {linked(_line(card.question))}"]
    parts += [f'<img src="{quote(card.image)}" width="420" alt="{_attribute(card.title)}">'] if card.image else []
    badges = ", ".join(f"**{_line(f'{badge.sign} {badge.text}')}**" for badge in card.badges)
    parts += [linked(_line(card.answer)), ". ".join(filter(None, (_line(capitalised(card.state)), badges)))]
    parts += [_table(card.table)] if card.table else []
    return "\n\n".join([*filter(None, parts), *map(_card, card.also)])


def _attribute(text: str) -> str:
    """Text within the quotes of an attribute."""
    return html.escape(control_free(" ".join(text.split())))


def _image(image: Image) -> str:
    head = [f"### {_line(image.title)}"] if image.title else []
    shown = f"![{_line(image.alt)}](figures/{image.name}.svg)"
    return "\n\n".join([*head, shown, f"{linked(_line(image.caption))} (`figures/{image.name}.csv`)"])


def _bullets(block: Bullets) -> str:
    lines = [f"- {linked(_line(item))}" for item in block.items]
    shown, rest = "\n".join(lines[: block.most]), "\n".join(lines[block.most :])
    return _details(f"{len(lines) - block.most} more", rest, shown) if rest else shown


def _table(table: Table) -> str:
    rule = ["---:" if right else "---" for right in table.right]
    shown = table.rows[:_FIRST] if len(table.rows) > _MAX_ROWS else table.rows
    rows = [[_line(cell) for cell in table.head], rule, *([linked(_line(cell)) for cell in row] for row in shown)]
    parts = ["\n".join(f"| {' | '.join(row)} |" for row in rows)]
    files = ", ".join(f"`tables/{table.name}.{kind}`" for kind in ("csv", "tex"))
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
