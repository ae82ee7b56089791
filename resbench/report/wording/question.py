"""The comment that opens a grid file: its question, and what else it says."""

from __future__ import annotations

import re

from resbench.report.format import capitalised

_OPENING = "Question: "


def question(about: str) -> str:
    """The question, or whatever the description opens with; empty without one."""
    text = " ".join(about.split()).removeprefix(_OPENING)
    match = re.match(r".*?(?:\?(?=\s)|[.?!](?=\s+[A-Z]|$))", text)
    return capitalised(match.group() if match else text)


def context(about: str) -> str:
    """What follows the question in its paragraph."""
    return _first(about)[len(question(about)) :].strip()


def expectation(about: str) -> str:
    """The paragraphs after it: what the study costs, and what was expected."""
    return "\n".join(_paragraphs(about)[1:])


def _first(about: str) -> str:
    return (_paragraphs(about) or [""])[0].removeprefix(_OPENING)


def _paragraphs(about: str) -> list[str]:
    """The lines joined to paragraphs: a new one begins after an empty line and where a line opens `Cost: `."""
    text = re.sub(r"[ \t]*\n[ \t]*(?!\s*\n|[A-Z]\w*: )(?<!\n\n)", " ", about.strip())
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]
