"""The arms of a search as figures show them: colours, names, words."""

from __future__ import annotations

import pandas as pd

from resbench.report.figures.drawing import objects
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.styles import Arms
from resbench.report.tables.search import Trials


def arms_of(evidence: Evidence, trials: Trials) -> Arms:
    """Colours of the arms, as on the rest of the page."""
    axes = list(trials.arms[0].arm) if trials.arms else []
    cells = [{axis: arm.arm[axis] for axis in axes} for arm in trials.arms]
    frame = objects(cells, axes) if axes else pd.DataFrame([{"arm": ""}])
    return Arms(frame, axes, evidence.colors, evidence.labels)


def groups_of(evidence: Evidence, trials: Trials) -> dict[str, str]:
    """Label of each arm -> its name among the arms."""
    arms = arms_of(evidence, trials)
    return {arm.label: arms.name(arm.arm) for arm in trials.arms}


def words_of(evidence: Evidence, trials: Trials) -> dict[str, str]:
    """Label of each arm -> what a figure calls it."""
    arms = arms_of(evidence, trials)
    return {label: arms.words[name] for label, name in groups_of(evidence, trials).items()}
