"""Grid files to start from: a commented one, or a copy of one that comes with the package."""

from __future__ import annotations

import re
from pathlib import Path

_STARTER = Path(__file__).with_name("starter.yaml")
_NAME, _STORY = (re.compile(rf"^{key}:.*\n", re.MULTILINE) for key in ("name", "story"))


def starter(name: str) -> str:
    """The commented grid file, as a study of this name."""
    return _named(_STARTER.read_text(encoding="utf-8"), name)


def copied(text: str, name: str, source: str) -> str:
    """A grid file as a study of another name, without its place among the shipped ones.

    Args:
        source: the name of the file, for a comment.
    """
    return _named(_STORY.sub("", text), name, f"  # a copy of {source}")


def _named(text: str, name: str, comment: str = "") -> str:
    line = f"name: {name}{comment}\n"
    return _NAME.sub(line, text, count=1) if _NAME.search(text) else f"{text.rstrip()}\n{line}"
