"""The trials of a tuned study, as `resbench tune` left them: frame, budget, tuned values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from resbench.core.cell import Value
from resbench.core.errors import UserError
from resbench.core.text import plural, show
from resbench.records.trials import SearchRange, TrialsFile, TunedArm
from resbench.report.document import Block, Columns, Table
from resbench.report.format import DASH, percent
from resbench.report.frames import frame_of
from resbench.report.labels import Labels

ENDED = ("complete", "pruned", "diverged")
STATES = (*ENDED, "failed", "running")
_BUDGET = (
    "What each arm was given: trials by how they ended, epochs and seconds of training, and the least validation error "
    "of a trial that was trained to its end. A pruned trial was stopped early because it fell behind; a diverged one "
    "counts as a trial whose every image is wrong; a failed one does not count, and another took its place."
)
_VALUES = (
    "Values of the base, and those of the trial of least validation error when the search last ended. The search never "
    "saw a test image, and the cells of this page are networks of other seeds than the trials."
)


@dataclass(frozen=True)
class Trials:
    """A search."""

    file: TrialsFile

    @property
    def arms(self) -> list[TunedArm]:
        return self.file.arms

    @property
    def paths(self) -> list[str]:
        """The searched fields."""
        return list(self.file.space)

    @property
    def planned(self) -> int:
        """Trials of all arms."""
        return self.file.trials * len(self.arms)

    @property
    def ended(self) -> int:
        """Trials that count, of each arm as many as planned: one that failed does not, as another takes its place."""
        done = Counter(trial.arm for trial in self.file.rows if trial.state in ENDED)
        return sum(min(done[arm.label], self.file.trials) for arm in self.arms)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row per trial: arm, trial, state, val_error (a fraction), best_so_far, each path, epochs, seconds, message."""
        rows: list[dict[str, Any]] = []
        best: dict[str, float] = {}
        for trial in self.file.rows:
            if trial.state == "complete" and trial.error is not None:
                best[trial.arm] = min(best.get(trial.arm, trial.error), trial.error)
            row: dict[str, Any] = {"arm": trial.arm, "trial": trial.number, "state": trial.state}
            row |= {"val_error": trial.error, "best_so_far": best.get(trial.arm)}
            row |= {path: trial.params.get(path) for path in self.paths}
            rows.append(row | {"epochs": trial.epochs, "seconds": trial.seconds, "message": trial.message})
        columns = ["arm", "trial", "state", "val_error", "best_so_far", *self.paths, "epochs", "seconds", "message"]
        frame = frame_of(rows, self.paths, columns)
        for name in ("val_error", "best_so_far", "seconds"):
            frame[name] = pd.to_numeric(frame[name]).astype(float)
        return frame


def load_trials(results: Path, study: str) -> Trials | None:
    """The trials of a study, or None if it was not tuned.

    Raises:
        UserError: the file is damaged.
    """
    path = results / study / "trials.json"
    try:
        return Trials(TrialsFile.read(path).sanitised())
    except FileNotFoundError:
        return None
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: damaged ({reason}): `resbench tune` with the same search writes it again") from None


def search_tables(trials: Trials, labels: Labels) -> list[Block]:
    """The tables of a search, in the order of the page."""
    return [budget_table(trials, labels), values_table(trials, labels), trials_table(trials, labels)]


def budget_table(trials: Trials, labels: Labels) -> Table:
    """The tuning budget of each arm."""
    columns, frame, file = Columns(), trials.frame, trials.file
    shown = [state for state in STATES if (frame["state"] == state).any()]
    for arm in trials.arms:
        part = frame[frame["arm"] == arm.label]
        states = {state: int((part["state"] == state).sum()) for state in shown}
        counts: dict[str, float] = {"trials": int((part["state"] != "failed").sum()), **states}
        counts |= {"epochs": int(part["epochs"].sum()), "seconds": float(part["seconds"].sum())}
        columns.put("arm", arm_words(arm, labels), arm.label)
        for name, count in counts.items():
            columns.put(name, f"{count:,.0f}", count)
        complete = part[part["state"] == "complete"].sort_values(["val_error", "trial"])
        best = complete["val_error"].min()
        number = None if complete.empty else int(complete["trial"].iloc[0])
        columns.put("best val. error", percent(best), None if pd.isna(best) else best)
        columns.put("of trial", DASH if number is None else str(number), number)
    seeds = f"{plural(file.seeds, 'seed')} for each trial"
    method = f"Sampler {file.sampler}, pruner {file.pruner}, {seeds}, the same for every arm. Errors in percent."
    return columns.table(caption=f"{_BUDGET} {method}", name="tuning-budget")


def values_table(trials: Trials, labels: Labels) -> Table:
    """What each arm was tuned to, next to what it was."""
    columns = Columns()
    for arm in trials.arms:
        for path in trials.paths:
            tuned, untuned = (arm.tuned or {}).get(path), arm.untuned.get(path)
            columns.put("arm", arm_words(arm, labels), arm.label)
            columns.put("setting", labels.name(path), path)
            columns.put("searched", _range(trials.file.space[path], path, labels))
            columns.put("untuned", value_words(untuned, path, labels), untuned)
            columns.put("tuned", DASH if arm.tuned is None else value_words(tuned, path, labels), tuned)
    return columns.table(caption=_VALUES, name="tuned-values")


def trials_table(trials: Trials, labels: Labels) -> Table:
    """Every trial, folded away; its CSV file has all digits."""
    before, after = ["arm", "trial", "state", "val. error"], ["epochs", "what happened"]
    head = [*before, *map(labels.name, trials.paths), *after]
    arms = {arm.label: arm_words(arm, labels) for arm in trials.arms}
    rows = [_trial(row, arms, trials.paths, labels) for row in trials.frame.to_dict("records")]
    paths = [*("" for _ in before), *trials.paths, *("" for _ in after)]
    return Table(head, rows, fold=f"All {len(rows)} trials", name="trials", frame=trials.frame, paths=paths)


def arm_words(arm: TunedArm, labels: Labels) -> str:
    """What a reader calls an arm: `no shortcut`; files of earlier versions know only its label."""
    return labels.cell(arm.arm) if arm.arm else arm.label


def _trial(row: Mapping[Any, Any], arms: Mapping[str, str], paths: list[str], labels: Labels) -> list[str]:
    values = (DASH if row[path] is None else value_words(row[path], path, labels) for path in paths)
    error = percent(row["val_error"])
    return [
        arms.get(row["arm"], row["arm"]),
        str(row["trial"]),
        row["state"],
        error,
        *values,
        str(row["epochs"]),
        row["message"],
    ]


def _range(space: SearchRange, path: str, labels: Labels) -> str:
    if space.choices is not None:
        return ", ".join(labels.entry(path, show(value)) for value in space.choices)
    if space.low is None or space.high is None:
        return DASH
    kind = ", log" if space.log else f", step {space.step:g}" if space.step else ""
    return f"{space.low:g} to {space.high:g}{kind}"


def value_words(value: Value, path: str, labels: Labels) -> str:
    """Two digits: what a search finds is known no better."""
    text = labels.entry(path, show(value))
    return f"{value:.2g}" if isinstance(value, float) and text == show(value) else text
