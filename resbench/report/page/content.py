"""What the page of a study is made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from resbench.core.errors import UserError
from resbench.records.pictures_file import PicturesFile
from resbench.report.cells import cells, comparisons, margin_of
from resbench.report.document import Table
from resbench.report.judge import judge
from resbench.report.lead import Lead, lead
from resbench.report.published import Reproduction, compare_published
from resbench.report.readings import keep_reading
from resbench.report.study import Study, load
from resbench.report.tables.cost import cost_frame, cost_table, reference_table
from resbench.report.tables.search import load_trials
from resbench.report.theory import judge_theory

if TYPE_CHECKING:
    from resbench.report.figures.evidence import Evidence


class Content(NamedTuple):
    """What a page needs of a study.

    Attributes:
        name: of its folder of records.
        measured: the tables of what its networks cost.
    """

    name: str
    evidence: Evidence
    answer: Lead
    reproductions: Sequence[Reproduction]
    measured: Sequence[Table]

    @property
    def study(self) -> Study:
        return self.evidence.study


def read_content(results: Path, name: str, command: str, asked: bool) -> Content | None:
    """The content of a page; None where a study that shares it cannot be read."""
    try:
        study = load(results, name)
    except UserError:
        if asked:
            raise
        return None
    evidence = _evidence(results, study)
    keep_reading(results / name, study, evidence.verdicts, command)
    measured = [cost_table(evidence.costs, study.axes), reference_table(results, study)]
    verdicts, compared = evidence.verdicts, evidence.compared
    answer = lead(study, evidence.frame, verdicts, compared, evidence.costs, evidence.trials, evidence.theory)
    return Content(name, evidence, answer, compare_published(study), list(filter(None, measured)))


def _evidence(results: Path, study: Study) -> Evidence:
    from resbench.report.figures.evidence import Evidence

    frame = cells(study)
    return Evidence(
        study=study,
        frame=frame,
        verdicts=judge(study),
        compared=comparisons(study, study.baseline, margin_of(study)) if study.baseline else pd.DataFrame(),
        costs=cost_frame(results, study),
        trials=load_trials(results, study.name),
        kept=PicturesFile.load(results / study.name),
        theory=judge_theory(study, frame),
    )
