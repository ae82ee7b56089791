"""JSON that anybody may have written: read without surprises, so that it can be written again."""

from __future__ import annotations

import json
from typing import NoReturn, TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
_MAX_DEPTH = 10


def read_json(text: str) -> Json:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, has infinities or half characters, which no file can hold, or exhausts the stack.
    """
    try:
        value: Json = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if "\\u" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except (UnicodeEncodeError, RecursionError):
            raise ValueError("with half a character in it") from None
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"not a record: {text} is no number of JSON")


def check_depth(value: Json, key: str, depth: int = 0) -> None:
    """Refuse a value that would exhaust the stack of a function that walks it.

    Raises:
        ValueError: the value is nested more than ten times.
    """
    if depth > _MAX_DEPTH:
        raise ValueError(f"whose {key} is nested too deeply")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(inner, dict | list):
            check_depth(inner, key, depth + 1)
