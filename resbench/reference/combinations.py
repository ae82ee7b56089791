"""Which values cannot be combined: found by trying each pair, so that what is said is what the code refuses."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from resbench.core.cell import Value, contains
from resbench.core.config import nest
from resbench.core.open_section import PLACEHOLDER
from resbench.core.text import show
from resbench.grid.source import FIELDS
from resbench.reference.declared import choices, declarations, defaults, table
from resbench.training.run import RunConfig

Setting = tuple[str, Value]


@dataclass
class Refusals:
    """What the code says of values that cannot be combined.

    Attributes:
        alone: value -> why it cannot stand with the defaults of all other fields.
        pairs: (value, other value, why).
    """

    alone: dict[tuple[str, str], str] = field(default_factory=dict)
    pairs: list[tuple[Setting, Setting, str]] = field(default_factory=list)

    def of_value(self, path: str, value: str) -> list[str]:
        """Each reason once, with the values of other fields that it is given for."""
        alone = self.alone.get((path, value))
        return [
            *([f"where all other fields have their defaults: {alone}"] if alone else []),
            *self._reasons(path, value),
        ]

    def of_field(self, path: str) -> list[str]:
        """The same over all of its values."""
        return self._reasons(path)

    def _reasons(self, path: str, value: str | None = None) -> list[str]:
        groups: dict[str, tuple[str, dict[str, list[str]]]] = {}
        for ours, theirs, text in self._seen_from(path):
            if value is None or show(ours[1]) == value:
                shape = _without(_without(text, ours[1]), theirs[1])
                others = groups.setdefault(shape, (text, {}))[1].setdefault(theirs[0], [])
                others += [show(theirs[1])] if show(theirs[1]) not in others else []
        return [f"with {_named(others)}: {text}" for text, others in groups.values()]

    def _seen_from(self, path: str) -> Iterator[tuple[Setting, Setting, str]]:
        for ours, theirs, text in self.pairs:
            if ours[0] == path:
                yield ours, theirs, text
            elif theirs[0] == path:
                yield theirs, ours, text


def _without(text: str, value: Value) -> str:
    """A reason without the value that it is given for."""
    return re.sub(rf"(?<!\w){re.escape(show(value))}(?!\w)", "*", text)


def _named(others: Mapping[str, list[str]]) -> str:
    """`model.unit preact, seed or model.norm none`; of the numbers that were tried one stands for all."""
    return " or ".join(
        f"{path} {', '.join(values)}" if table(path) or len(values) == 1 else f"{path} such as {values[0]}"
        for path, values in others.items()
    )


def refusals() -> Refusals:
    """Try every value with the defaults, and with every value of every other field."""
    out = Refusals()
    settings = [(path, value) for path in declarations() for value in _candidates(path)]
    around: dict[tuple[str, str], dict[str, Value]] = {}  # what a value needs of one other field
    for path, value in settings:
        refused = _refused({path: value})
        if refused:
            out.alone[path, show(value)] = refused[0]
        needed = (
            [{}]
            if not refused
            else [{at: to} for at, to in settings if at != path and not _refused({path: value, at: to})]
        )
        if needed:
            around[path, show(value)] = needed[0]
    known = [(path, value) for path, value in settings if (path, show(value)) in around]
    for ours, theirs in itertools.combinations(known, 2):
        pair = dict([ours, theirs])
        if ours[0] == theirs[0]:
            continue
        refused = _refused(around[ours[0], show(ours[1])] | around[theirs[0], show(theirs[1])] | pair)
        if refused and set(pair) <= set(refused[1]):
            out.pairs.append((ours, theirs, refused[0]))
    return out


def _refused(values: Mapping[str, Value]) -> tuple[str, list[str]] | None:
    """Why a run cannot have these values, and the fields to blame; None if it can."""
    try:
        RunConfig.model_validate(nest(values))
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            context = item.get("ctx", {})
            if "paths" in context:
                return str(context["text"]), list(context["paths"])
    return None


def _candidates(path: str) -> list[Value]:
    """Values of a field that may be refused somewhere: its names, or its examples and a few numbers."""
    if names := table(path):
        return list(names)
    if path.endswith(f".{PLACEHOLDER}"):  # whatever the function of the user's takes
        return []
    numbers = [0, 0.5, 1] + [choice["minimum"] for choice in choices(path) if "minimum" in choice]
    given = [defaults()[path], True, False, "none", *(declarations()[path].examples or ()), *numbers]
    return [value for index, value in enumerate(given) if not contains(given[:index], value) and _takes(path, value)]


def _takes(path: str, value: Value) -> bool:
    try:
        FIELDS[path].validate_python(value)
    except ValidationError:
        return False
    return True
