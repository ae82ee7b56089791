"""Read a search file: the parts it shares with a grid file are read as there, every mistake at once, before anything runs."""

from __future__ import annotations

import importlib.util
import itertools
import math
from pathlib import Path
from typing import Any

from resbench.core.config import suggestion
from resbench.core.yaml_reader import parse
from resbench.grid.expand import build
from resbench.grid.expectations import check_claims, read_claims
from resbench.grid.grid import Grid
from resbench.grid.reader import _WRONG, _about, _drop_wrong
from resbench.tuning.search import PRUNERS, SAMPLERS, Search
from resbench.tuning.space import SpaceReader
from resbench.tuning.winners import TUNED, TUNING, UNTUNED, stand_in

KEYS = ("name", "base", "arms", "search", "trials", "seeds", "sampler", "pruner", "probes", "claims")
_MOST_CHECKED = 20_000  # combinations that are validated before anything runs


class SearchReader(SpaceReader):
    """Reader of a search file."""

    in_claims = False

    def search(self) -> Search:
        """The search.

        Raises:
            UserError: one line for every mistake.
        """
        text = self._text()
        root = self._root(text)
        search = Search("", self.file, about=_about(text), overrides=list(self.overrides))
        search.name = self._name(root.get("name", Path(self.file).stem), self.document.line("name"))
        search.base = self.values(root.get("base", {}), "base")
        search.arms = self._axes(root.get("arms", {}), ("arms",))
        search.space = self.space(root.get("search", {}))
        search.trials = self._count(root, "trials", 30, 100_000)
        search.seeds, search.confirm = self._both_seeds(root.get("seeds", {}))
        search.sampler = self._one_of(root, "sampler", SAMPLERS, "tpe")
        search.pruner = self._one_of(root, "pruner", PRUNERS, "hyperband")
        search.probes = self._probes(root.get("probes", []), self.document.line("probes"))
        self._override_search(search)
        self._together(search)
        self._claims(root.get("claims", []), search)
        self._stop()
        self._check_runs(search)
        self._stop()
        return search

    def _root(self, text: str) -> dict[str, Any]:
        self.document = parse(text)
        self.mistakes += self.document.mistakes
        root = self.document.value
        if not isinstance(root, dict):
            if not self.mistakes:
                self.wrong(1, f"a search file is a mapping with the keys {', '.join(KEYS)}")
            self._stop()
        if "search" not in root and not {"axes", "zip"}.isdisjoint(root):
            line = self.document.line("axes" if "axes" in root else "zip")
            self.wrong(
                line, f"this is a grid file, and there is nothing to search: `resbench run {self.file}` trains it"
            )
            self._stop()
        for key in root:
            if key not in KEYS:
                self.wrong(
                    self.document.line(key),
                    f"{key}: unknown key; allowed are {', '.join(KEYS)}{suggestion(key, KEYS)}",
                )
        return dict(root)

    def _value(self, path: str, value: Any, line: int) -> Any:
        """Claims may also compare what is no field: whether an arm is tuned."""
        if path == TUNING and not self.in_claims:
            self.wrong(line, f"{TUNING}: is no field, and every arm is run {TUNED} and {UNTUNED} anyway: leave it out")
            return _WRONG
        if path == TUNING:
            if value not in (TUNED, UNTUNED):
                self.wrong(line, f"{TUNING}: {value!r} is not one of {TUNED}, {UNTUNED}")
            return value
        return super()._value(path, value, line)

    def _count(self, root: dict[str, Any], key: str, default: int, most: int, line: int | None = None) -> int:
        value = root.get(key, default)
        if type(value) is int and 1 <= value <= most:
            return value
        self.wrong(self.document.line(key) if line is None else line, f"{key}: {value!r} should be from 1 to {most}")
        return default

    def _both_seeds(self, given: Any) -> tuple[int, int]:
        line = self.document.line("seeds")
        if not isinstance(given, dict) or not set(given) <= {"search", "confirm"}:
            self.wrong(line, f"seeds: {given!r} should be {{search: 1, confirm: 5}}: two numbers of seeds")
            return 1, 5
        return self._count(given, "search", 1, 1000, line), self._count(given, "confirm", 5, 100_000, line)

    def _one_of(self, root: dict[str, Any], key: str, allowed: tuple[str, ...], default: str, line: int = -1) -> str:
        value = root.get(key, default)
        if value in allowed:
            return str(value)
        line = self.document.line(key) if line < 0 else line
        self.wrong(line, f"{key}: {value!r} is not one of {', '.join(allowed)}{suggestion(value, allowed)}")
        return default

    def _override_search(self, search: Search) -> None:
        for text in self.overrides:
            path, equals, given = text.partition("=")
            document = parse(given)
            value = document.value
            if not equals or document.mistakes:
                self.wrong(0, f"{text!r} is not of the form path=value")
            elif path == "name":
                search.name = self._name(value, 0)
            elif path in ("trials", "seeds.search", "seeds.confirm"):
                kept = {"trials": "trials", "seeds.search": "seeds", "seeds.confirm": "confirm"}[path]
                setattr(search, kept, self._count({path: value}, path, 1, 100_000, 0))
            elif path == "probes":
                search.probes = self._probes(value, 0)
                self.lines[path] = 0
            elif path == "sampler":
                search.sampler = self._one_of({path: value}, path, SAMPLERS, "tpe", 0)
            elif path == "pruner":
                search.pruner = self._one_of({path: value}, path, PRUNERS, "hyperband", 0)
            elif isinstance(value, list) or path in search.arms:
                values = value if isinstance(value, list) else [value]
                search.arms[path] = [self._value(path, one, 0) for one in values]
                search.base.pop(path, None)
                self.lines[path] = 0
            else:  # a searched field is fixed by its override
                search.base[path] = self._value(path, value, 0)
                search.space.pop(path, None)
                self.lines[path] = 0

    def _together(self, search: Search) -> None:
        """What only the parts together can get wrong."""
        fixed = [text for text in self.overrides if text.partition("=")[0] in self.ranged]
        if fixed and not search.space:
            told = f"{', '.join(fixed)}: nothing is left to search: leave one of them out"
            self.wrong(0, told)
        for path in search.arms:
            if path in search.base or path in search.space:
                self.wrong(self.lines.get(path, 1), f"{path}: stands in arms and in base or search: keep one")
        line = self.document.line("sampler")
        if search.sampler == "grid":
            open_ended = [path for path, one in search.space.items() if one.values() is None]
            for path in open_ended:
                self.wrong(self.lines.get(path, 1), f"{path}: the sampler grid needs choices, or a range with a step")
            points = math.prod(len(one.values() or []) for one in search.space.values())
            if not open_ended and points > search.trials:
                text = f"sampler: the grid has {points} points, more than {search.trials} trials: raise trials, or"
                self.wrong(line, f"{text} use random")
        elif search.sampler == "cmaes" and importlib.util.find_spec("cmaes") is None:
            self.wrong(line, "sampler: cmaes needs the package cmaes: pip install 'resbench[tune]'")

    def _claims(self, raw: Any, search: Search) -> None:
        """Claims stand for the arms as tuned, unless they say otherwise."""
        grid = stand_in(search)
        self.in_claims = True
        claims = read_claims(self, raw, grid)
        self.in_claims = False
        if self.mistakes:
            return
        for given, claim in zip(raw, claims, strict=True):
            if given.get("at") is None and TUNING in claim["at"]:
                claim["at"][TUNING] = [TUNED]
        search.claims = grid.claims = claims
        check_claims(self, grid)

    def _check_runs(self, search: Search) -> None:
        """Build every combination of arms and searched values, as a grid would be: what means nothing is a mistake."""
        grid = Grid(search.name, self.file, base=search.base, axes=dict(search.arms))
        _drop_wrong(grid)
        build(self, grid)  # the arms as they stand, untuned
        for axes in _combinations(search):
            searched = {path: value for path, value in search.base.items() if path not in axes}
            probe = Grid(search.name, self.file, base=searched, axes={**search.arms, **axes})
            build(self, probe)
        self.mistakes = _first_of_each(self.mistakes)
        for arm in search.points() if not self.mistakes else []:
            if search.config(arm).data.sizes[1] == 0:
                self.wrong(
                    self.lines.get("data.val_size", 1),
                    "data.val_size: 0 leaves no validation images, and the trials are judged by validation error",
                )
                break


def _first_of_each(mistakes: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """One line for each field: a range of whole numbers may hold many that mean nothing."""
    told: dict[tuple[int, str], list[str]] = {}
    for line, text in dict.fromkeys(mistakes):
        told.setdefault((line, text.partition(":")[0]), []).append(text.replace("; `exclude` can drop such cells", ""))
    return [
        (line, texts[0] + (f", and {len(texts) - 1} more like this" if len(texts) > 1 else ""))
        for (line, _), texts in told.items()
    ]


def _combinations(search: Search) -> list[dict[str, list[Any]]]:
    """Axes that together meet every combination of searched values; of many, every value of one field at a time.

    Between the ends of a range of fractions nothing new can be refused, so its ends stand for it.
    """
    every = {path: one.values() or [one.low, one.high] for path, one in search.space.items()}  # type: ignore[union-attr]
    arms = math.prod(len(values) for values in search.arms.values())
    if arms * math.prod(len(values) for values in every.values()) <= _MOST_CHECKED:
        return [every]
    pairs: list[tuple[str, ...]] = [*itertools.combinations(every, 2)] or [tuple(every)]
    some = {
        path: values if len(values) <= 30 else [*values[:: len(values) // 30], values[-1]]
        for path, values in every.items()
    }
    return [{path: some[path] for path in pair} for pair in pairs]
