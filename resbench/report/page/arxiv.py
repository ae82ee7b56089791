"""Preprints that a text names: the only addresses that are ever made from what others wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ADDRESS = "https://arxiv.org/abs/"
# `1512.03385`, whose first four digits are a year from 2015 on and a month; older ones have a digit less, as numbers
# may have, and must be named as such: `arXiv 1409.1556`
_NEW = r"(?:1[5-9]|[2-9]\d)(?:0[1-9]|1[0-2])\.\d{5}"
_OLD = r"(?:0[7-9]|1[0-4])(?:0[1-9]|1[0-2])\.\d{4}"
_NAME = re.compile(rf"(?<![\w./-])(?:(?:arXiv[:\s]\s?)({_NEW}|{_OLD})|({_NEW}))(?:v\d+)?(?![\w-]|\.\d)", re.IGNORECASE)


def pieces(text: str) -> Iterator[tuple[str, str]]:
    """The text in pieces, each with the address that it leads to, or nothing."""
    end = 0
    for match in _NAME.finditer(text):
        yield text[end : match.start()], ""
        yield match[0], f"{_ADDRESS}{match[1] or match[2]}"
        end = match.end()
    yield text[end:], ""


def linked(text: str) -> str:
    """Escaped Markdown in which preprints are links."""
    return "".join(f"[{words}]({address})" if address else words for words, address in pieces(text))
