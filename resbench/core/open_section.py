"""Sections of a configuration with names of the user's own: the arguments of a function, `model.args.width`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, TypeAdapter, WithJsonSchema
from pydantic_core import PydanticCustomError

PLACEHOLDER = "NAME"  # stands for any name: `model.args.NAME`
_KINDS = "a number, a text, true, false, or a list of these"


@dataclass(frozen=True)
class Open:
    """Annotation of a field that is a mapping of names of the user's own to values, each of which can be an axis."""


def _argument(value: Any) -> Any:
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, bool | int | float | str) or (isinstance(each, float) and not math.isfinite(each)):
            text = f"{value!r} is not allowed: it should be {_KINDS}"
            raise PydanticCustomError("argument", "{text}", {"text": text})
    return value


def _section(value: Any) -> Any:
    """No arguments are `none`."""
    if value == {} or value == "none":
        return "none"
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name.isidentifier() for name in value):
        text = f"{value!r} should be a mapping of names to values, or none"
        raise PydanticCustomError("arguments", "{text}", {"text": text})
    return dict(value)


_SCHEMA = {"anyOf": [*({"type": kind} for kind in ("number", "string", "boolean")), {"type": "array", "items": {}}]}
Argument: TypeAlias = Annotated[Any, AfterValidator(_argument), WithJsonSchema(_SCHEMA)]
# the arguments of a function of the user's; "none" where there are none
Arguments: TypeAlias = Annotated[dict[str, Argument] | Literal["none"], BeforeValidator(_section), Open()]


class Fields(dict[str, TypeAdapter[Any]]):
    """Dotted path -> validator of every field; of an open section it lists `model.args.NAME`, and has any other name too."""

    def __contains__(self, path: object) -> bool:
        return super().__contains__(path) or (isinstance(path, str) and super().__contains__(_listed(path)))

    def __missing__(self, path: str) -> TypeAdapter[Any]:
        listed = _listed(path)
        if not super().__contains__(listed):
            raise KeyError(path)
        return self[listed]

    def open_sections(self) -> Iterator[str]:
        """`model.args` of `model.args.NAME`."""
        return (path.rpartition(".")[0] for path in self if path.endswith(f".{PLACEHOLDER}"))


def _listed(path: str) -> str:
    """`model.args.width` as it is listed, if it is a name in an open section."""
    section, _, name = path.rpartition(".")
    return f"{section}.{PLACEHOLDER}" if name.isidentifier() else ""


ARGUMENT: TypeAdapter[Any] = TypeAdapter(Argument)
