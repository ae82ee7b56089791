"""The trials of a tuned study, as `resbench tune` keeps them: frame, budget, tuned values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from resbench.core.config import UserError
from resbench.core.text import tame
from resbench.records.study_file import read_trials
from resbench.report.document import Block, Table
from resbench.report.frames import show

DASH = "–"
STATES = ("complete", "pruned", "diverged", "failed", "running")
_BUDGET = (
    "What each arm was given: trials by how they ended, epochs and seconds of training, and the least validation error "
    "of a trial that was trained to its end. A pruned trial was stopped early because it fell behind; a diverged one "
    "counts as a trial whose every image is wrong; a failed one does not count, and another took its place."
)
_VALUES = (
    "Values of the base, and those of the trial of least validation error. The search never saw a test image, and the "
    "cells of this page are networks of other seeds than the trials."
)


@dataclass(frozen=True)
class Trials:
    """What `trials.json` holds.

    Attributes:
        asked: sampler, pruner, trials, seeds, space, importance (its method), and `arms`.
        frame: a row per trial: arm, number, state, error (fraction), epochs, seconds, best, message, and each path.
    """

    asked: dict[str, Any]
    frame: pd.DataFrame

    @property
    def arms(self) -> list[dict[str, Any]]:
        """Label, values, winner and importance of each arm."""
        return list(self.asked["arms"])

    @property
    def paths(self) -> list[str]:
        """What was searched."""
        return list(self.asked["space"])


def load_trials(results: Path, study: str) -> Trials | None:
    """The trials of a study, or None if it was not tuned.

    Raises:
        UserError: the file is damaged.
    """
    path = results / study / "trials.json"
    try:
        asked = tame(read_trials(path))
        return Trials(asked, _frame(asked))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: damaged ({reason}): `resbench tune` with the same search writes it anew") from None


def _frame(asked: dict[str, Any]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    best: dict[str, float] = {}
    for trial in asked["rows"]:
        arm, error = trial["arm"], trial["error"]
        if trial["state"] == "complete":
            best[arm] = min(best.get(arm, error), error)
        row = {"arm": arm, "trial": trial["number"], "state": trial["state"]}
        row |= {"val_error": error, "best_so_far": best.get(arm)}
        row |= {path: trial["params"].get(path) for path in asked["space"]}
        row |= {key: trial[key] for key in ("epochs", "seconds", "message")}
        rows.append(row)
    names = ["arm", "trial", "state", "val_error", "best_so_far", *asked["space"], "epochs", "seconds", "message"]
    frame = pd.DataFrame(rows, columns=names)
    for path in asked["space"]:
        frame[path] = pd.Series([row[path] for row in rows], dtype=object, index=frame.index)
    for name in ("val_error", "best_so_far", "seconds"):
        frame[name] = pd.to_numeric(frame[name]).astype(float)
    return frame


def search_tables(trials: Trials) -> list[Block | None]:
    """The tables of a search, in the order of the page."""
    return [budget_table(trials), values_table(trials), trials_table(trials)]


def budget_table(trials: Trials) -> Table:
    """The tuning budget of each arm."""
    columns: dict[str, list[str]] = {}
    raw: dict[str, list[Any]] = {}
    frame = trials.frame
    shown = [state for state in STATES if (frame["state"] == state).any()]
    for arm in trials.arms:
        part = frame[frame["arm"] == arm["label"]]
        least = part.loc[part["state"] == "complete", "val_error"].min()
        numbers: dict[str, Any] = {"trials": int((part["state"] != "failed").sum())}
        numbers |= {state: int((part["state"] == state).sum()) for state in shown}
        numbers |= {"epochs": int(part["epochs"].sum()), "seconds": float(part["seconds"].sum())}
        columns.setdefault("arm", []).append(arm["label"])
        raw.setdefault("arm", []).append(None)
        for name, value in numbers.items():
            columns.setdefault(name, []).append(f"{value:,.0f}")
            raw.setdefault(name, []).append(value)
        columns.setdefault("best val. error", []).append(DASH if pd.isna(least) else f"{100 * least:.2f}")
        raw.setdefault("best val. error", []).append(None if pd.isna(least) else least)
        columns.setdefault("of trial", []).append(DASH if arm["winner"] is None else str(arm["winner"]))
        raw.setdefault("of trial", []).append(arm["winner"])
    asked = trials.asked
    means = f"Sampler {asked['sampler']}, pruner {asked['pruner']}, {asked['seeds']} seed{'s' if asked['seeds'] != 1 else ''} for each trial, the same for "
    return Table.of(columns, raw, caption=f"{_BUDGET} {means}every arm. Errors in percent.", name="tuning-budget")


def values_table(trials: Trials) -> Table:
    """What each arm was tuned to, beside what it was."""
    columns: dict[str, list[str]] = {"arm": [], "setting": [], "searched": [], "untuned": [], "tuned": []}
    raw: dict[str, list[Any]] = {"untuned": [], "tuned": []}
    for arm in trials.arms:
        for path in trials.paths:
            tuned = arm["tuned"][path] if arm["tuned"] is not None else None
            texts = [arm["label"], path, _space(trials.asked["space"][path]), _number(arm["untuned"][path])]
            texts.append(DASH if arm["tuned"] is None else _number(tuned))
            for name, text in zip(columns, texts, strict=True):
                columns[name].append(text)
            raw["untuned"].append(arm["untuned"][path])
            raw["tuned"].append(tuned)
    return Table.of(columns, raw, caption=_VALUES, name="tuned-values")


def trials_table(trials: Trials) -> Table:
    """Every trial, folded away; its CSV file has all digits."""
    frame = trials.frame
    head = ["arm", "trial", "state", "val. error", *trials.paths, "epochs", "what happened"]
    rows = [
        [
            row["arm"],
            str(row["trial"]),
            row["state"],
            DASH if pd.isna(row["val_error"]) else f"{100 * row['val_error']:.2f}",
            *(DASH if row[path] is None else _number(row[path]) for path in trials.paths),
            str(row["epochs"]),
            row["message"],
        ]
        for row in frame.to_dict("records")
    ]
    return Table(head, rows, fold=f"All {len(rows)} trials", name="trials", frame=frame)


def _space(told: dict[str, Any]) -> str:
    if "choices" in told:
        return ", ".join(show(value) for value in told["choices"])
    kind = ", log" if told["log"] else f", step {told['step']:g}" if told["step"] else ""
    return f"{told['low']:g} to {told['high']:g}{kind}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else show(value)
