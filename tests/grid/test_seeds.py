"""The seeds of a grid as a plan of looks: what may be given, where, and what is said of the rest."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from resbench import Grid, UserError, read_grid
from resbench.records.study_file import Looks

AXES = {"model.shortcut": ["identity", "none"]}
CLAIM: dict[str, Any] = {
    "says": "it helps",
    "compare": {"model.shortcut": "identity"},
    "to": {"model.shortcut": "none"},
    "expect": "lower",
}
FILE = """\
name: some
axes: {model.shortcut: [identity, none]}
seeds: {looks: [5, 10, 20], spend: obrien_fleming}
claims:
  - {says: it helps, compare: {model.shortcut: identity}, to: {model.shortcut: none}, expect: lower}
"""
FORM = "{looks: [5, 10, 20], spend: pocock}"


def planned(seeds: Any, **fields: Any) -> Grid:
    return Grid("some", axes=AXES, claims=[CLAIM], **{"seeds": seeds, **fields})  # type: ignore[arg-type]


def test_the_seeds_count_from_0_to_the_last_look(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text(FILE)
    read, made = read_grid(file), planned({"looks": [5, 10, 20], "spend": "obrien_fleming"})
    assert read.seeds == made.seeds == list(range(20))
    assert read.looks == made.looks == Looks(sizes=[5, 10, 20], spend="obrien_fleming")
    assert [run.id for run in made.runs()] == [run.id for run in planned(20).runs()]
    assert planned({"looks": [5, 6]}).looks == Looks(sizes=[5, 6], spend="pocock")
    assert read.study().looks == read.looks and planned(20).study().looks is None


def test_overrides_replace_a_plan_or_make_one(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text(FILE)
    fixed, other = read_grid(file, ["seeds=3"]), read_grid(file, ["seeds={looks: [6, 7]}"])
    assert (fixed.looks, fixed.seeds) == (None, [0, 1, 2])
    assert other.looks == Looks(sizes=[6, 7], spend="pocock")


def test_a_grid_is_copied_with_its_plan() -> None:
    grid = planned({"looks": [5, 10]})
    assert dataclasses.replace(grid, name="other").looks == grid.looks
    assert dataclasses.replace(grid, seeds=3, looks=None).seeds == [0, 1, 2]
    with pytest.raises(UserError, match=r"seeds: 3 next to looks at \[5, 10\]: give the plan alone, or looks=None"):
        dataclasses.replace(grid, seeds=3)


def test_other_seeds_of_each_cell_are_another_study_of_the_same_ids() -> None:
    grid = planned({"looks": [5, 10]})
    part = grid.with_seeds({("identity",): range(10), ("none",): range(5)})
    assert len(grid.runs()) == 20 and len(part.runs()) == len(part.study().runs) == 15
    assert {run.id for run in part.runs()} < {run.id for run in grid.runs()}
    assert part.seeds_by_cell() == {("identity",): list(range(10)), ("none",): list(range(5))}
    assert part.whole().runs() == grid.runs()


@pytest.mark.parametrize(
    ("seeds", "line"),
    [
        ({}, f"seeds: looks: None should be rising whole numbers of seeds, as in {FORM}"),
        ({"looks": []}, f"seeds: looks: [] should be rising whole numbers of seeds, as in {FORM}"),
        ({"looks": 5}, f"seeds: looks: 5 should be rising whole numbers of seeds, as in {FORM}"),
        ({"looks": [5, "ten"]}, f"seeds: looks: [5, 'ten'] should be rising whole numbers of seeds, as in {FORM}"),
        ({"looks": [5, 5.5]}, f"seeds: looks: [5, 5.5] should be rising whole numbers of seeds, as in {FORM}"),
        ({"looks": [5, True]}, f"seeds: looks: [5, True] should be rising whole numbers of seeds, as in {FORM}"),
        ({"looks": [5, 10, 10]}, "seeds: looks: [5, 10, 10] does not rise: each look has more seeds than the one before"),
        ({"looks": [3, 6]}, "seeds: looks: [3, 6] begins with 3: no verdict takes fewer than 5 seeds, so begin with 5 or more"),
        ({"looks": [5, 10**6]}, "seeds: looks: [5, 1000000] ends with 1000000: use at most 100000 seeds"),
        ({"looks": [5]}, "seeds: looks: [5] is one look, which `seeds: 5` is without a plan: add a second one"),
        ({"looks": [5, 10], "spend": "pocok"}, "seeds: spend: 'pocok' is not one of pocock, obrien_fleming (did you mean 'pocock'?)"),
        ({"looks": [5, 10], "spent": "pocock"}, "seeds: spent: unknown key; allowed are looks, spend (did you mean 'spend'?)"),
        ({"search": 1, "looks": [5, 10]}, "seeds: search: unknown key; allowed are looks, spend"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(seeds: Any, line: str) -> None:
    with pytest.raises(UserError) as error:
        planned(seeds)
    assert error.value.lines == [f"grid some: {line}"]


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ([], "none is stated"),
        ([{**CLAIM, "on": "parameters", "margin": 0}], "each is of a number that is the same with every seed"),
    ],
)
def test_looks_need_a_claim_to_judge(claims: list[Any], why: str) -> None:
    with pytest.raises(UserError) as error:
        Grid("some", axes=AXES, claims=claims, seeds={"looks": [5, 10]})
    assert error.value.lines == [f"grid some: seeds: looks judge claims, and {why}: add one, or give a number of seeds"]


def test_a_mistake_names_the_line_or_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text(FILE.replace("[5, 10, 20]", "[20, 5]"))
    with pytest.raises(UserError, match=r"some.yaml:3: seeds: looks: \[20, 5\] does not rise"):
        read_grid(file)
    file.write_text(FILE.partition("claims")[0].replace("seeds: {looks: [5, 10, 20], spend: obrien_fleming}\n", ""))
    with pytest.raises(UserError, match="command line: seeds: looks judge claims"):
        read_grid(file, ["seeds={looks: [5, 10]}"])
