"""The fields of a run and their values as topics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from resbench.core.config import ActsIf, explain, nest
from resbench.core.text import show
from resbench.core.yaml_reader import parse
from resbench.grid.source import FIELDS
from resbench.reference.combinations import refusals
from resbench.reference.declared import choices, declarations, defaults, meaning, source_of, table
from resbench.reference.topic import Topic
from resbench.training.run import RunConfig


def field_topics() -> Iterator[Topic]:
    """Every field that a grid file can set or vary, each followed by its values."""
    refused = refusals()
    for path, info in declarations().items():
        values = {value: meaning(entry) for value, entry in table(path).items()}
        facts = [("default", show(defaults()[path])), ("allowed", allowed(path)), *_facts(info)]
        facts += [("not", reason) for reason in refused.of_field(path)]
        items = [(value, text.partition("\n\n")[0]) for value, text in values.items()]
        yield Topic("field", path, info.description or "", facts, items)
        for value, text in values.items():
            reasons = [("not", reason) for reason in refused.of_value(path, value)]
            field = ("field", f"{path}: {info.description}")
            known = [("default", "yes")] if value == defaults()[path] else []
            known += [("from", source)] if (source := source_of(path, value)) else []
            yield Topic("value", f"{path}={value}", text, [field, *known, *_facts(info), *reasons])


def _facts(info: FieldInfo) -> Iterator[tuple[str, str]]:
    for example in info.examples or ():
        yield "example", show(example)
    for mark in info.metadata:
        if isinstance(mark, ActsIf):
            yield "acts", f"only where {mark.where}"


def allowed(path: str) -> str:
    """What a field takes: `integer 4 to 20000`, `number above 0, or none`."""
    return ", ".join(table(path)) or ", or ".join(map(_choice, choices(path)))


def _choice(schema: Mapping[str, Any]) -> str:
    kind = str(schema.get("const", schema.get("type", "")))
    if kind == "boolean":
        return "true or false"
    if kind == "array":
        return f"list of {schema['items'].get('type', 'value')}s"
    low = [f"{schema['minimum']:g}"] if "minimum" in schema else []
    low += [f"above {schema['exclusiveMinimum']:g}"] if "exclusiveMinimum" in schema else []
    high = [f"to {schema['maximum']:g}"] if "maximum" in schema else []
    high += [f"to below {schema['exclusiveMaximum']:g}"] if "exclusiveMaximum" in schema else []
    least = ["from"] if "minimum" in schema and not high else []
    return " ".join([kind, *least, *low, *high])


def about_value(path: str, text: str) -> str:
    """Whether a field takes a value, all others at their defaults, as a clause."""
    try:
        value = FIELDS[path].validate_python(parse(text).value)
        RunConfig.model_validate(nest({path: value}))
    except ValidationError as error:
        return "; ".join(reason for _, reason, _ in explain(error))
    return "is allowed"
