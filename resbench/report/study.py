"""A study as the report sees it: what was asked, joined with what was answered."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from resbench.core.config import UserError, flatten
from resbench.core.text import tame
from resbench.records.store import Store
from resbench.report.frames import show

_TEXTS = ("config", "provenance", "error")  # of a record, that a page shows


@dataclass
class Study:
    """What was asked and what came of it.

    Attributes:
        asked: the study file; empty if the folder has none.
        axes: dotted paths that span the cells.
        runs: one row per run asked for, in the study's order; `status` is "missing" where there is no record.
        records: the records of these runs.
        others: number of records in the folder that the study does not ask for.
        damaged: number of record files that cannot be read.
    """

    name: str
    asked: dict[str, Any]
    axes: list[str]
    runs: pd.DataFrame
    records: list[dict[str, Any]]
    others: int
    damaged: int

    @cached_property
    def by_id(self) -> dict[str, dict[str, Any]]:
        """The records by run id."""
        return {record["id"]: record for record in self.records}

    @property
    def about(self) -> str:
        return str(self.asked.get("about") or "")

    @property
    def baseline(self) -> dict[str, Any]:
        """Values of the baseline, of those paths that are axes."""
        return {path: value for path, value in (self.asked.get("baseline") or {}).items() if path in self.axes}

    @property
    def settings(self) -> dict[str, list[str]]:
        """Every resolved setting that is no axis, with the values it takes among the records."""
        out: dict[str, dict[str, None]] = {}
        for record in self.records:
            for path, value in flatten(record["config"]).items():
                if path != "seed" and path not in self.axes:
                    out.setdefault(path, {})[show(value)] = None
        return {path: sorted(values) for path, values in sorted(out.items())}

    def provenance(self, field: str) -> Counter[str]:
        """How many records have each value of a field of their provenance."""
        values = [flatten(record["provenance"]).get(field) for record in self.records]
        return Counter(sorted("unknown" if value is None else show(value) for value in values))


def load(results: Path, name: str) -> Study:
    """Read a study.

    Raises:
        UserError: there is no such folder.
    """
    folder = results / name
    if name in ("", "..") or Path(name).name != name or not folder.is_dir():
        there = ", ".join(names(results)) or "none"
        raise UserError([f"{name}: no such study in {results}; there are: {there}"])
    store = Store(folder)
    records = [{**record, **{key: tame(record.get(key)) for key in _TEXTS}} for record in store.records()]
    asked = tame(store.study() or {})
    configs = {record["id"]: flatten(record["config"]) for record in records}
    wanted = asked.get("runs") if asked else None
    axes = list(asked["axes"]) if asked.get("axes") is not None else _varying(list(configs.values()))
    if wanted is None:
        wanted = [{"id": one, "cell": {}, "seed": config.get("seed")} for one, config in configs.items()]
        wanted.sort(key=lambda run: [_sortable(configs[run["id"]].get(axis)) for axis in [*axes, "seed"]])
    if not wanted:
        raise UserError([f"{folder}: nothing to report: no records and no runs asked for"])
    ids = {run["id"] for run in wanted}
    known = [record for record in records if record["id"] in ids]
    runs = _frame(wanted, {record["id"]: record for record in known}, axes)
    return Study(
        name=str(asked.get("name") or name),
        asked=asked,
        axes=axes,
        runs=runs,
        records=known,
        others=len(records) - len(known),
        damaged=len(store.damaged),
    )


def names(results: Path) -> list[str]:
    """Studies that have a folder with something in it."""
    if not results.is_dir():
        return []
    return sorted(entry.name for entry in results.iterdir() if entry.is_dir() and any(entry.glob("*.json")))


def again(asked: dict[str, Any]) -> str:
    """The command that goes on with a study, from what its file says."""
    storage = (asked.get("search") or {}).get("storage")
    words = ["resbench", asked.get("command") or "run", asked["file"], *(asked.get("overrides") or [])]
    return shlex.join(map(str, [*words, *(["--storage", storage] if storage else [])]))


def first_sentence(about: str) -> str:
    """The question, or whatever the description opens with."""
    text = " ".join(about.split()).removeprefix("Question: ")
    found = re.match(r".*?[.?!](?=\s+[A-Z]|$)", text)
    return found.group() if found else text


def _frame(wanted: list[dict[str, Any]], records: dict[str, dict[str, Any]], axes: list[str]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for run in wanted:
        record = records.get(run["id"])
        config = flatten(record["config"]) if record else {}
        row = {axis: run["cell"].get(axis, config.get(axis)) for axis in axes}
        row |= {"id": run["id"], "seed": run["seed"], "status": record["status"] if record else "missing"}
        row |= flatten(record["metrics"], "metrics.") if record else {}
        rows.append(row)
    frame = pd.DataFrame(rows)
    for axis in axes:  # as they are: a frame would make None a NaN, and 1 beside 0.5 a 1.0
        frame[axis] = pd.Series([row[axis] for row in rows], dtype=object, index=frame.index)
    return frame


def _varying(configs: list[dict[str, Any]]) -> list[str]:
    paths = {path for config in configs for path in config} - {"seed"}
    values = {path: {show(config.get(path)) for config in configs} for path in paths}
    return sorted(path for path, found in values.items() if len(found) > 1)


def _sortable(value: object) -> tuple[float, str]:
    return (float(value), "") if isinstance(value, int | float) else (float("inf"), show(value))
