"""What `resbench.show` returns: text for a terminal, HTML for a notebook."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from resbench.core import fragments
from resbench.core.text import printable
from resbench.report.document import Block, Bullets, Code, Heading, Paragraph, Table
from resbench.report.run_blocks import Links, RunCurve

# of the columns of the table of cells, those that a narrow terminal shows first; the axes come before them
_FIRST = (
    "test accuracy",
    "seeds",
    "did not train",
    "failed",
    "training seconds",
    "parameters",
    "SD",
    "train loss",
    "val. accuracy",
)
_MIN_WIDTH = 40
_GAP = "  "


@dataclass(frozen=True, repr=False)
class Shown:
    """A title and what belongs to it; `print` fits it to the terminal, and a notebook shows it as HTML."""

    title: str
    blocks: Sequence[Block]

    def __str__(self) -> str:
        return self.text(shutil.get_terminal_size().columns)

    __repr__ = __str__  # what a prompt shows

    def text(self, width: int) -> str:
        """The text in so many columns."""
        width = max(width, _MIN_WIDTH)
        return "\n".join(line for block in self.blocks for line in _text(block, width))

    def _repr_html_(self) -> str:
        return f"<h3>{fragments.escaped(self.title)}</h3>" + "".join(map(_html, self.blocks))


def _text(block: Block, width: int) -> Iterator[str]:
    match block:
        case Heading():
            yield from ["", printable(block.text)]
        case Paragraph():
            yield from _wrapped(block.text, width)
        case Bullets():
            for item in block.items:
                indent = " " * (len(item) - len(item.lstrip()))
                yield from _wrapped(item, width, f"{indent}  ")
        case Code():
            yield from (f"  {printable(line)}" for line in block.text.splitlines())
        case Table():
            yield from fitted(block, width)
        case Links():
            yield from _wrapped(block.text, width)
        case RunCurve():
            yield from (_cut(printable(line), width) for line in block.texts)
        case _:
            return


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Lines of a text; a path, which has no spaces, stays whole."""
    lines = textwrap.TextWrapper(width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return lines.wrap(printable(text))


def _html(block: Block) -> str:
    match block:
        case Heading():
            return f"<h4>{fragments.escaped(block.text)}</h4>"
        case Paragraph():
            return fragments.paragraph(block.text)
        case Bullets():
            return fragments.bullets(block.items)
        case Code():
            return fragments.preformatted(block.text)
        case Table():
            return block._repr_html_()
        case Links():
            return fragments.paragraph(block.text)
        case RunCurve():
            return fragments.preformatted("\n".join(block.texts))
        case _:
            return ""


def fitted(table: Table, width: int) -> list[str]:
    """The table in so many columns of text: what is in brackets is left out, then columns, which are named."""
    head, right = short_names(table.head), table.right
    whole = [[name, *(printable(row[place]) for row in table.rows)] for place, name in enumerate(head)]
    short = [[text.partition(" (")[0] for text in column] for column in whole]
    order = sorted(range(len(head)), key=lambda place: _rank(table.head[place]))
    columns: dict[int, list[str]] = {}
    left = width + len(_GAP)
    for place in order:  # first as many columns as fit, then what their brackets hold
        if not columns or len(order) == 2 or _wide(short[place]) <= left:  # a name says nothing without its value
            columns[place] = short[place]
            left -= _wide(short[place])
    for place in filter(columns.__contains__, order):
        if (more := _wide(whole[place]) - _wide(short[place])) <= left:
            columns[place] = whole[place]
            left -= more
    shown = [_aligned(columns[place], right[place]) for place in sorted(columns)]
    rule = [["-" * len(column[0])] for column in shown]
    lines = [_GAP.join(row) for row in zip(*shown, strict=True)]
    lines.insert(1, _GAP.join(one for [one] in rule))
    out = [_cut(line.rstrip(), width) for line in lines]
    left_out = [name for place, name in enumerate(head) if place not in columns]
    return out + (_wrapped(f"(not shown in {width} columns: {', '.join(left_out)})", width) if left_out else [])


def _wide(column: Sequence[str]) -> int:
    return max(map(len, column)) + len(_GAP)


def _aligned(column: Sequence[str], right: bool) -> list[str]:
    width = max(map(len, column))
    return [text.rjust(width) if right else text.ljust(width) for text in column]


def short_names(names: Sequence[str]) -> list[str]:
    """Each path by its last part, where that tells it from the others."""
    leaves = [name.rpartition(".")[2] if " " not in name else name for name in names]
    return [leaf if leaf and leaves.count(leaf) == 1 else name for leaf, name in zip(leaves, names, strict=True)]


def _rank(name: str) -> int:
    """How early a column is chosen: axes, then the first in their order, then the rest."""
    if name in _FIRST:
        return 1 + _FIRST.index(name)
    return 0 if "." in name and " " not in name else 1 + len(_FIRST)


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
