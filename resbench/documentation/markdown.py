"""Markdown as the repository's page and Sphinx both read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from resbench.reference.text import ARXIV

_CODE = re.compile(r"(`[^`]*`)")
MADE = "This page is made from the code: `make reference` writes it again."


def prose(text: str) -> str:
    """Text without marks that Markdown would take for its own, and with a link for each paper; code stays as it is."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(part if part.startswith("`") else _linked(_escaped(part)) for part in parts)


def _escaped(text: str) -> str:
    return re.sub(r"([*<\[\]])", r"\\\1", text)


def _linked(text: str) -> str:
    return ARXIV.sub(lambda found: f"[{found[0]}](https://arxiv.org/abs/{found[0]})", text)


def code(text: str) -> str:
    """A name or a value as it is typed; nothing of an empty one."""
    return f"`{text}`" if text else ""


def paragraphs(text: str) -> list[str]:
    """Paragraphs of a docstring, an empty line between them; indented code is left out."""
    parts = [part for part in text.split("\n\n") if part.strip()]
    return [line for part in parts for line in (prose(part), "")]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table and an empty line; nothing where there are no rows. Cells are Markdown already."""
    body = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *body, ""] if body else []


def bullets(items: Iterable[str]) -> list[str]:
    """A list and an empty line; nothing where there are no items."""
    lines = [f"- {item}" for item in items]
    return [*lines, ""] if lines else []


def block(kind: str, text: str) -> list[str]:
    """A block of code and an empty line."""
    return [f"```{kind}", text.rstrip(), "```", ""]


def page(title: str, *parts: Iterable[str]) -> str:
    """A whole page."""
    lines = [f"# {title}", "", *(line for part in parts for line in part)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"
