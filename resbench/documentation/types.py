"""Types as a reader calls them."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Union

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from resbench.core.cell import Value

_WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    type(None): "none",
    Any: "any value",
    Value: "value",
    object: "any value",
}
_BOUNDS = {Ge: ("from", "ge"), Gt: ("above", "gt"), Le: ("to", "le"), Lt: ("below", "lt")}


def plain_type(info: FieldInfo) -> str:
    """What a field of a model takes: `number from 0 to 1`, `list of texts`."""
    bounds = _bounds(info.metadata)
    return " ".join([words(info.annotation), *bounds])


def _bounds(metadata: Sequence[Any]) -> list[str]:
    """`from 0`, `to 1`; those that only keep a number finite are left out."""
    found = [
        (word, getattr(mark, name))
        for mark in metadata
        for kind, (word, name) in _BOUNDS.items()
        if isinstance(mark, kind)
    ]
    return [f"{word} {limit:g}" for word, limit in found if abs(limit) < 1e12]


def words(kind: Any) -> str:
    """A type in words."""
    if kind in _WORDS:
        return _WORDS[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return " ".join([words(arguments[0]), *_bounds(_flat(arguments[1:]))])
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in arguments if one != "") or "text"
    if origin in (Union, types.UnionType):
        if "Json" in str(kind) and str in arguments:  # which is a type of itself
            return "JSON value"
        return " or ".join(dict.fromkeys(words(one) for one in arguments))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"mapping of {_plural(words(arguments[0]))} to {_plural(words(arguments[1]))}"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"list of {_plural(words(arguments[0]))}"
    if isinstance(kind, type) and (issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind)):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    return getattr(kind, "__name__", re.sub(r"[\w.]+\.", "", str(kind)))


def _flat(marks: Sequence[Any]) -> list[Any]:
    return [one for mark in marks for one in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]


def _plural(text: str) -> str:
    first, space, rest = text.partition(" ")
    if first in ("whole", "JSON"):
        return f"{text}s" if text in ("whole number", "JSON value") else text.replace("number", "numbers", 1)
    if text.startswith(("list", "mapping")):
        return f"{first}s{space}{rest}"
    if text.startswith(("[", "`")) or " or " in text:
        return text
    return f"{first}s{space}{rest}"
