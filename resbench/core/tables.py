"""Tables of the values of an axis by name, which files and installed packages of users can extend."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from resbench.core.config import Config, OneOf, fields_marked, suggestion
from resbench.core.errors import UserError

V = TypeVar("V")
TABLES: dict[str, Table[Any]] = {}


@dataclass(frozen=True)
class Origin:
    """The plug-in that a value comes from.

    Attributes:
        source: where it is: an absolute path, or a module of an installed package.
        digest: of its content.
        name: by which a record names it: `my_layers.py`, or `my-package 1.2`.
    """

    source: str
    digest: str
    name: str


class Table(dict[str, V]):
    """The values of an axis by name.

    Args:
        name: of the table, as it stands in a plug-in: `SHORTCUTS`.
        values: those of resbench itself.

    Attributes:
        origins: value -> the plug-in that it comes from.
    """

    def __init__(self, name: str, values: Mapping[str, V]) -> None:
        super().__init__(values)
        self.name = name
        self.origins: dict[str, Origin] = {}
        TABLES[name] = self

    def extend(self, values: Mapping[str, V], origin: Origin, in_use: Collection[str] = ()) -> None:
        """Have exactly these values of a plug-in: what it had before, and another that is not in use, makes room.

        Args:
            in_use: sources whose values are in use at the same time.

        Raises:
            UserError: a value of this name is there already.
        """
        for name in values:
            before = self.origins[name].source if name in self.origins else "resbench"
            if name in self and before != origin.source and before in {"resbench", *in_use}:
                raise UserError(
                    f"{origin.source}: {self.name}: {name!r} is a value of {before} already: give it another name"
                )
        self.forget([name for name, known in self.origins.items() if known.source == origin.source])
        for name, value in values.items():
            self[name], self.origins[name] = value, origin

    def forget(self, names: Collection[str]) -> None:
        """Take values of plug-ins out again."""
        for name in names:
            del self[name], self.origins[name]


def named(origins: Iterable[Origin]) -> dict[str, str]:
    """Name of each plug-in -> its digest, as a record says where values come from: never where a file lies."""
    found = sorted({(origin.name, origin.digest) for origin in origins})
    return {name: ", ".join(digest for other, digest in found if other == name) for name, _ in found}


class OwnValue(NamedTuple):
    """A value in a configuration that comes from a plug-in; its path is that of the field."""

    path: str
    value: str
    origin: Origin


def own_values(config: Config, prefix: str = "") -> Iterator[OwnValue]:
    """The values of a configuration that come from plug-ins, in its sections too."""
    for name, mark in fields_marked(type(config), OneOf).items():
        value = getattr(config, name)
        if isinstance(mark.table, Table) and value in mark.table.origins:
            yield OwnValue(f"{prefix}{name}", value, mark.table.origins[value])
    for name in type(config).model_fields:
        section = getattr(config, name)
        if isinstance(section, Config):
            yield from own_values(section, f"{prefix}{name}.")


def tables_in(module: Mapping[str, Any], source: str) -> dict[str, Mapping[str, Any]]:
    """The tables that a plug-in has, by name.

    Args:
        module: its names.
        source: where it is, for messages.

    Raises:
        UserError: it has none, or one that is not what a table is.
    """
    found = {name: module[name] for name in TABLES if name in module and module[name] is not TABLES[name]}
    for name, table in found.items():
        if not isinstance(table, dict) or not all(isinstance(key, str) for key in table):
            raise UserError(f"{source}: {name}: it should be a dictionary, such as {{'my_value': my_function}}")
    if not found:
        near = [hint for name in module if name.isupper() and name not in TABLES for hint in [suggestion(name, TABLES)]]
        hint = next(filter(None, near), "")
        raise UserError(f"{source}: it has none of the tables {', '.join(sorted(TABLES))}{hint}")
    return found
