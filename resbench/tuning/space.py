"""What is searched of a field: a range or choices. `read_space` reads them from a search file."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from resbench.core.cell import Scalar, Value, contains
from resbench.grid.source import FIELDS, UNREADABLE, Source
from resbench.records.trials import SearchRange

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution

_MAX_VALUES = 1_000_000  # of a field that are listed
_KEYS = ("low", "high", "log", "step", "choices")
_MEASURES = ("data.name", "data.path", "data.val_size")  # decide on which images the objective is measured


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included; a step makes them a list, which may end below high."""

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int)

    @property
    def last(self) -> int | float:
        """The highest value that is drawn."""
        if self.step is None:
            return self.high
        value = self.low + self.step * _steps(self.low, self.high, self.step)
        return int(value) if self.whole else _rounded(value)

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.last), log=self.log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.last, log=self.log, step=self.step)

    def suggest(self, trial: Trial, path: str) -> None:
        """Give a trial its value, unless it has one."""
        if self.whole:
            trial.suggest_int(path, int(self.low), int(self.last), step=int(self.step or 1), log=self.log)
        else:
            trial.suggest_float(path, self.low, self.last, step=self.step, log=self.log)

    def to_storage(self, value: Value) -> Value:
        return value

    def from_storage(self, stored: Value) -> Value:
        """The value as `values` has it: Optuna adds up steps to 0.30000000000000004."""
        return _rounded(stored) if self.step is not None and isinstance(stored, float) else stored

    def values(self) -> list[Value] | None:
        """Every value, or None if there are infinitely many."""
        if self.step is None and not self.whole:
            return None
        step = self.step or 1
        values = (self.low + step * index for index in range(_steps(self.low, self.high, step) + 1))
        return [int(value) if self.whole else _rounded(value) for value in values]

    def examples(self) -> list[Value]:
        """Every value, or the two ends: nothing new can be refused between them."""
        return self.values() or [self.low, self.high]

    def describe(self) -> SearchRange:
        """What can be drawn."""
        return SearchRange(low=self.low, high=self.last, log=self.log, step=self.step)

    def as_given(self) -> SearchRange:
        """The range as it was written, which identifies a search."""
        return SearchRange(low=self.low, high=self.high, log=self.log, step=self.step)


@dataclass(frozen=True)
class Choices:
    """One of several values, without an order. Optuna knows a list by its JSON text, as it hashes what it chooses from."""

    choices: tuple[Value, ...]

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self._stored())

    def suggest(self, trial: Trial, path: str) -> None:
        """Give a trial its value, unless it has one."""
        trial.suggest_categorical(path, self._stored())

    def _stored(self) -> list[Scalar]:
        return [self.to_storage(value) for value in self.choices]

    def to_storage(self, value: Value) -> Scalar:
        """A value as the storage has it."""
        return _text(value) if isinstance(value, list) else value

    def from_storage(self, stored: Value) -> Value:
        """The inverse of `to_storage`."""
        lists = {_text(choice): choice for choice in self.choices if isinstance(choice, list)}
        return lists.get(stored, stored) if isinstance(stored, str) else stored

    def values(self) -> list[Value] | None:
        return list(self.choices)

    def examples(self) -> list[Value]:
        return list(self.choices)

    def describe(self) -> SearchRange:
        return SearchRange(choices=list(self.choices))

    def as_given(self) -> SearchRange:
        return self.describe()


Space: TypeAlias = dict[str, Range | Choices]  # dotted path -> where it is searched


def _steps(low: int | float, high: int | float, step: int | float) -> int:
    """How often a step fits into a range; what floating point makes of its ends is forgiven."""
    return math.floor((high - low) / step + 1e-9)


def _rounded(value: float) -> float:
    """Twelve digits, as one would write it."""
    return float(f"{value:.12g}")


def _text(value: list[Scalar]) -> str:
    return json.dumps(value, separators=(",", ":"))


def read_space(source: Source, mapping: Any) -> Space:
    """The key `search` of a file; every mistake goes to the source."""
    if not isinstance(mapping, dict) or not mapping:
        text = "should be a mapping of fields to {low, high} or {choices}, and name one field or more"
        source.wrong(source.document.line("search"), f"search: {text}")
        return {}
    out: Space = {}
    for path, keys, part in source.once(_parts(mapping), "search"):
        source.lines[path] = source.document.line("search", *keys)
        searched = _field(source, path, part, keys)
        if searched:
            out[path] = searched
    return out


def _parts(
    mapping: dict[str, Any], path: str = "", keys: tuple[str, ...] = ()
) -> list[tuple[str, tuple[str, ...], Any]]:
    """(dotted path, keys as written, range) of a mapping of ranges that may be nested, dotted, or both."""
    out: list[tuple[str, tuple[str, ...], Any]] = []
    for key, part in mapping.items():
        full = f"{path}.{key}" if path else key
        section = "." not in full or full in FIELDS.open_sections()
        deeper = isinstance(part, dict) and part and section and not set(part) & set(_KEYS)
        out += _parts(part, full, (*keys, key)) if deeper else [(full, (*keys, key), part)]
    return out


def _field(source: Source, path: str, part: Any, keys: tuple[str, ...]) -> Range | Choices | None:
    line = source.lines[path]
    if path not in FIELDS:
        source.value(path, part, line)
        return None
    if path in _MEASURES:
        source.wrong(line, f"{path}: cannot be searched: it decides which images the trials are judged by")
        return None
    if not isinstance(part, dict) or not ({"low", "high"} <= set(part) or "choices" in part):
        source.wrong(line, f"{path}: {part!r} should be {{low: ..., high: ...}} or {{choices: [...]}}")
        return None
    unknown = [key for key in part if key not in _KEYS]
    if unknown:
        source.wrong(line, f"{path}: {unknown[0]}: unknown key; allowed are low, high, log, step or choices")
        return None
    if "choices" in part and len(part) > 1:
        source.wrong(line, f"{path}: choices stand alone, without low, high, log, step")
        return None
    return _choices(source, path, part["choices"], keys) if "choices" in part else _range(source, path, part)


def _choices(source: Source, path: str, values: Any, keys: tuple[str, ...]) -> Choices | None:
    line = source.lines[path]
    if not isinstance(values, list) or len(values) < 2:
        source.wrong(line, f"{path}: choices: {values!r} should be a list of two values or more")
        return None
    at = ("search", *keys, "choices")
    read = [source.value(path, value, source.document.line(*at, index)) for index, value in enumerate(values)]
    doubles = [value for index, value in enumerate(values) if contains(values[:index], value)]
    if doubles:
        source.wrong(line, f"{path}: choices: {doubles[0]!r} is listed twice: remove one")
    return None if any(value is UNREADABLE for value in read) or doubles else Choices(tuple(read))


def _range(source: Source, path: str, part: dict[str, Any]) -> Range | None:
    line, before = source.lines[path], len(source.mistakes)
    low, high, log, step = (part.get(key) for key in ("low", "high", "log", "step"))
    for key, value in (("low", low), ("high", high)):
        if not _is_number(value):
            source.wrong(line, f"{path}: {key}: {value!r} should be a number; for anything else use choices")
    if log not in (None, True, False):
        source.wrong(line, f"{path}: log: {log!r} should be true or false")
    if len(source.mistakes) > before:
        return None
    assert low is not None and high is not None  # they are numbers
    if low == high:
        source.wrong(line, f"{path}: the range is empty of choice: low and high are both {low}: set it in base")
    elif low > high:
        source.wrong(line, f"{path}: low {low} is above high {high}")
    if log and low <= 0:
        source.wrong(line, f"{path}: a log range has to begin above 0, and low is {low}")
    first, last = (source.value(path, value, line) for value in (low, high))
    if len(source.mistakes) > before:
        return None
    wrong = _wrong_step(first, last, bool(log), step)
    if wrong:
        source.wrong(line, f"{path}: {wrong}")
        return None
    return Range(first, last, bool(log), step)


def _wrong_step(low: int | float, high: int | float, log: bool, step: Any) -> str:
    """What is wrong with the step of a range, or with the number of values; empty if nothing is."""
    whole = isinstance(low, int)
    if step is not None and (not _is_number(step) or step <= 0 or (whole and not isinstance(step, int))):
        return f"step: {step!r} should be a {'whole ' if whole else ''}number above 0"
    if step is not None and log:
        return "step: a log range has no steps: leave out one of log and step"
    if step is not None and _steps(low, high, step) < 1:
        return f"step: {step} is larger than the range from {low} to {high}"
    if (whole or step is not None) and (high - low) / (step or 1) > _MAX_VALUES:
        return f"has more than {_MAX_VALUES:,} values: bring low and high together, or raise step"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
