"""How far the looks of a study are: how many seeds they ask each cell for by now, and a line on what they decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from resbench.core.cell import CellKey, cell_key
from resbench.core.text import plural
from resbench.records.study_file import Looks
from resbench.report.judge import judge
from resbench.report.study import Study
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict


class LookProgress(NamedTuple):
    """How far the looks of a study are.

    Attributes:
        asked: for each cell, how many of the study's seeds are asked for by now.
        line: what the last look has decided, and what goes on; empty where there is no plan, or no look has ended.
    """

    asked: dict[CellKey, int]
    line: str = ""


def look_progress(study: Study) -> LookProgress:
    """How far the looks of a study are, from its claims judged once."""
    plan = study.file.looks
    if plan is None:
        return LookProgress({key: len(runs) for key, _, runs in study.cells})
    verdicts = judge(study)
    asked = _asked_seeds(study, plan, verdicts)
    return LookProgress(asked, _line(plan, verdicts, asked))


def asked_seeds(study: Study) -> dict[CellKey, int]:
    """For each cell, how many of the study's seeds are asked for by now."""
    return look_progress(study).asked


def _asked_seeds(study: Study, plan: Looks, verdicts: Sequence[ClaimVerdict]) -> dict[CellKey, int]:
    """The first look asks for every cell; each later one for the cells that a comparison needs which is still open, once
    all that the looks before ask for have results. Cells of no claim stay at the first look.
    """
    asked = {key: plan.sizes[0] for key, _, _ in study.cells}
    judged = [one for verdict in verdicts for one in verdict.contrasts]
    waiting = [one.looks.asked for one in judged if one.looks and one.looks.open]
    for one in judged:
        seeds = min([one.looks.asked, *waiting]) if one.looks and one.looks.open else _seeds_of(one, plan)
        for arm in one.arms:
            key = cell_key(arm.cell, study.axes)
            asked[key] = max(asked[key], seeds)
    return asked


def _line(plan: Looks, verdicts: Sequence[ClaimVerdict], asked: Mapping[CellKey, int]) -> str:
    """`look 1 of 3 (5 seeds): 2 of 4 comparisons decided, 6 cells go on to 10 seeds`."""
    histories = {
        (verdict.claim.statement(), one.comparison.key): one.looks
        for verdict in verdicts
        for one in verdict.contrasts
        if one.looks
    }
    open_ones = [history for history in histories.values() if history.open]
    number = min((len(history.done) for history in open_ones), default=0)
    if not open_ones:
        number = max((len(history.done) for history in histories.values()), default=0)
    if not number:
        return ""
    decided = sum(history.decided for history in histories.values())
    stopped = sum(history.futile for history in histories.values())
    more = f", {stopped} stopped as hopeless" if stopped else ""
    return (
        f"look {number} of {len(plan.sizes)} ({plan.sizes[number - 1]} seeds): {decided} of "
        f"{plural(len(histories), 'comparison')} decided{more}, {_goes_on(asked, plan.sizes[number - 1])}"
    )


def _seeds_of(judged: ContrastVerdict, plan: Looks) -> int:
    return judged.looks.asked if judged.looks and judged.looks.done else plan.sizes[0]


def _goes_on(asked: Mapping[CellKey, int], seeds: int) -> str:
    """`6 cells go on to 10 seeds`."""
    going = [more for more in asked.values() if more > seeds]
    if not going:
        return "no cell goes on"
    return f"{plural(len(going), 'cell')} {'goes' if len(going) == 1 else 'go'} on to {max(going)} seeds"
