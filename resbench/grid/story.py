"""The `story:` of a grid file: where the study stands among the others, and whose page it shares."""

from __future__ import annotations

import math
from typing import Any

from resbench.core.config import suggestion
from resbench.core.text import NAME_RULE, is_name
from resbench.grid.source import Source
from resbench.records.study_file import Story

_KEYS = ("chapter", "place", "page")
_FORM = "{chapter: a heading, place: a number, page: the name of a page}, or some of these"


def read_story(source: Source, story: Any) -> Story | None:
    """The story of a file; every mistake goes to the source."""
    if story is None or isinstance(story, Story):
        return story
    if not isinstance(story, dict) or not story:
        source.wrong(source.document.line("story"), f"story: {story!r} should be {_FORM}")
        return None
    mistakes = {key: text for key, value in story.items() if (text := _mistake(key, value))}
    for key, text in mistakes.items():
        source.wrong(source.document.line("story", key), f"story: {text}")
    return None if mistakes else Story(**story)


def _mistake(key: str, value: Any) -> str:
    """What is wrong with an entry; nothing if it is right."""
    if key not in _KEYS:
        return f"{key} is not one of {', '.join(_KEYS)}{suggestion(str(key), _KEYS)}"
    if key == "place":
        right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return "" if right else f"place: {value!r} should be a number: studies stand in the order of their places"
    if key == "page":
        return "" if is_name(value) else f"page: {value!r} is not a name: {NAME_RULE}"
    right = isinstance(value, str) and bool(value.strip())
    return "" if right else f"chapter: {value!r} should be a heading, such as Does depth hurt?"
