"""Studies as the report reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.studies import MESSAGE, with_accuracies

from resbench.core.errors import UserError
from resbench.report import write
from resbench.report.page.study_page import summary

EVIL = MESSAGE


def test_records_without_a_study_file_span_their_own_axes(tmp_path: Path) -> None:
    folder = with_accuracies(tmp_path, "bare", {"model.depth": [22, 10], "model.norm": ["batch"]}, lambda *_: 0.9)
    (folder / "study.json").unlink()
    lines = summary(tmp_path, "bare").splitlines()
    assert lines[0].split()[0] == "model.depth"
    assert [line.split()[0] for line in lines[2:4]] == ["10", "22"]


def test_a_study_without_runs_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    with_accuracies(tmp_path, "empty", {}, lambda *_: 0.9, 0)
    with pytest.raises(UserError, match="nothing to report"):
        summary(tmp_path, "empty")


@pytest.mark.parametrize("name", ["none", "", "..", "../results"])
def test_a_study_that_is_not_there_is_a_mistake_of_the_user(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no such study"):
        write(tmp_path, tmp_path / "reports", name)
