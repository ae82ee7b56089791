"""Cells that are one network under several names: trained once, kept all, and said to be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from resbench.core.errors import UserError
from resbench.execution.plan import plan
from resbench.grid.filter import filter_runs
from resbench.grid.grid import Grid
from resbench.grid.reader import read_grid

SMALL = {"model.width": 4, "model.depth": 10, "data.train_size": 64}
SCALES = Grid(
    "scales",
    base=SMALL,
    axes={"model.shortcut": ["identity", "scaled"], "model.shortcut_scale": [0.25, 0.5, 2.0]},
    seeds=2,
)


def test_the_study_keeps_every_cell_and_the_run_that_it_shares() -> None:
    assert len(SCALES.cells) == 6 and len(SCALES.runs()) == 8
    study = SCALES.study()
    assert len(study.runs) == 12 and len({run.id for run in study.runs}) == 8
    [merged] = study.merged
    assert [cell["model.shortcut_scale"] for cell in merged.cells] == [0.25, 0.5, 2.0]
    assert merged.because == "model.shortcut_scale acts only where model.shortcut is scaled"
    assert [one.fields for one in study.idle] == [["model.shortcut_scale"]] * 3


def test_the_plan_says_which_combinations_are_one_network_and_why(tmp_path: Path) -> None:
    text = str(plan(SCALES, tmp_path))
    assert "one network, trained once: model.shortcut=identity model.shortcut_scale=0.25; " in text
    assert "acts only where model.shortcut is scaled" in text and "6 cells of 4 networks" in text
    text = str(plan(Grid("base", base={**SMALL, "model.gate_bias": 1.0}), tmp_path))
    assert "without effect: model.gate_bias=1.0: it acts only where model.shortcut is exclusive_gate or" in text


def test_networks_that_are_built_alike_are_trained_once_in_any_order(tmp_path: Path) -> None:
    ids = set()
    for values in (["identity", "projection"], ["projection", "identity"]):
        grid = Grid("alike", base=SMALL, axes={"model.shortcut": values}, seeds=2)
        assert len(grid.cells) == 2 and len(grid.runs()) == 2
        assert "at depth 10 no unit keeps its shape" in str(plan(grid, tmp_path))
        ids |= {run.id for run in grid.runs()}
    assert len(ids) == 2
    assert len(Grid("not", base={**SMALL, "model.depth": 16}, axes={"model.shortcut": values}).runs()) == 2
    alone = Grid("alone", base=SMALL, axes={"model.shortcut": ["projection"]})
    assert {run.id for run in alone.runs()}.isdisjoint(ids)  # a grid without the other keeps the id that it had


@pytest.mark.parametrize(
    ("path", "values", "base", "why"),
    [
        ("model.shortcut_scale", "[0.3, 0.5]", "{model: {shortcut: identity}}", "model.shortcut is scaled"),
        ("model.dropout_at", "[head, unit]", "{}", "model.dropout is above 0"),
        ("recipe.lr_decay", "[0.1, 0.2]", "{}", "recipe.schedule is inverse_time"),
        ("model.projection_norm", "[true, false]", "{model: {shortcut: none}}", "model.shortcut is not none"),
    ],
)
def test_an_axis_that_acts_in_no_cell_is_a_mistake_of_its_line(
    path: str, values: str, base: str, why: str, tmp_path: Path
) -> None:
    file = tmp_path / "g.yaml"
    file.write_text(f"name: g\nbase: {base}\naxes:\n  {path}: {values}\n")
    with pytest.raises(UserError, match=rf"g.yaml:4: {path}: acts in no cell.*{why}"):
        read_grid(file)
    with pytest.raises(UserError, match=f"{path}: acts in no cell"):
        read_grid(file, [f"{path}=[{values[1:-1]}]"])


def test_values_that_mean_the_same_are_said_to(tmp_path: Path) -> None:
    grid = Grid("sizes", base={"model.width": 4, "model.depth": 10}, axes={"data.train_size": [3600, "all"]})
    assert len(grid.runs()) == 1 and "these values of data.train_size mean the same" in str(plan(grid, tmp_path))


def test_a_chosen_cell_brings_the_run_that_it_shares() -> None:
    assert len(filter_runs(["model.shortcut_scale==2.0"], SCALES.runs())) == 4
    assert len(filter_runs(["model.shortcut==identity & model.shortcut_scale>1"], SCALES.runs())) == 2
    assert len(filter_runs(["model.shortcut_scale!=0.25"], SCALES.runs())) == 6
