"""Tables in the words of a study: fields and values by their labels, the path of a field on hover."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from resbench.report.document import Table
from resbench.report.labels import Labels


def in_words(table: Table, axes: Sequence[str], labels: Labels, arms: Mapping[str, str]) -> Table:
    """The table with the words of a study in the columns of its axes and of its arms; CSV files keep the paths.

    Args:
        arms: name of an arm -> what a reader calls it.
    """
    words = {axis: labels.name(axis) for axis in axes} | dict(arms)
    taken = [words.get(name, name) for name in table.head]
    words = {name: word for name, word in words.items() if taken.count(word) == 1}
    if not words.keys() & set(table.head):
        return table
    rows = [
        [labels.entry(name, text) if name in axes else text for name, text in zip(table.head, row, strict=True)]
        for row in table.rows
    ]
    head = [words.get(name, name) for name in table.head]
    paths = [name if name in words else "" for name in table.head]
    return dataclasses.replace(table, head=head, rows=rows, paths=paths)
