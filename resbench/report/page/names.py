"""Names of the parts of a page: each table has a file of its own, and each claim a place that links lead to."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

from resbench.report.document import Block, Heading, Paragraph, Table, slug


def titled(blocks: Sequence[Block]) -> Iterator[tuple[Block, str]]:
    """Every block with the heading above it."""
    heading = ""
    for block in blocks:
        heading = block.text if isinstance(block, Heading) else heading
        yield block, heading


def named(blocks: Sequence[Block]) -> list[Block]:
    """The blocks with a name of its own for every table, the one it has or that of its heading, and for every place."""
    out: list[Block] = []
    tables, anchors = set[str](), set[str]()
    for block, heading in titled(blocks):
        if isinstance(block, Table):
            block = dataclasses.replace(block, name=_free(slug(block.name or heading), tables))
        elif isinstance(block, Paragraph) and block.anchor:
            block = dataclasses.replace(block, anchor=_free(block.anchor, anchors))
        out.append(block)
    return out


def _free(name: str, taken: set[str]) -> str:
    """The name, from the second of a kind on with a number; it is taken then."""
    tries = (f"{name}-{number}" if number > 1 else name for number in itertools.count(1))
    free = next(one for one in tries if one not in taken)
    taken.add(free)
    return free
