"""A study in the terminal or a notebook: its table again, or one of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from resbench.core.files import user_path
from resbench.report.api import Named, name_of_study
from resbench.report.cells import cells
from resbench.report.document import Bullets
from resbench.report.judge import judge
from resbench.report.readings import keep_reading
from resbench.report.show_run import show_run
from resbench.report.shown import Shown
from resbench.report.study import Study, load
from resbench.report.summary import notes, others_note
from resbench.report.tables.cells import cell_table
from resbench.report.verdicts import ClaimVerdict
from resbench.report.wording.sentence import claim_summary
from resbench.report.wording.target import target_sentence


def show(study: str | Named, run: str = "", results: str | Path = "results") -> Shown:
    """The table of a study with its notes and verdicts, or one of its runs; `print` fits it to the terminal.

    Example:
        >>> base = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 1}
        >>> grid = resbench.Grid("tiny", base=base, axes={"model.shortcut": ["identity", "none"]})
        >>> frame = resbench.run(grid)
        >>> print(str(resbench.show(grid)).splitlines()[0].split()[:2])
        ['shortcut', 'seeds']

    Args:
        study: its name, or its Grid.
        run: the id of a run, or a beginning of it that no other has.
        results: folder of all studies.

    Raises:
        UserError: there is no such study or run.
    """
    folder, name = user_path(results), name_of_study(study)
    return show_run(folder, name, run) if run else show_study(folder, name)


class ShownStudy(NamedTuple):
    """A study in numbers.

    Attributes:
        frame: as `cells.cells` returns.
        target: what is known of the target, in a sentence; empty without one.
    """

    study: Study
    frame: pd.DataFrame
    verdicts: Sequence[ClaimVerdict]
    target: str
    notes: list[str]


def read_study(results: Path, name: str) -> ShownStudy:
    """The cells, the notes and the verdicts of a study, which counts as a reading of these."""
    study = load(results, name)
    verdicts = judge(study)
    keep_reading(results / name, study, verdicts, "show")
    target = target_sentence(study) if study.target else ""
    return ShownStudy(study, cells(study), verdicts, target, [*notes(study), *others_note(study)])


def show_study(results: Path, name: str) -> Shown:
    """The table of cells, the notes and a line on each claim."""
    read = read_study(results, name)
    lines = [f"note: {note}" for note in read.notes]
    lines += [read.target] if read.target else []
    lines += map(claim_summary, read.verdicts)
    table = cell_table(read.frame, read.study.axes)
    return Shown(read.study.name, [table, *([Bullets(lines)] if lines else [])])
