"""Read the part of a search file that says what is searched: ranges and choices within the fields' own bounds."""

from __future__ import annotations

import math
from typing import Any

from resbench.grid.grid import FIELDS
from resbench.grid.reader import _WRONG, Reader
from resbench.records.claim import among
from resbench.tuning.search import Choices, Range

_MOST_VALUES = 1_000_000  # of a field that are listed
_RANGE = ("low", "high", "log", "step", "choices")
_MEASURES = ("data.name", "data.val_size")  # decide on which images the objective is measured


class SpaceReader(Reader):
    """Reader of the key `search`.

    Attributes:
        ranged: every path that the file searches; an override may fix some.
    """

    ranged: tuple[str, ...] = ()

    def space(self, mapping: Any) -> dict[str, Range | Choices]:
        """Dotted path -> where it is searched; every mistake is noted."""
        if not isinstance(mapping, dict) or not mapping:
            self.wrong(
                self.document.line("search"),
                "search: should be a mapping of fields to {low, high} or {choices}, and name one field at the least",
            )
            return {}
        out: dict[str, Range | Choices] = {}
        for path, keys, part in _ranges(mapping):
            line = self.document.line("search", *keys)
            self.lines[path] = line
            found = self._searched(path, part, line, keys)
            if found:
                out[path] = found
        self.ranged = tuple(out)
        return out

    def _searched(self, path: str, part: Any, line: int, keys: tuple[str, ...]) -> Range | Choices | None:
        if path not in FIELDS:
            self._value(path, part, line)
            return None
        if path in _MEASURES:
            self.wrong(line, f"{path}: cannot be searched: it decides which images the trials are judged by")
            return None
        if not isinstance(part, dict) or not ({"low", "high"} <= set(part) or "choices" in part):
            self.wrong(line, f"{path}: {part!r} should be {{low: ..., high: ...}} or {{choices: [...]}}")
            return None
        odd = [key for key in part if key not in _RANGE]
        if odd or ("choices" in part and len(part) > 1):
            told = f"{odd[0]}: unknown key; allowed are" if odd else "choices stand alone, without"
            self.wrong(line, f"{path}: {told} low, high, log, step{' or choices' if odd else ''}")
            return None
        if "choices" in part:
            return self._choices(path, part["choices"], line, keys)
        return self._range(path, part, line)

    def _choices(self, path: str, values: Any, line: int, keys: tuple[str, ...]) -> Choices | None:
        if not isinstance(values, list) or len(values) < 2:
            self.wrong(line, f"{path}: choices: {values!r} should be a list of two values or more")
            return None
        at = ("search", *keys, "choices")
        read = [self._value(path, value, self.document.line(*at, index)) for index, value in enumerate(values)]
        doubles = [value for index, value in enumerate(values) if among(value, values[:index])]
        if doubles:
            self.wrong(line, f"{path}: choices: {doubles[0]!r} is listed twice: remove one")
        return None if any(value is _WRONG for value in read) or doubles else Choices(tuple(read))

    def _range(self, path: str, part: dict[str, Any], line: int) -> Range | None:
        low, high, log, step = (part.get(key) for key in ("low", "high", "log", "step"))
        before = len(self.mistakes)
        for key, value in (("low", low), ("high", high)):
            if not _is_number(value):
                self.wrong(line, f"{path}: {key}: {value!r} should be a number; for anything else use choices")
        if log not in (None, True, False):
            self.wrong(line, f"{path}: log: {log!r} should be true or false")
        if len(self.mistakes) > before:
            return None
        if low == high:
            self.wrong(line, f"{path}: the range is empty of choice: low and high are both {low}: set it in base")
        elif low > high:  # type: ignore[operator]
            self.wrong(line, f"{path}: low {low} is above high {high}")
        if log and low <= 0:  # type: ignore[operator]
            self.wrong(line, f"{path}: a log range has to begin above 0, and low is {low}")
        ends = [self._value(path, value, line) for value in (low, high)]
        if len(self.mistakes) > before:
            return None
        whole = isinstance(ends[0], int)
        if step is not None and (not _is_number(step) or step <= 0 or (whole and not isinstance(step, int))):
            self.wrong(line, f"{path}: step: {step!r} should be a {'whole ' if whole else ''}number above 0")
        elif step is not None and log:
            self.wrong(line, f"{path}: step: a log range has no steps: leave out one of log and step")
        elif step is not None and step > ends[1] - ends[0]:
            self.wrong(line, f"{path}: step: {step} is larger than the range from {low} to {high}")
        elif (whole or step is not None) and (ends[1] - ends[0]) / (step or 1) > _MOST_VALUES:
            self.wrong(
                line, f"{path}: has more than {_MOST_VALUES:,} values: bring low and high together, or raise step"
            )
        return None if len(self.mistakes) > before else Range(ends[0], ends[1], bool(log), step)


def _ranges(
    mapping: dict[str, Any], path: str = "", keys: tuple[str, ...] = ()
) -> list[tuple[str, tuple[str, ...], Any]]:
    """(dotted path, keys as written, range) of a mapping of ranges that may be nested, dotted, or both."""
    out: list[tuple[str, tuple[str, ...], Any]] = []
    for key, part in mapping.items():
        full = f"{path}.{key}" if path else key
        deeper = isinstance(part, dict) and part and "." not in full and not set(part) & set(_RANGE)
        out += _ranges(part, full, (*keys, key)) if deeper else [(full, (*keys, key), part)]
    return out


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
