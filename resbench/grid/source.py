"""A file of the user's while it is read: its lines, the values of its fields, and every mistake in it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from resbench.core.cell import Value, contains
from resbench.core.config import explain, fields, suggestion
from resbench.core.errors import UserError
from resbench.core.open_section import Fields
from resbench.core.text import NAME_RULE, is_name
from resbench.core.yaml_reader import Document, parse
from resbench.training.run import RunConfig

# what a grid can set: the seeds have a key of their own, and the rest follows from other fields
FIELDS = Fields((path, adapter) for path, adapter in fields(RunConfig).items() if path not in ("seed", "own_code"))
UNREADABLE: Any = object()  # takes the place of a value that could not be read
# (path, value, line) -> whether the path is no field of a run, and has been dealt with, and the value as it is read
ReadExtra = Callable[[str, Value, int], "tuple[bool, Value]"]


class Source:
    """One file and the overrides of the command line. Checks note their mistakes here, and all are raised together.

    Args:
        file: path of the file.
        overrides: `path=value` of the command line.
        title: begins each line in place of file and line, where the values come from Python.

    Attributes:
        document: the parsed file.
        mistakes: (line, sentence); line 0 is the command line.
        lines: dotted path -> line of its value; 0 where the command line set it.
        doubtful: field -> number of mistakes in its own values.
        read_extra: reads the paths that are no fields, where a kind of file has some.
    """

    def __init__(self, file: str = "", overrides: Sequence[str] = (), title: str = "") -> None:
        self.file = file
        self.title = title
        self.overrides = list(overrides)
        self.document = Document()
        self.mistakes: list[tuple[int, str]] = []
        self.lines: dict[str, int] = {}
        self.doubtful: dict[str, int] = {}
        self.read_extra: ReadExtra | None = None

    def parse(self) -> str:
        """Read the file into `document`; returns its text.

        Raises:
            UserError: the file cannot be read.
        """
        try:
            text = Path(self.file).read_text(encoding="utf-8-sig")  # without the mark that some editors put first
        except (OSError, UnicodeDecodeError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise UserError(f"{self.file}: cannot be read: {reason}") from None
        self.document = parse(text)
        self.mistakes += self.document.mistakes
        return text

    def wrong(self, line: int, text: str) -> None:
        """Note a mistake; line 0 is the command line."""
        self.mistakes.append((line, text))

    def raise_mistakes(self) -> None:
        """End the reading if there are mistakes.

        Raises:
            UserError: one line for each.
        """
        if self.mistakes:
            raise UserError(f"{self._place(line)}: {text}" for line, text in dict.fromkeys(sorted(self.mistakes)))

    def _place(self, line: int) -> str:
        return self.title or (f"{self.file}:{line}" if line else "command line")

    @property
    def shape_in_doubt(self) -> bool:
        """Whether there are mistakes beyond those in the values of single fields."""
        return len(self.mistakes) > sum(self.doubtful.values())

    def set_by_command_line(self, path: str) -> bool:
        return self.lines.get(path) == 0

    def root(self, kind: str, keys: Sequence[str]) -> dict[str, Any]:
        """The file as a mapping.

        Args:
            kind: of file, in words.
            keys: that it may have.

        Raises:
            UserError: it is no mapping.
        """
        root = self.document.value
        if not isinstance(root, dict):
            if not self.mistakes:
                self.wrong(1, f"a {kind} file is a mapping with the keys {', '.join(keys)}")
            self.raise_mistakes()
        return dict(root)

    def key(self, key: str, allowed: Sequence[str]) -> None:
        """Check a key of the file's top level."""
        if key not in allowed:
            hint = suggestion(key, allowed)
            if key in ("trials", "search", "arms", "sampler", "pruner"):
                hint = "; it belongs to a search file, for `resbench tune`"
            if key == "about":
                hint = "; what a study is about stands in the comment at the top of the file"
            self.wrong(self.document.line(key), f"{key}: unknown key; allowed are {', '.join(allowed)}{hint}")

    def name(self, value: Any, line: int) -> str:
        """The name of a study."""
        if isinstance(value, bool | int | float):
            example = 'name: "2024"' if line else """'name="2024"'"""
            kind = "true or false" if isinstance(value, bool) else "a number"
            self.wrong(line, f"name: {value!r} is not a name but {kind}: put it in quotes, as in {example}")
            return "invalid"
        if not is_name(value):
            self.wrong(line, f"name: {value!r} is not a name: {NAME_RULE}")
            return "invalid"
        return str(value)

    def value(self, path: str, value: Any, line: int) -> Any:
        """Check one value of one field; returns it as the field reads it, or UNREADABLE."""
        if self.read_extra is not None:
            extra, read = self.read_extra(path, value, line)
            if extra:
                return read
        if path not in FIELDS:
            hint = suggestion(path, FIELDS) or f"; `resbench ls axes` lists all {len(FIELDS)}"
            self._doubt(next(iter(difflib.get_close_matches(path, FIELDS, 1)), path))
            self.wrong(line, f"{path}: unknown field{hint}")
            return UNREADABLE
        try:
            return FIELDS[path].validate_python(value)
        except ValidationError as error:
            self._doubt(path)
            several = f"; several values are written {path}=[{value}]" if not line and "," in str(value) else ""
            self.wrong(line, f"{path}: {' or '.join(text for _, text, _ in explain(error))}{several}")
            return UNREADABLE

    def _doubt(self, path: str) -> None:
        self.doubtful[path] = self.doubtful.get(path, 0) + 1

    def values(self, mapping: Any, *at: str | int) -> dict[str, Any]:
        """One value for each field: a mapping that may be nested or dotted -> dotted path -> value.

        Args:
            at: where in the file the mapping is.
        """
        return {
            path: self.value(path, value, self.document.line(*at, *keys))
            for path, keys, value in self._leaves(mapping, at)
        }

    def value_lists(self, mapping: Any, *at: str | int) -> dict[str, list[Any]]:
        """As `values`, with one value or a list of them for each field."""
        return {path: values or [] for path, values in self.limits(mapping, *at).items() if values is not None}

    def limits(self, mapping: Any, *at: str | int, optional: bool = False) -> dict[str, list[Any] | None]:
        """As `value_lists`; where they are optional, a field without a value has None."""
        out: dict[str, list[Any] | None] = {}
        for path, keys, value in self._leaves(mapping, at):
            line = self.document.line(*at, *keys)
            if value == []:
                self.wrong(line, f"{path}: [] should be a value, or a list of values")
            listed = value if isinstance(value, list) else [value]
            absent = optional and value is None
            out[path] = None if absent else [self.value(path, choice, line) for choice in listed]
        return out

    def base(self, mapping: Any, *at: str | int) -> dict[str, Any]:
        """As `values`; notes the lines, to which later mistakes in combinations point."""
        if isinstance(mapping, dict):
            self.lines |= {path: self.document.line(*at, *keys) for path, keys, _ in leaves(mapping)}
        return self.values(mapping, *at)

    def _leaves(self, mapping: Any, at: tuple[str | int, ...]) -> list[tuple[str, tuple[str, ...], Any]]:
        if isinstance(mapping, dict):
            return self.once(leaves(mapping), *at)
        if mapping is not None:
            self.wrong(self.document.line(*at), f"{at[0]}: {mapping!r} should be a mapping of fields to values")
        return []

    def once(
        self, spelled: Iterable[tuple[str, tuple[str, ...], Any]], *at: str | int
    ) -> list[tuple[str, tuple[str, ...], Any]]:
        """Fields, keys as written and values, without those of a field that another spelling has given before.

        Args:
            at: where in the file they are.
        """
        first: dict[str, tuple[str, tuple[str, ...], Any]] = {}
        for path, keys, value in spelled:
            if path in first:
                where = "" if self.title else f" (first on line {self.document.line(*at, *first[path][1])})"
                self.wrong(self.document.line(*at, *keys), f"{path}: given twice{where}: remove one")
            else:
                first[path] = (path, keys, value)
        return list(first.values())

    def axes(self, mapping: Any, *at: str | int, repeats: bool = False) -> dict[str, list[Any]]:
        """Fields with the lists of their values.

        Args:
            at: where in the file the mapping is.
            repeats: whether a value may be listed twice, as in a pair of axes, where only the pair has to be new.
        """
        if not isinstance(mapping, dict):
            if mapping is not None:
                text = f"{at[0]}: {mapping!r} should be a mapping of fields to lists of values"
                self.wrong(self.document.line(*at), text)
            return {}
        out: dict[str, list[Any]] = {}
        for path, keys, values in self.once(leaves(mapping), *at):
            line = self.document.line(*at, *keys)
            if not isinstance(values, list) or not values:
                example = f", such as [{values}]" if values not in ([], None) else ""
                self.wrong(line, f"{path}: {values!r} should be a list of values{example}")
                continue
            self.lines[path] = line
            out[path] = [
                self.value(path, value, self.document.line(*at, *keys, index)) for index, value in enumerate(values)
            ]
            if not repeats:
                self._listed_once(path, values, line)
        return out

    def axis_of_override(self, path: str, value: Any) -> list[Any]:
        """The values of an axis of the command line, with the same mistakes as in a file; none if the list is empty."""
        values = value if isinstance(value, list) else [value]
        if not values and path in FIELDS:
            self.wrong(0, f"{path}: [] should be a list of values")
        elif not values:
            self.value(path, None, 0)
        self._listed_once(path, values, 0)
        return [self.value(path, choice, 0) for choice in values]

    def _listed_once(self, path: str, values: Sequence[Value], line: int) -> None:
        doubles = [value for index, value in enumerate(values) if contains(values[:index], value)]
        if doubles:
            self.wrong(line, f"{path}: {doubles[0]!r} is listed twice: remove one")

    def parsed_overrides(self) -> Iterator[tuple[str, str, Any]]:
        """(text, path, value) of each override that can be read, and is the first of its path."""
        first: dict[str, str] = {}
        for text in self.overrides:
            path, equals, given = text.partition("=")
            document = parse(given)
            if not equals or document.mistakes:
                another = ": one file at a time" if text.endswith((".yaml", ".yml")) else ""
                self.wrong(0, f"{text!r} is not of the form path=value{another}")
            elif path in first:
                self.wrong(0, f"{path}: given twice, as {first[path]} and as {text}: leave one out")
            else:
                first[path] = text
                yield text, path, document.value


def leaves(
    mapping: Mapping[str, Any], path: str = "", keys: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """(dotted path, keys as written, value) of a mapping that may be nested, dotted, or both."""
    for key, value in mapping.items():
        full = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from leaves(value, full, (*keys, key))
        else:
            yield full, (*keys, key), value


def readable(axes: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Axes with the values that could be read; an axis without any is left out."""
    read = {path: [value for value in values if value is not UNREADABLE] for path, values in axes.items()}
    return {path: values for path, values in read.items() if values}
