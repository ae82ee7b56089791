"""Docstrings in parts: what they say first, the names that they explain, and their examples."""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import dataclass, field

_SECTION = re.compile(r"^(Attributes|Args|Returns|Raises|Example|Examples):\n((?:(?: {4}.*)?(?:\n|\Z))+)", re.MULTILINE)
_ENTRY = re.compile(r"^(\w+(?:, \w+)*): ", re.MULTILINE)


@dataclass(frozen=True)
class Docstring:
    """A docstring.

    Attributes:
        text: paragraphs before the sections.
        names: what its attributes and arguments are.
        returns, raises, example: those sections, empty where it has none.
    """

    text: str
    names: dict[str, str] = field(default_factory=dict)
    returns: str = ""
    raises: str = ""
    example: str = ""


def docstring(of: object) -> Docstring:
    """What a class or function says of itself."""
    doc = inspect.getdoc(of) or ""
    sections = {found[1]: textwrap.dedent(found[2]).strip() for found in _SECTION.finditer(doc)}
    return Docstring(
        text=_SECTION.sub("", doc).strip(),
        names=_names(sections.get("Attributes", "")) | _names(sections.get("Args", "")),
        returns=sections.get("Returns", ""),
        raises=sections.get("Raises", ""),
        example=sections.get("Example", ""),
    )


def _names(section: str) -> dict[str, str]:
    """Name -> what it is; `a, b: text` is the text of both."""
    _, *parts = _ENTRY.split(section)
    texts = zip(parts[::2], parts[1::2], strict=True)
    return {name: " ".join(text.split()) for names, text in texts for name in names.split(", ")}
