"""A target accuracy: which cells are shown to reach it, and which cell is to be confirmed on fresh seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from resbench.core.cell import Cell
from resbench.report.arms import error_table
from resbench.report.comparable import data_note
from resbench.report.frames import numbers
from resbench.report.looks.earlier import earlier_of_cell
from resbench.report.outcomes import OPEN, measured, untrained
from resbench.report.planning import ALPHA, MIN_SEEDS
from resbench.report.statistics.anytime import anytime_p_above
from resbench.report.statistics.attainment import attainment_p
from resbench.report.statistics.crossed import new_images
from resbench.report.statistics.family import holm, simultaneous_level
from resbench.report.statistics.interval import Interval, t_interval, unknown
from resbench.report.statistics.mean import mean
from resbench.report.statistics.rounding import at_least
from resbench.report.study import Study

REACHED, BY_MEAN, CHOSEN, NOT_REACHED = "yes", "by its mean, not shown", "chosen", "no"


@dataclass(frozen=True)
class TrainedCell:
    """What the training of a cell cost and brought.

    Attributes:
        seeds: runs that ended well.
        accuracy: on these test images, mean over those with Student's interval; shares.
        flops, seconds: of training one of them, means.
        untrained: runs that diverged or collapsed.
        outstanding: runs without a result yet.
        mixed: runs of the study that were meant to have the data of these had others.
        unknown: runs that ended well and have no test accuracy.
        new_images: the same mean with the interval for new images and seeds; no limits where predictions are lacking.
        p: one-sided, that the mean on these images lies above a target; NaN where there is none or it cannot be judged.
        runs: ids of all that the study asks for.
        earlier: numbers of seeds at which it was read before others were asked for: then p is no smaller than the anytime p.
    """

    cell: Cell
    seeds: int
    accuracy: Interval
    flops: float
    seconds: float
    untrained: int
    outstanding: int
    mixed: bool
    unknown: int
    new_images: Interval
    p: float
    runs: frozenset[str]
    earlier: tuple[int, ...]

    @property
    def flaw(self) -> str:
        """Why its mean is no estimate of the cell's, or nothing."""
        if self.mixed:
            return "not the same data"
        if self.untrained:
            return f"{self.untrained} not trained"
        if self.outstanding:
            return f"{self.outstanding} outstanding"
        return f"{self.unknown} without a value" if self.unknown else ""

    @property
    def unjudged(self) -> str:
        """Why no verdict is given on it, or nothing."""
        return self.flaw or (f"{self.seeds} of {MIN_SEEDS} seeds" if self.seeds < MIN_SEEDS else "")

    def mean_reaches(self, accuracy: float) -> bool:
        """Whether its mean, of all of its runs, is at least the target."""
        return not self.flaw and at_least(self.accuracy.estimate, accuracy)


@dataclass(frozen=True)
class Attempt:
    """A cell against the target.

    Attributes:
        state: `REACHED`, `BY_MEAN`, `CHOSEN`, `NOT_REACHED`, or why no verdict is given.
        p: one-sided over seeds; by Holm over all cells, or alone of a cell that was chosen by other seeds.
        low: one-sided 95 % limit on these images that holds for all cells at once, or for the confirmed cell.
    """

    trained: TrainedCell
    state: str
    p: float
    low: float


def trained_cells(study: Study) -> list[TrainedCell]:
    """Every cell of which runs ended well, cheapest first."""
    least = study.target.test_accuracy if study.target else math.nan
    out = [trained for _, cell, runs in study.cells if (trained := _trained_cell(study, cell, runs, least))]
    return sorted(out, key=lambda trained: trained.flops)


def _trained_cell(study: Study, cell: Cell, runs: pd.DataFrame, least: float) -> TrainedCell | None:
    ok = measured(runs)
    accuracy, seconds = numbers(ok, "test_accuracy"), numbers(ok, "train_seconds")
    flops = [cost for row in ok.to_dict("records") if not math.isnan(cost := _flops(row))]
    if not (accuracy and flops and seconds):
        return None
    outstanding = int(runs["status"].isin(OPEN).sum())
    interval, earlier = t_interval(accuracy), earlier_of_cell(study, cell, len(ok))
    p = float(attainment_p(accuracy, least))
    return TrainedCell(
        cell=cell,
        seeds=len(ok),
        accuracy=interval,
        flops=mean(flops),
        seconds=mean(seconds),
        untrained=untrained(runs),
        outstanding=outstanding,
        mixed=bool(data_note(study, ok)),
        unknown=len(ok) - len(accuracy),
        new_images=_on_new_images(study, list(ok["id"])),
        p=max(p, anytime_p_above(interval, len(accuracy), least)) if earlier else p,
        runs=frozenset(map(str, runs["id"])),
        earlier=earlier,
    )


def _on_new_images(study: Study, ids: list[str]) -> Interval:
    wrong = error_table(study, ids)
    if wrong is None:
        return unknown()
    error = new_images(wrong)
    return error._replace(estimate=1 - error.estimate, low=1 - error.high, high=1 - error.low).within(0.0, 1.0)


def _flops(row: Mapping[Any, Any]) -> float:
    """Of a run's training; in older records without it, three forward passes for each image. NaN if not known."""
    recorded, each, rate, seconds = (
        float(row.get(f"metrics.{name}", math.nan))
        for name in ("training_flops", "flops", "images_per_second", "train_seconds")
    )
    return 3 * each * rate * seconds if math.isnan(recorded) else recorded


def family_of(study: Study) -> int:
    """How many networks may reach the target: cells that are one network are one, and no cell is left out."""
    return len({frozenset(runs["id"]) for _, _, runs in study.cells})


def attempts(study: Study) -> list[Attempt]:
    """Every cell of which runs ended well against the target, cheapest first; none without a target.

    Where a cell is to be confirmed on fresh seeds, the seeds of the grid choose it and show nothing.
    """
    target, spent = study.target, trained_cells(study)
    if target is None:
        return []
    size = family_of(study)
    p = {one.runs: math.nan if one.unjudged else one.p for one in spent}
    adjusted = dict(zip(p, holm([*p.values(), *[math.nan] * (size - len(p))]), strict=False))
    chosen = study.file.confirmation
    out = []
    for one in spent:
        state, reaches = one.unjudged, one.mean_reaches(target.test_accuracy)
        if chosen and one.cell == chosen.cell:
            state = CHOSEN
        elif confirms(study):
            state = one.flaw or (BY_MEAN if reaches else NOT_REACHED)
        elif not state:
            shown = adjusted[one.runs] < ALPHA
            state = REACHED if shown else BY_MEAN if reaches else NOT_REACHED
        level = 1 - 2 * (1 - simultaneous_level(size, 1 - ALPHA))
        out.append(Attempt(one, state, float(adjusted[one.runs]), one.accuracy.at_level(level).low))
    return out


def confirms(study: Study) -> bool:
    """Whether fresh seeds decide, and not those of the grid: that stays so once a cell has been chosen."""
    return bool(study.file.confirmation or (study.target and study.target.confirm))


def candidate(study: Study) -> TrainedCell | None:
    """The cheapest cell whose mean on the grid's seeds reaches the target, when all runs of the grid have ended."""
    if study.target is None or study.runs["status"].isin(OPEN).any():
        return None
    least = study.target.test_accuracy
    return next((one for one in trained_cells(study) if one.mean_reaches(least)), None)


def to_confirm(study: Study) -> tuple[Cell, list[int]] | None:
    """The cell to be trained now on fresh seeds, and the seeds that have no result yet; None if none is.

    The choice that is in the study file stays, whatever records were added since.
    """
    chosen, target = study.file.confirmation, study.target
    if target is None:
        return None
    if chosen is not None:
        runs = study.confirmation.runs if study.confirmation else pd.DataFrame({"status": [], "seed": []})
        left = [int(seed) for seed in runs.loc[runs["status"].isin(OPEN), "seed"]]
        return (chosen.cell, left) if left else None
    if not target.confirm:
        return None
    best = candidate(study)
    return (best.cell, target.fresh_seeds(grid_seeds(study))) if best else None


def grid_seeds(study: Study) -> list[int]:
    """The seeds of the grid, those of later looks too."""
    looks = study.file.looks
    return sorted({*map(int, study.runs["seed"]), *range(looks.sizes[-1] if looks else 0)})


def confirmed(study: Study) -> Attempt | None:
    """The chosen cell on its fresh seeds alone: one cell, so nothing is corrected. None before a run of it has ended."""
    spent = trained_cells(study.confirmation) if study.confirmation else []
    if not spent:
        return None
    one = spent[0]
    state = one.unjudged or (REACHED if one.p < ALPHA else NOT_REACHED)
    return Attempt(one, state, math.nan if one.unjudged else one.p, one.accuracy.at_level(1 - 2 * ALPHA).low)


def reached(study: Study) -> bool:
    """Whether the target, if there is one, is shown to be reached: by a confirmation, or by Holm over all cells.

    While runs of the grid are outstanding nothing is shown for good by its cells.
    """
    if study.target is None:
        return True
    if confirms(study):
        attempt, chosen = confirmed(study), study.file.confirmation
        same = chosen is not None and chosen.test_accuracy == study.target.test_accuracy
        return same and attempt is not None and attempt.state == REACHED
    if study.runs["status"].isin(OPEN).any():
        return False
    return any(attempt.state == REACHED for attempt in attempts(study))
