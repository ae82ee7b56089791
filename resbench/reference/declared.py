"""How the fields of a run are declared: what stands next to each in the code."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from resbench.core.config import Config, OneOf
from resbench.core.config import defaults as defaults_of
from resbench.core.open_section import PLACEHOLDER, Open
from resbench.core.tables import Table
from resbench.grid.source import FIELDS
from resbench.training.run import RunConfig


@functools.cache
def declarations() -> dict[str, FieldInfo]:
    """Dotted path -> declaration of every field that a grid file can set or vary."""
    return {path: info for path, info in _leaves(RunConfig) if path in FIELDS}


def _leaves(config: type[Config], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, info in config.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, Config):
            yield from _leaves(kind, f"{prefix}{name}.")
        elif any(isinstance(mark, Open) for mark in info.metadata):
            yield f"{prefix}{name}.{PLACEHOLDER}", info
        else:
            yield f"{prefix}{name}", info


@functools.cache
def defaults() -> dict[str, Any]:
    """Dotted path -> default of every field."""
    return defaults_of(RunConfig)


def table(path: str) -> Mapping[str, Any]:
    """The values of a field by name; none of a field that takes other values."""
    marks = [mark for mark in declarations()[path].metadata if isinstance(mark, OneOf)]
    return {**marks[0].table, **marks[0].more} if marks and isinstance(marks[0].table, Mapping) else {}


def is_table_of(path: str, values: object) -> bool:
    """Whether a field takes its values from this table."""
    return any(isinstance(mark, OneOf) and mark.table is values for mark in declarations()[path].metadata)


def source_of(path: str, value: str) -> str:
    """The plug-in that a value comes from; empty if it is one of resbench itself."""
    tables = [mark.table for mark in declarations()[path].metadata if isinstance(mark, OneOf)]
    origins = tables[0].origins if tables and isinstance(tables[0], Table) else {}
    return origins[value].source if value in origins else ""


def choices(path: str) -> list[dict[str, Any]]:
    """What a field takes that has no table, as JSON schemas."""
    schema = FIELDS[path].json_schema()
    return list(schema.get("anyOf", [schema]))


def meaning(entry: object) -> str:
    """What an entry of a table means: the entry itself if it is a text, its `about`, or its docstring if it is a function or class."""
    if isinstance(entry, str):
        return entry
    own = entry if inspect.isroutine(entry) or inspect.isclass(entry) else None  # of an object it is that of its class
    return getattr(entry, "about", "") or (inspect.getdoc(own) if own else "") or ""
