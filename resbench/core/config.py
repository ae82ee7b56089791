"""Frozen, strict configuration: dotted paths, and the hash that identifies."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    model_serializer,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from resbench.core.open_section import ARGUMENT, PLACEHOLDER, Fields, Open

Nested = dict[str, Any]
_Mark = TypeVar("_Mark")


class Config(BaseModel):
    """Base of every configuration: unknown fields, wrong types and later changes are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def alike(self) -> Iterator[Alike]:
        """The fields that could have another value here for the same training, those with `acts_if` first."""
        for name, condition in fields_marked(type(self), ActsIf).items():
            if not condition.holds(self):
                why = f"{{path}} acts only where {condition.where}"
                yield Alike(name, type(self).model_fields[name].default, why, idle=True)

    def neutralised(self, neutral: Mapping[str, Any], prefix: str = "") -> Self:
        """The same with every field that has no effect at its neutral value, and zeros without a sign, in its sections too.

        Args:
            neutral: dotted path -> value, of every field.
            prefix: of the paths of this section.
        """
        changes: Nested = {one.field: neutral[f"{prefix}{one.field}"] for one in self.alike() if one.idle}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Config):
                other = value.neutralised(neutral, f"{prefix}{name}.")
                changes |= {name: other} if other is not value else {}
            elif isinstance(value, float) and value == 0 and name not in changes:
                changes |= {name: 0.0} if math.copysign(1, value) < 0 else {}
        return self.model_copy(update=changes) if changes else self

    def simplest(self) -> Self:
        """The same training with every field that could have another value at that value, in its sections too.

        Runs whose simplest forms are equal are one training. Ids are of normalised ones, so that a rule more leaves
        them as they are.
        """
        out = self
        for _ in type(self).model_fields:  # one field may let another act no more
            changes: Nested = {one.field: one.value for one in out.alike() if getattr(out, one.field) != one.value}
            if not changes:
                break
            out = out.model_copy(update=changes)
        sections = {name: section.simplest() for name, section in out._sections()}
        return out.model_copy(update=sections) if sections else out

    def all_alike(self, prefix: str = "") -> dict[str, Alike]:
        """Dotted path -> what `alike` says of the field, in its sections too."""
        out = {f"{prefix}{one.field}": one for one in self.alike()}
        for name, section in self._sections():
            out |= section.all_alike(f"{prefix}{name}.")
        return out

    def _sections(self) -> Iterator[tuple[str, Config]]:
        for name in type(self).model_fields:
            section = getattr(self, name)
            if isinstance(section, Config):
                yield name, section


@dataclass(frozen=True)
class OnlyIfSet:
    """Annotation of a field that is written only where it is not at its default, as one that came later."""


class SparseConfig(Config):
    """A configuration whose fields marked `OnlyIfSet` leave no trace in what is written of it while they are at their default."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> Nested:
        out: Nested = handler(self)
        for name in self.unwritten():
            out.pop(name, None)
        return out

    def unwritten(self) -> Iterator[str]:
        """The fields that leave no trace in what is written of this configuration."""
        for name in fields_marked(type(self), OnlyIfSet):
            if getattr(self, name) == _default(type(self), name):
                yield name


def _default(config: type[Config], name: str) -> Any:
    return config.model_fields[name].get_default(call_default_factory=True)


class Alike(NamedTuple):
    """A field that makes no difference in a configuration: the training is the same as with `value`.

    Attributes:
        why: a clause; `{path}` in it stands for the field.
        idle: whether it makes none at any value.
    """

    field: str
    value: Any
    why: str
    idle: bool = False


@dataclass(frozen=True)
class ActsIf:
    """Annotation of a field that has an effect only where a condition on the configuration holds.

    Attributes:
        where: the condition in words.
    """

    holds: Callable[[Any], bool]
    where: str


def acts_if(condition: Callable[[Any], bool], where: str) -> ActsIf:
    """Annotation for a field that has no effect elsewhere.

    Example:
        gate_bias: Annotated[float, acts_if(lambda model: model.shortcut in GATED, "model.shortcut is a gate")] = -6.0
    """
    return ActsIf(condition, where)


@functools.cache
def fields_marked(config: type[Config], kind: type[_Mark]) -> dict[str, _Mark]:
    """Name -> annotation of this kind, of every field that has one."""
    return {
        name: mark for name, info in config.model_fields.items() for mark in info.metadata if isinstance(mark, kind)
    }


def suggestion(given: object, allowed: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the nearest of the allowed names, or nothing."""
    near = difflib.get_close_matches(str(given), list(allowed), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


@dataclass(frozen=True)
class OneOf:
    """Annotation of a field whose values are the keys of a table; one that is extended later allows more.

    Attributes:
        more: names that are in no table, each with what it means.
    """

    table: Collection[str]
    more: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value: str) -> str:
        if value not in self.table and value not in self.more:
            names = [*self.table, *self.more]
            text = f"{value!r} is not one of {', '.join(names)}{suggestion(value, names)}"
            raise PydanticCustomError("one_of", "{text}", {"text": text, "names": names})
        return value


def one_of(table: Collection[str], **more: str) -> OneOf:
    """Annotation for a field whose values are the keys of a table, where alone they are declared, and more names."""
    return OneOf(table, more)


def names_of(field: TypeAdapter[Any]) -> list[str]:
    """The names that a `one_of` field allows; none for any other field."""
    try:
        field.validate_python("?")
    except ValidationError as error:
        return [name for item in error.errors() for name in item.get("ctx", {}).get("names", [])]
    return []


def refuse(paths: str | Iterable[str], reason: str) -> PydanticCustomError:
    """The error for a combination of fields that means nothing.

    Args:
        paths: dotted paths of the fields to blame, the one to point at first.
        reason: why, and what to write instead.
    """
    blamed = [paths] if isinstance(paths, str) else list(paths)
    return PydanticCustomError("combination", "{text}", {"text": reason, "paths": blamed})


def nest(flat: Mapping[str, Any]) -> Nested:
    """`{"a.b": 1}` -> `{"a": {"b": 1}}`."""
    out: Nested = {}
    for path, value in flat.items():
        *parents, leaf = path.split(".")
        inner = out
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[leaf] = value
    return out


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` -> `{"a.b": 1}`; an empty mapping leaves nothing."""
    out: dict[str, Any] = {}
    for key, value in nested.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            out.update(flatten(value, f"{path}."))
        else:
            out[path] = value
    return out


def defaults(config: type[Config], prefix: str = "") -> dict[str, Any]:
    """Dotted path -> default of every leaf field of a configuration."""
    out: dict[str, Any] = {}
    for name, info in config.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, Config):
            out.update(defaults(kind, f"{prefix}{name}."))
        else:
            path = f"{prefix}{name}.{PLACEHOLDER}" if _is_open(info) else f"{prefix}{name}"
            out[path] = info.get_default(call_default_factory=True)
    return out


def _is_open(info: FieldInfo) -> bool:
    return any(isinstance(mark, Open) for mark in info.metadata)


def fields(config: type[Config], prefix: str = "") -> Fields:
    """Dotted path -> validator of every leaf field of a configuration; `model.args.NAME` of a section with any names."""
    out = Fields()
    for name, info in config.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, Config):
            out.update(fields(kind, f"{prefix}{name}."))
        elif _is_open(info):
            out[f"{prefix}{name}.{PLACEHOLDER}"] = ARGUMENT
        else:
            annotated: Any = kind
            for extra in info.metadata:
                annotated = Annotated[annotated, extra]
            out[f"{prefix}{name}"] = TypeAdapter(annotated, config=ConfigDict(strict=True, allow_inf_nan=False))
    return out


def explain(error: ValidationError) -> list[tuple[str, str, list[str]]]:
    """Pydantic's errors as (dotted path, sentence, paths to blame)."""
    seen: dict[tuple[str, str], list[str]] = {}
    for item in error.errors(include_url=False):
        path = ".".join(str(part) for part in item["loc"] if isinstance(part, str) and part.islower())
        context = item.get("ctx", {})
        if "text" in context:
            text = str(context["text"])
        else:
            message = item["msg"].removeprefix("Input should be ")
            text = f"{item['input']!r} is not allowed: it should be {message}"
        seen.setdefault((path, text), list(context.get("paths", [path])))
    return [(path, text, blamed) for (path, text), blamed in seen.items()]


def digest(text: str) -> str:
    """16 hexadecimal digits (64 bits) of BLAKE2b."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
