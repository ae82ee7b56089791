"""No grid or search file can run code, or leave its folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.hostile import NAMES, TAGS

from resbench.core.errors import UserError
from resbench.grid.reader import read_grid
from resbench.tuning.reader import load_search


@pytest.mark.parametrize("name", NAMES)
def test_names_that_leave_the_folder_are_refused(name: object, tmp_path: Path) -> None:
    quoted = json.dumps(name)
    (tmp_path / "grid.yaml").write_text(f"name: {quoted}\naxes: {{model.depth: [10]}}\n")
    (tmp_path / "search.yaml").write_text(f"name: {quoted}\nsearch: {{recipe.lr: {{low: 0.1, high: 0.2}}}}\n")
    for load, file in ((read_grid, "grid.yaml"), (load_search, "search.yaml")):
        with pytest.raises(UserError, match=r"is not a name|half a character|not valid YAML"):
            load(tmp_path / file)


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize(
    "place", ["name: {}", "base: {}", "axes:\n  model.depth: {}", "axes:\n  model.depth: [10, {}]", "? {}\n: 1"]
)
def test_tags_run_nothing_and_are_refused(tag: str, place: str, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text(place.format(tag) + "\n")
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        for load in (read_grid, load_search):
            with pytest.raises(UserError):
                load("odd.yaml", ["recipe.lr=" + tag])
    finally:
        os.chdir(before)
    assert [path.name for path in tmp_path.iterdir()] == ["odd.yaml"]
