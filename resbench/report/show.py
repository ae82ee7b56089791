"""A study in the terminal or a notebook: its table again, or one of its runs."""

from __future__ import annotations

from pathlib import Path

from resbench.core.files import user_path
from resbench.report.api import Named, name_of_study
from resbench.report.cells import cells
from resbench.report.document import Block, Bullets
from resbench.report.judge import judge
from resbench.report.readings import keep_reading
from resbench.report.show_run import show_run
from resbench.report.shown import Shown
from resbench.report.study import load
from resbench.report.summary import notes, others_note
from resbench.report.tables.cells import cell_table
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


def show_study(results: Path, name: str) -> Shown:
    """The table of cells, the notes and a line on each claim, which counts as a reading of the verdicts."""
    study = load(results, name)
    verdicts = judge(study)
    keep_reading(results / name, study, verdicts, "show")
    blocks: list[Block] = [cell_table(cells(study), study.axes)]
    lines = [f"note: {note}" for note in [*notes(study), *others_note(study)]]
    lines += [target_sentence(study)] if study.target else []
    lines += map(claim_summary, verdicts)
    return Shown(study.name, [*blocks, *([Bullets(lines)] if lines else [])])
