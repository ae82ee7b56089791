"""`resbench.judge`: two files of results, and what they support."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from resbench.core.config import digest
from resbench.core.files import user_path
from resbench.core.text import is_name
from resbench.report.judge import judge as judge_study
from resbench.report.judging.judgement import Judgement
from resbench.report.judging.memory import changed_notes, earlier_readings, remember
from resbench.report.judging.pair import notes, study_of
from resbench.report.judging.question import Side, claim_of, metric_of, sides_of
from resbench.report.judging.results_file import read_results
from resbench.report.summary import readings_note

FOLDER = "judged"  # next to the first file


def judge(
    ours: str | Path,
    theirs: str | Path,
    on: str | None = None,
    expect: str | None = None,
    margin: float | None = None,
    *,
    out: str | Path | None = None,
    page: bool = True,
) -> Judgement:
    """Judge two files of results, of whatever program, by the rules of a claim between two cells of a grid.

    Example:
        >>> losses = {"before": [0.52, 0.49, 0.51, 0.50, 0.53], "after": [0.41, 0.43, 0.40, 0.44, 0.41]}
        >>> for name, values in losses.items():
        ...     rows = "".join(f"{seed},{loss}\\n" for seed, loss in enumerate(values))
        ...     _ = Path(f"{name}.csv").write_text(f"seed,loss\\n{rows}")
        >>> judgement = resbench.judge("after.csv", "before.csv", margin=0.01)
        >>> judgement.supported, judgement.looks
        (True, [5])

    Args:
        ours, theirs: CSV, JSON or Parquet, with `seed` and at least one column of numbers; runs are paired by their seeds.
        on: the metric; by default the one that both files have.
        expect: of the first file against the second: `lower`, `higher`, `not_lower`, `not_higher` or `equivalent`; by
            default it is lower.
        margin: the smallest difference that matters, in the unit of the metric; of `test_error` and the like in
            percentage points.
        out: folder of the page, and of `looks.json`, which remembers when the files were judged; by default `judged` next
            to the first file.
        page: whether a page is written.

    Raises:
        UserError: a file is no file of results, or the question means nothing.
    """
    sides = sides_of(read_results(user_path(ours)), read_results(user_path(theirs)))
    metric = metric_of(sides[0].file, sides[1].file, on, expect)
    claim = claim_of(metric, sides, expect, margin)
    folder = sides[0].file.path.parent / FOLDER if out is None else user_path(out)
    name = _name(sides)
    first = study_of(name, sides, claim, ())
    study = study_of(name, sides, claim, earlier_readings(folder, first))
    (verdict,) = judge_study(study)
    remember(folder, study, [verdict])
    readings = earlier_readings(folder, study) or ()
    paths = str(sides[0].file.path), str(sides[1].file.path)
    judged = Judgement(
        paths, study, verdict, [*notes(study), *changed_notes(study, readings), *readings_note(study)], readings
    )
    if not page:
        return judged
    from resbench.report.judging.page import write_page

    return replace(judged, page=write_page(folder, judged))


def _name(sides: Sequence[Side]) -> str:
    """The name of the page, as a folder: `ours-against-theirs`."""
    text = re.sub(r"[^a-z0-9._-]+", "-", "-against-".join(side.name for side in sides).lower()).strip("-._")
    short = f"{text[:50].strip('-._')}-{digest(text)[:8]}"
    return text if is_name(text) else short if is_name(short) else f"files-{digest(text)[:8]}"
