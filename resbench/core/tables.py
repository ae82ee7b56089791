"""Tables of the values of an axis by name, which files and installed packages of users can extend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from resbench.core.config import suggestion
from resbench.core.errors import UserError

V = TypeVar("V")
TABLES: dict[str, Table[Any]] = {}


class Table(dict[str, V]):
    """The values of an axis by name.

    Args:
        name: of the table, as it stands in a plug-in: `SHORTCUTS`.
        values: those of resbench itself.

    Attributes:
        origins: value -> digest of the plug-in that it comes from.
        sources: value -> where that plug-in is.
    """

    def __init__(self, name: str, values: Mapping[str, V]) -> None:
        super().__init__(values)
        self.name = name
        self.origins: dict[str, str] = {}
        self.sources: dict[str, str] = {}
        TABLES[name] = self

    def extend(self, values: Mapping[str, V], digest: str, source: str) -> None:
        """Add the values of a plug-in.

        Args:
            digest: of its content.
            source: where it is, for messages. What is there now takes the place of what was there before.

        Raises:
            UserError: a value of this name is there already, from somewhere else.
        """
        for name, value in values.items():
            before = self.sources.get(name)
            if name in self and before != source:
                raise UserError(
                    f"{source}: {self.name}: {name!r} is a value of {before or 'resbench'} already: give it another name"
                )
            self[name] = value
            self.origins[name], self.sources[name] = digest, source


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
