"""`between` and `family` in grid and search files: what they mean, and every mistake on its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from resbench.core.errors import UserError
from resbench.grid.grid import Grid
from resbench.grid.reader import read_grid
from resbench.records.claim import Claim
from resbench.tuning.reader import load_search

GRID = """\
name: g
base: {model: {width: 4}}
axes: {model.depth: [10, 16, 34], model.shortcut: [identity, none]}
zip:
  - {model.norm: [batch, none, none], recipe.grad_clip: [none, none, 1.0]}
claims:
  - says: the gain grows
    compare: {model.shortcut: none}
    to: {model.shortcut: identity}
    between: {model.depth: [34, 10]}
    expect: higher
"""


def read(folder: Path, old: str = "", new: str = "") -> Grid:
    (folder / "g.yaml").write_text(GRID.replace(old, new) if old else GRID)
    return read_grid(folder / "g.yaml")


def test_every_other_axis_is_filled_in_and_each_comparison_has_four_cells(tmp_path: Path) -> None:
    grid = read(tmp_path)
    [claim] = grid.claims
    assert claim.at == {"model.norm": None, "recipe.grad_clip": None}
    found = list(claim.interactions([cell for cell, _ in grid.cells]))
    assert len(found) == 3 and all(len(side) == 1 for one in found for side in one.sides)
    first, second = found[0].first, found[0].second
    assert first.compare[0]["model.depth"] == 34 and second.to[0]["model.depth"] == 10
    assert first.compare[0]["model.shortcut"] == "none" and second.to[0]["model.shortcut"] == "identity"
    assert grid.study().to_json()["claims"][0]["between"] == {"model.depth": [34, 10]}
    again = Grid("h", base=grid.base, axes=grid.axes, zips=grid.zips, claims=[claim])
    assert again.claims[0].statement() == claim.statement()


def test_axes_that_are_paired_may_be_named_together(tmp_path: Path) -> None:
    grid = read(tmp_path, "{model.depth: [34, 10]}", "{model.norm: [batch, none], recipe.grad_clip: [none, none]}")
    assert grid.claims[0].at == {"model.depth": None}
    assert len(list(grid.claims[0].interactions([cell for cell, _ in grid.cells]))) == 3


@pytest.mark.parametrize(
    ("old", "new", "line", "part"),
    [
        ("[34, 10]}", "[34]}", 10, "between: model.depth: [34] should be two values"),
        ("[34, 10]}", "34}", 10, "between: model.depth: 34 should be two values"),
        ("{model.depth: [34, 10]}", "[model.depth]", 10, "should be a mapping of axes to two values each"),
        ("[34, 10]}", "[34, 34]}", 10, "between: model.depth=34 is listed twice"),
        ("[34, 10]}", "[58, 10]}", 7, "between: model.depth is never 58 in this grid: it is 10, 16, 34"),
        (
            "between: {model.depth",
            "between: {model.dpth",
            10,
            "model.dpth: unknown field (did you mean 'model.depth'?)",
        ),
        ("between: {model.depth", "between: {model.width", 10, "model.width is not an axis of this grid"),
        ("between: {model.depth: [34, 10]}", "between: {model.shortcut: [identity, none]}", 10, "is what is compared"),
        ("[34, 10]}", "[34, 10], model.norm: [batch]}", 10, "model.norm: ['batch'] should be two values"),
        ("[34, 10]}", "[34, 16, 10], model.norm: [batch, none]}", 10, "lists of one length, but model.depth has 3"),
        ("expect: higher", "expect: higher\n    at: [model.depth]", 12, "at: model.depth stands in between: leave it"),
        ("expect: higher", "expect: higher\n    at: [model.norm]", 7, "add recipe.grad_clip to at"),
        ("{model.depth: [34, 10]}", "{model.norm: [batch, none]}", 7, "2 cells stand on one side"),
        ("between:", "betwen:", 7, "may have at, between, on, margin, source"),
        (
            "claims:",
            "family: studdy\nclaims:",
            6,
            "family: 'studdy' is not one of claim, study (did you mean 'study'?)",
        ),
    ],
)
def test_mistakes_are_named_on_their_line(old: str, new: str, line: int, part: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, old, new)
    assert any(f"g.yaml:{line}: " in text and part in text for text in caught.value.lines), caught.value.lines


def test_a_value_without_one_of_the_sides_is_named(tmp_path: Path) -> None:
    rule = "exclude: [{if: {model.depth: 10, model.shortcut: none}, because: slow}]\nclaims:"
    with pytest.raises(UserError, match=r"between: model\.depth=10: no cell has model\.shortcut=none: leave it out"):
        read(tmp_path, "claims:", rule)


@pytest.mark.parametrize("between", [{"a": [1]}, {"a": [1, 2], "b": [1, 2, 3]}, {"a": 3}, 3])
def test_a_claim_in_python_refuses_what_a_file_may_not_say(between: Any) -> None:
    with pytest.raises(ValidationError):
        Claim(says="x", compare={"c": 1}, to={"c": 2}, between=between, expect="lower")


def test_claims_without_it_state_what_they_stated() -> None:
    claim = Claim(says="x", compare={"c": 1}, to={"c": 2}, at={"a": None}, expect="lower")
    assert claim.statement() == '[[["c", 1]], [["c", 2]], [["a", null]], "test_error", "lower", 0.05]'
    assert "between" not in claim.to_json()
    other = Claim(says="x", compare={"c": 1}, to={"c": 2}, at={"a": None}, between={"b": [1, 2]}, expect="lower")
    assert other.statement() != claim.statement()


def test_a_search_file_sets_tuned_against_untuned(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "name: s\nbase: {model: {depth: 10, width: 4}, data: {train_size: 400, val_size: 40}}\n"
        "arms: {model.shortcut: [identity, none]}\nsearch: {recipe.lr: {low: 0.01, high: 1.0}}\nfamily: study\nclaims:\n"
        "  - {says: less, compare: {model.shortcut: none}, to: {model.shortcut: identity},\n"
        "     between: {tuning: [tuned, untuned]}, expect: lower}\n"
    )
    search = load_search(tmp_path / "s.yaml")
    assert search.claims[0].at == {} and search.claims[0].between == {"tuning": ["tuned", "untuned"]}
    assert search.family == "study"


def test_a_family_is_kept_only_where_it_is_that_of_the_study(tmp_path: Path) -> None:
    assert "family" not in read(tmp_path).study().to_json()
    assert read(tmp_path, "claims:", "family: study\nclaims:").study().family == "study"
