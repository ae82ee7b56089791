"""The base of what `study.json` and `trials.json` hold: the report relies on it, and anybody may have written them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WrapValidator

from resbench.core.errors import LaterVersion
from resbench.core.json_reader import Json, check_depth, read_json
from resbench.core.text import sanitise

SCHEMA = 1  # of study.json and trials.json


def _unchanged(value: Any, validate: Callable[[Any], Any]) -> Any:
    validate(value)
    return value


AS_GIVEN = WrapValidator(_unchanged)  # of a float: 1 stays 1, so that the file keeps its bytes
Number = Annotated[float, Field(gt=-1e300, lt=1e300), AS_GIVEN]
NULL_IS_EMPTY = BeforeValidator(lambda value: [] if value is None else value)


class Part(BaseModel):
    """Types are strict; keys that are not known here are kept for a later version."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", allow_inf_nan=False, populate_by_name=True)

    def to_json(self) -> dict[str, Any]:
        """As the file holds it: what was given, under the names of the file."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    def sanitised(self) -> Self:
        """The same without what a terminal obeys or no HTML page may hold."""
        return type(self).model_validate(sanitise(self.to_json()))

    @classmethod
    def read(cls, path: Path) -> Self:
        """What is in a file.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged, and how.
        """
        return cls.from_json(read_json(path.read_text(encoding="utf-8")))

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """The inverse of `to_json`.

        Raises:
            ValueError: it is damaged, and how.
        """
        if not isinstance(value, dict):
            raise ValueError("not a mapping")
        schema = value.get("schema")
        if "schema_version" in cls.model_fields and type(schema) is int and schema > SCHEMA:
            raise LaterVersion(schema, SCHEMA)
        check_depth(value, "content")
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            path, text = list(map(str, first["loc"])), first["msg"]
            if path[-1:] == ["bool"]:  # the first kind of a `Value`
                path, text = path[:-1], "Input should be a text, a number, true, false, null, or a list of them"
            raise ValueError(": ".join(filter(None, (".".join(path), text)))) from None
