"""The question of a study, from the comment that opens its grid file."""

from __future__ import annotations

from pathlib import Path

import pytest

from resbench.grid.reader import opening_comment
from resbench.report.wording.question import context, question

_GRIDS = sorted((Path(__file__).parents[2] / "ablations").glob("*.yaml"))
_LONGEST = 220  # characters: three lines of a page


def test_a_question_ends_at_its_mark_whatever_follows() -> None:
    about = "Question: does it help to start at zero?\nzero_gamma (2017), skipinit. Others keep batch norm."
    assert question(about) == "Does it help to start at zero?"
    assert context(about) == "zero_gamma (2017), skipinit. Others keep batch norm."
    assert (
        question('Question: what does "why?" mean, in 3.5 of 4 cases? That.')
        == 'What does "why?" mean, in 3.5 of 4 cases?'
    )


@pytest.mark.parametrize("path", _GRIDS, ids=lambda path: path.stem)
def test_each_shipped_grid_opens_with_one_question(path: Path) -> None:
    about = opening_comment(path.read_text(encoding="utf-8"))
    title = question(about)
    assert title.count("?") == 1 and title.endswith("?") and len(title) <= _LONGEST


def test_a_first_line_that_names_the_file_is_no_question() -> None:
    assert question(opening_comment("# my-question.yaml\n# Question: does it help?\nbase: {}")) == "Does it help?"
    assert opening_comment("# my-question.yaml\nbase: {}") == ""
    assert opening_comment("# Does my-question.yaml help?\nbase: {}") == "Does my-question.yaml help?"
