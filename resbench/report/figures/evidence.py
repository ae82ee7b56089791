"""What the figures of a study are built from: its records, what was computed from them, and the arms that they share."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from resbench.core.cell import CellKey
from resbench.core.text import show
from resbench.records.pictures_file import PicturesFile
from resbench.report.collapse import chance_error
from resbench.report.figures.drawing import DEPTH
from resbench.report.figures.styles import Arms, Colors, follows, hues_of
from resbench.report.labels import Labels
from resbench.report.study import Study
from resbench.report.tables.factors import Factors, factors_of
from resbench.report.tables.hardest import MOST_ARMS, Hardest, hardest
from resbench.report.tables.search import Trials
from resbench.report.theory import TheoryVerdict
from resbench.report.verdicts import ClaimVerdict

__all__ = ["DEPTH", "Evidence"]


@dataclass(frozen=True)
class Evidence:
    """A study and everything that its figures need.

    Attributes:
        study: its runs and records.
        frame: as `cells.cells` returns.
        verdicts: as `verdicts.judge` returns.
        compared: as `cells.comparisons` returns; empty without a baseline.
        costs: as `cost.cost_frame` returns; empty if nothing was measured.
        trials: of a tuned study.
        kept: pictures of test images, where some are kept next to the records.
        theory: what became of the predictions of theories.
    """

    study: Study
    frame: pd.DataFrame
    verdicts: Sequence[ClaimVerdict] = ()
    compared: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    costs: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    trials: Trials | None = None
    kept: PicturesFile | None = None
    theory: Sequence[TheoryVerdict] = ()

    @cached_property
    def x(self) -> str | None:
        """The axis to the right: the depth, or the first one that has no colours, or the first one."""
        axes = self.study.axes
        plain = [axis for axis in axes if axis != self.colors.axis]
        return DEPTH if DEPTH in axes else next(iter([*plain, *axes]), None)

    @property
    def labels(self) -> Labels:
        """What fields and values are called."""
        return self.study.labels

    @cached_property
    def run_ids(self) -> Mapping[tuple[CellKey, str], str]:
        """The id of each run that has a record, by its cell and its seed as text."""
        return {
            (key, show(seed)): str(run_id)
            for key, _, runs in self.study.cells
            for seed, run_id in zip(runs["seed"], runs["id"], strict=True)
            if run_id in self.study.by_id
        }

    @cached_property
    def chance(self) -> float:
        """The test error of guessing, in percent; NaN where it is not known."""
        return 100 * chance_error(self.study.records)

    @cached_property
    def colors(self) -> Colors:
        """Which axis has colours, and which."""
        return Colors.among(self.frame, self.study.axes, self.study.baseline)

    @cached_property
    def along(self) -> list[str]:
        """Axes that change with x alone."""
        return [axis for axis in self.study.axes if axis != self.x and follows(self.frame, axis, self.x)]

    @cached_property
    def arms(self) -> Arms:
        """The combinations of all other axes."""
        return self.arms_by([axis for axis in self.study.axes if axis != self.x and axis not in self.along])

    @cached_property
    def hues(self) -> Arms:
        """What colours tell apart: the arms, or something coarser if they are many."""
        return self.hues_of(self.arms)

    @cached_property
    def arms_of_depth(self) -> Arms:
        """The arms of figures in which each depth has panels of its own: of all axes but the depth, if there are others."""
        return self.arms_by([axis for axis in self.study.axes if axis != DEPTH] or self.study.axes)

    def words(self, cell: Mapping[Any, Any], axes: Sequence[str]) -> str:
        """A cell in words, by these axes; those that do not act in it are not named."""
        idle = self.study.idle.get(tuple(show(cell[axis]) for axis in self.study.axes), frozenset())
        return self.labels.cell({axis: cell[axis] for axis in axes if axis not in idle}) if axes else ""

    def arms_by(self, axes: Sequence[str]) -> Arms:
        """The combinations of these axes."""
        return Arms(self.frame, axes, self.colors, self.labels)

    def hues_of(self, arms: Arms) -> Arms:
        """The colours of these arms."""
        return hues_of(arms, self.frame, self.colors, self.labels)

    @cached_property
    def few_arms(self) -> Arms:
        """The arms that the hardest images are counted for: if they are many, the baseline's axes alone make them."""
        arms = self.arms if self.arms.axes else self.arms_by(self.study.axes)
        if len(arms.names) > MOST_ARMS:
            arms = self.arms_by([axis for axis in arms.axes if axis in self.study.baseline])
        return arms if len(arms.names) <= MOST_ARMS else self.arms_by([])

    @cached_property
    def factors(self) -> Factors:
        """The analysis of variance."""
        return factors_of(self.study)

    @cached_property
    def hardest(self) -> Hardest | None:
        """The images that most runs miss."""
        return hardest(self.study, self.few_arms.names, self.few_arms.name, self.kept)

    @cached_property
    def margin(self) -> float:
        """The smallest difference to the baseline that matters, in points; 0 without comparisons."""
        contrasts = [contrast for contrast in self.compared.get("contrast", ()) if contrast is not None]
        return 100 * float(contrasts[0].margin) if contrasts else 0.0
