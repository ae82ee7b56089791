"""Read a grid file: every mistake is named with its line, all at once, before anything runs."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from resbench.core.config import UserError, explain, suggestion
from resbench.core.text import RULE, is_name
from resbench.core.yaml_reader import Document, parse
from resbench.grid.expand import build
from resbench.grid.expectations import read_claims, read_published, read_target
from resbench.grid.grid import FIELDS, Cell, Exclusion, Grid
from resbench.records.claim import PROBED, among

KEYS = ("name", "base", "axes", "zip", "exclude", "seeds", "probes", "baseline", "published", "claims", "target")
_WRONG: Any = object()  # stands where a value could not be read


class Reader:
    """One pass over a file: every check appends its mistakes, and all are raised together."""

    def __init__(self, file: str, overrides: list[str]) -> None:
        self.file = file
        self.overrides = overrides
        self.mistakes: list[tuple[int, str]] = []  # line 0: the command line
        self.doubtful: dict[str, int] = {}  # fields with a mistake in their own value -> how many
        self.lines: dict[str, int] = {}  # dotted path -> line of its value
        self.document = Document()

    def read(self) -> Grid:
        grid = self._parse()
        if len(self.mistakes) > sum(self.doubtful.values()):  # the file's shape is in doubt, so its cells are too
            self._stop()
        _drop_wrong(grid)
        build(self, grid)
        self._stop()
        return grid

    def _stop(self) -> None:
        if self.mistakes:
            told = dict.fromkeys(sorted(self.mistakes))
            raise UserError(f"{f'{self.file}:{line}' if line else 'command line'}: {text}" for line, text in told)

    def wrong(self, line: int, text: str) -> None:
        """Note a mistake; line 0 is the command line."""
        self.mistakes.append((line, text))

    def _text(self) -> str:
        try:
            return Path(self.file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise UserError(f"{self.file}: cannot be read: {reason}") from None

    def _parse(self) -> Grid:
        text = self._text()
        self.document = parse(text)
        self.mistakes += self.document.mistakes
        root = self.document.value
        grid = Grid(name="", file=self.file, about=_about(text))
        if not isinstance(root, dict):
            if not self.mistakes:
                self.wrong(1, f"a grid file is a mapping with the keys {', '.join(KEYS)}")
            return grid
        if "search" in root and {"axes", "zip"}.isdisjoint(root):
            line = self.document.line("search")
            self.wrong(line, f"this is a search file, whose arms are tuned first: `resbench tune {self.file}` runs it")
            self._stop()
        for key in root:
            if key not in KEYS:
                hint = suggestion(key, KEYS)
                self.wrong(self.document.line(key), f"{key}: unknown key; allowed are {', '.join(KEYS)}{hint}")
        name = root.get("name", Path(self.file).stem)
        grid.name = self._name(name, self.document.line("name"))
        grid.base = self.values(root.get("base", {}), "base")
        grid.axes = self._axes(root.get("axes", {}), ("axes",))
        grid.zips = self._zips(root.get("zip", []))
        grid.exclude = self._exclusions(root.get("exclude", []))
        grid.seeds = self._seeds(root.get("seeds", 1), self.document.line("seeds"))
        grid.probes = self._probes(root.get("probes", []), self.document.line("probes"))
        self._override(grid)
        self._twice(grid)
        grid.baseline = self.values(root.get("baseline", {}), "baseline")
        grid.published = read_published(self, root.get("published", []))
        grid.target = read_target(self, root.get("target"))
        grid.claims = read_claims(self, root.get("claims", []), grid)
        return grid

    def _name(self, value: Any, line: int) -> str:
        if not is_name(value):
            self.wrong(line, f"name: {value!r} is not a name: {RULE}")
            return "invalid"
        return str(value)

    def _value(self, path: str, value: Any, line: int) -> Any:
        """Check one value of one field; returns it as the field reads it."""
        if path not in FIELDS:
            hint = suggestion(path, FIELDS) or f"; `resbench ls axes` lists all {len(FIELDS)}"
            self._doubt(next(iter(difflib.get_close_matches(path, FIELDS, 1)), path))
            self.wrong(line, f"{path}: unknown field{hint}")
            return _WRONG
        try:
            return FIELDS[path].validate_python(value)
        except ValidationError as error:
            self._doubt(path)
            self.wrong(line, f"{path}: {' or '.join(text for _, text, _ in explain(error))}")
            return _WRONG

    def _doubt(self, path: str) -> None:
        self.doubtful[path] = self.doubtful.get(path, 0) + 1

    def values(self, mapping: Any, key: str, *inner: str | int) -> Cell:
        """A nested or dotted mapping of values -> dotted paths."""
        at = (key, *inner)
        if mapping is None or not isinstance(mapping, dict):
            if mapping is not None:
                self.wrong(self.document.line(*at), f"{key}: {mapping!r} should be a mapping of fields to values")
            return {}
        out: Cell = {}
        for path, keys, value in _leaves(mapping):
            line = self.document.line(*at, *keys)
            if key in ("base", "baseline", "published") or inner[1:] in (("compare",), ("to",)):
                out[path] = self._value(path, value, line)
                if key == "base":
                    self.lines[path] = line
            else:
                choices = value if isinstance(value, list) else [value]
                out[path] = [self._value(path, choice, line) for choice in choices]
        return out

    def _axes(self, mapping: Any, at: tuple[str | int, ...]) -> dict[str, list[Any]]:
        if not isinstance(mapping, dict):
            if mapping is not None:
                self.wrong(
                    self.document.line(*at),
                    f"{at[0]}: {mapping!r} should be a mapping of fields to lists of values",
                )
            return {}
        out: dict[str, list[Any]] = {}
        for path, keys, values in _leaves(mapping):
            line = self.document.line(*at, *keys)
            if not isinstance(values, list) or not values:
                self.wrong(line, f"{path}: {values!r} should be a list of values, such as [{values}]")
                continue
            self.lines[path] = line
            out[path] = [
                self._value(path, value, self.document.line(*at, *keys, index)) for index, value in enumerate(values)
            ]
            doubles = [value for index, value in enumerate(values) if among(value, values[:index])]
            if doubles:
                self.wrong(line, f"{path}: {doubles[0]!r} is listed twice: remove one")
        return out

    def _zips(self, groups: Any) -> list[dict[str, list[Any]]]:
        if not isinstance(groups, list):
            self.wrong(
                self.document.line("zip"),
                f"zip: {groups!r} should be a list of mappings of fields to lists of one length",
            )
            return []
        out = []
        for index, group in enumerate(groups):
            axes = self._zip_axes(group, index)
            lengths = {path: len(values) for path, values in axes.items()}
            if len(set(lengths.values())) > 1:
                told = ", ".join(f"{path} has {length}" for path, length in lengths.items())
                self.wrong(self.document.line("zip", index), f"zip: paired axes need lists of one length, but {told}")
            elif axes:
                out.append(axes)
        return out

    def _zip_axes(self, group: Any, index: int) -> dict[str, list[Any]]:
        before = len(self.mistakes)
        axes = self._axes(group, ("zip", index))
        # values may repeat in a pair: only the pair as a whole has to be new
        self.mistakes[before:] = [m for m in self.mistakes[before:] if "is listed twice" not in m[1]]
        return axes

    def _exclusions(self, rules: Any) -> list[Exclusion]:
        if not isinstance(rules, list):
            self.wrong(
                self.document.line("exclude"),
                f"exclude: {rules!r} should be a list of {{if: ..., because: ...}}",
            )
            return []
        out = []
        for index, rule in enumerate(rules):
            line = self.document.line("exclude", index)
            if not isinstance(rule, dict) or set(rule) != {"if", "because"}:
                self.wrong(line, "exclude: each rule has exactly the keys if and because")
                continue
            if not isinstance(rule["because"], str) or not rule["because"].strip():
                self.wrong(line, f"exclude: because: {rule['because']!r} should be the reason, in words")
                continue
            when = self.values(rule["if"], "exclude", index, "if")
            if when:
                out.append(Exclusion(when, rule["because"]))
            elif not rule["if"]:
                self.wrong(line, "exclude: if: is empty and would leave out everything")
        return out

    def _seeds(self, value: Any, line: int) -> list[int]:
        if type(value) is int and 1 <= value <= 100_000:
            return list(range(value))
        if isinstance(value, list) and value and all(type(seed) is int and 0 <= seed < 2**31 for seed in value):
            if len(set(value)) == len(value):
                return value
            self.wrong(line, f"seeds: {value} names a seed twice")
        else:
            self.wrong(line, f"seeds: {value!r} should be a number from 1 to 100000, or a list of different seeds")
        return [0]

    def _probes(self, value: Any, line: int) -> tuple[str, ...]:
        """The chosen probes in the order of their table; `none` is none of them."""
        names = [] if value == "none" else value
        if not isinstance(names, list):
            self.wrong(line, f"probes: {value!r} should be a list of {', '.join(PROBED)}, or none")
            return ()
        for name in names:
            if not isinstance(name, str) or name not in PROBED:
                self.wrong(line, f"probes: {name!r} is not one of {', '.join(PROBED)}{suggestion(name, PROBED)}")
        return tuple(name for name in PROBED if name in names)

    def _override(self, grid: Grid) -> None:
        for text in self.overrides:
            path, equals, given = text.partition("=")
            document = parse(given)
            if not equals or document.mistakes:
                self.wrong(0, f"{text!r} is not of the form path=value")
                continue
            value = document.value
            grid.overrides.append(text)
            if path == "name":
                grid.name = self._name(value, 0)
            elif path == "seeds":
                grid.seeds = self._seeds(value, 0)
            elif path == "probes":
                grid.probes = self._probes(value, 0)
            elif any(path in group for group in grid.zips):
                self.wrong(0, f"{path}: is paired under zip in {self.file}: change it there")
            elif isinstance(value, list) or path in grid.axes:
                grid.axes[path] = [self._value(path, one, 0) for one in (value if isinstance(value, list) else [value])]
                grid.base.pop(path, None)
            else:
                grid.base[path] = self._value(path, value, 0)
            self.lines[path] = 0

    def _twice(self, grid: Grid) -> None:
        places = [*grid.base, *grid.paths]
        for path in dict.fromkeys(path for path in places if places.count(path) > 1):
            self.wrong(self.lines.get(path, 1), f"{path}: stands in more than one of base, axes and zip: keep one")


def _drop_wrong(grid: Grid) -> None:
    """Go on with the values that can be read, to find the mistakes in their combinations too."""
    grid.base = {path: value for path, value in grid.base.items() if value is not _WRONG}
    grid.axes = {path: kept for path, values in grid.axes.items() if (kept := [v for v in values if v is not _WRONG])}
    grid.zips = [group for group in grid.zips if not any(_WRONG in values for values in group.values())]


def _leaves(
    mapping: dict[str, Any], path: str = "", keys: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """(dotted path, keys as written, value) of a mapping that may be nested, dotted, or both."""
    for key, value in mapping.items():
        full = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from _leaves(value, full, (*keys, key))
        else:
            yield full, (*keys, key), value


def _about(text: str) -> str:
    """The comment block that opens the file."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    return "\n".join(line.removeprefix("#").strip() for line in lines)
