"""Pieces of HTML for notebooks: every text in them is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from resbench.core.text import control_free


def escaped(text: str) -> str:
    """Text as HTML that shows it and does nothing else."""
    return html.escape(control_free(text))


def paragraph(text: str) -> str:
    return f"<p>{escaped(text)}</p>"


def preformatted(text: str) -> str:
    return f"<pre>{escaped(text)}</pre>"


def bullets(lines: Iterable[str]) -> str:
    """A list; lines that are indented belong to the one above them."""
    out = ""
    for line in lines:
        indent = ' style="margin-left: 2em; list-style: circle"' if line.startswith(" ") else ""
        out += f"<li{indent}>{escaped(line.strip())}</li>"
    return f"<ul>{out}</ul>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[bool] = ()) -> str:
    """A table.

    Args:
        right: which columns are of numbers.
    """
    styles = [f' style="text-align: {"right" if number else "left"}"' for number in right or [False] * len(head)]
    top = "".join(f"<th{style}>{escaped(text)}</th>" for text, style in zip(head, styles, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{style}>{escaped(text)}</td>' for text, style in zip(row, styles, strict=True))}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
