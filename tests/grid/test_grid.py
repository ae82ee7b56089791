"""Grids that are built in Python: the same runs and the same mistakes as of a file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from resbench.core.errors import UserError
from resbench.grid.expand import Exclusion
from resbench.grid.filter import filter_runs
from resbench.grid.grid import Grid, PlannedRun
from resbench.grid.reader import read_grid
from resbench.records.claim import Claim, Published, Target
from resbench.training.run import RunConfig

SHORTCUT: dict[str, list[Any]] = {"model.shortcut": ["identity", "none"]}
DEPTH: dict[str, list[Any]] = {"model.depth": [10, 16]}


def claim(**fields: Any) -> Claim:
    sides = {"compare": {"model.shortcut": "identity"}, "to": {"model.shortcut": "none"}}
    return Claim(**{"says": "shortcuts help", "expect": "lower", **sides, **fields})


def mistakes(**fields: Any) -> list[str]:
    """The lines of the error that this grid is."""
    with pytest.raises(UserError) as caught:
        Grid("some", **fields)
    assert all(line.startswith("grid some: ") for line in caught.value.lines)
    return [line.removeprefix("grid some: ") for line in caught.value.lines]


def test_cells_times_seeds() -> None:
    grid = Grid("some", base={"recipe.epochs": 1}, axes={**SHORTCUT, **DEPTH}, seeds=3)
    runs = grid.runs()
    assert len(runs) == len({run.id for run in runs}) == 12
    assert [(*run.cell.values(), run.seed) for run in runs[:4]] == [
        ("identity", 10, 0), ("identity", 10, 1), ("identity", 10, 2), ("identity", 16, 0),
    ]  # fmt: skip
    assert runs[1].config.seed == 1 and runs[1].config.recipe.epochs == 1 and runs[1].config.id == runs[1].id
    assert runs[3].label == "model.shortcut=identity model.depth=16 seed=0"


def test_values_may_be_tuples_ranges_and_nested() -> None:
    plain = Grid("some", axes=SHORTCUT, seeds=[0, 1, 2])
    other = Grid("some", axes={"model": {"shortcut": ("identity", "none")}}, seeds=range(3))  # type: ignore[dict-item]
    assert other.runs() == plain.runs() and other.axes == plain.axes
    assert [run.id for run in Grid("some").runs()] == [RunConfig().id]


def test_a_grid_is_what_its_file_is(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text(
        "# Question: does it help?\nbase: {model: {width: 4}}\naxes: {model.shortcut: [identity, none]}\n"
        "zip:\n- {model.depth: [10, 16], recipe.lr: [0.1, 0.05]}\n"
        "exclude:\n- {if: {model.depth: 16, model.shortcut: none}, because: too slow}\n"
        "seeds: 2\nprobes: [lesions, gradients]\nbaseline: {model.shortcut: none}\n"
        "published:\n- {source: a paper, on: test_error, at: {model.depth: 10}, value: 0, runs: 5}\n"
        "claims:\n"
        "- {says: it helps, compare: {model.shortcut: identity}, to: {model.shortcut: none}, expect: lower,"
        " at: {model.depth: [10]}, margin: 1}\n"
        "target: {test_accuracy: 0.99}\n"
    )
    grid = Grid(
        "some",
        base={"model.width": 4},
        axes=SHORTCUT,
        zips=[{"model.depth": [10, 16], "recipe.lr": [0.1, 0.05]}],
        exclude=[Exclusion({"model.depth": [16], "model.shortcut": ["none"]}, "too slow")],
        seeds=2,
        probes=["lesions", "gradients"],
        baseline={"model.shortcut": "none"},
        published=[Published(source="a paper", on="test_error", at={"model.depth": 10}, value=0, runs=5)],
        claims=[claim(says="it helps", at={"model.depth": [10]}, margin=1)],
        target=Target(test_accuracy=0.99),
        about="Question: does it help?",
        file=str(file),
    )
    assert grid == read_grid(file)
    assert json.dumps(grid.study().to_json()) == json.dumps(read_grid(file).study().to_json())
    assert grid.probes == ("gradients", "lesions")  # in the order in which they are measured


def test_what_a_claim_leaves_out_is_filled_in() -> None:
    axes = {**SHORTCUT, **DEPTH, "model.norm": ["batch", "none"]}
    given = [claim(), claim(on="train_loss", at=["model.norm"]), claim(at={"model.depth": 16, "model.norm": None})]
    grid = Grid("some", axes=axes | {"model.depth": [16]}, claims=given)
    assert [claim.to_json() for claim in grid.study().claims] == [
        given[0].to_json() | {"at": {"model.depth": None, "model.norm": None}, "on": "test_error", "margin": 0.05},
        given[1].to_json() | {"at": {"model.norm": None}, "margin": 0.0},
        given[2].to_json() | {"at": {"model.depth": [16], "model.norm": None}, "on": "test_error", "margin": 0.05},
    ]
    assert Grid("some", axes=axes | {"model.depth": [16]}, claims=grid.claims).claims == grid.claims


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"axes": {"model.shortcutt": ["none"]}}, "model.shortcutt: unknown field (did you mean 'model.shortcut'?)"),
        ({"base": {"model.depth": 10.0}}, "model.depth: 10.0 is not allowed: it should be a valid integer"),
        ({"axes": {"model.depth": []}}, "model.depth: [] should be a list of values"),
        ({"axes": {"model.depth": 10}}, "model.depth: 10 should be a list of values, such as [10]"),
        ({"axes": {"model.depth": [10, 10]}}, "model.depth: 10 is listed twice: remove one"),
        ({"axes": ["model.depth"]}, "axes: ['model.depth'] should be a mapping of fields to lists of values"),
        ({"base": {"model.depth": 10}, "axes": DEPTH}, "model.depth: stands in more than one of base, axes and zip: keep one"),
        ({"zips": [{**DEPTH, "model.norm": ["none"]}]}, "zip: paired axes need lists of one length, but model.depth has 2, model.norm has 1"),
        ({"seeds": 0}, "seeds: 0 should be a number from 1 to 100000, a list of different seeds, or {looks: [5, 10, 20], spend: pocock}"),
        ({"seeds": [1, 1]}, "seeds: [1, 1] names a seed twice"),
        ({"seeds": True}, "seeds: True should be a number from 1 to 100000, a list of different seeds, or {looks: [5, 10, 20], spend: pocock}"),
        ({"probes": ["gradient"]}, "probes: 'gradient' is not one of gradients, responses, curvature, lesions (did you mean 'gradients'?)"),
        ({"exclude": [Exclusion({}, "x")]}, "exclude: if: is empty and would leave out everything"),
        ({"axes": DEPTH, "exclude": [Exclusion({"model.norm": ["batch"]}, "x")]}, "exclude: leaves no cell to run"),
        ({"axes": DEPTH, "baseline": {"model.norm": "none"}}, "baseline: model.norm is not an axis of this grid"),
        ({"axes": DEPTH, "baseline": {"model.depth": 22}}, "baseline: no cell has model.depth=22"),
        ({"axes": DEPTH, "claims": [claim()]}, "claims: model.shortcut is not an axis of this grid"),
        ({"axes": SHORTCUT, "claims": [claim(at=["model.depth"])]}, "claims: at: model.depth is not an axis of this grid"),
        ({"axes": SHORTCUT, "claims": [claim(expect="equivalent", margin=0)]},
         "claims: margin: equivalent needs a margin above 0, the smallest difference that matters"),
        ({"axes": SHORTCUT, "claims": [claim(on="probe.lesion_mean")]},
         "claims: on: probe.lesion_mean is measured by the probe lesions: add it to probes"),
        ({"axes": {**SHORTCUT, **DEPTH}, "claims": [claim(at=[])]},
         "claims: 2 cells stand on one side: add model.depth to at, or to compare and to"),
        ({"axes": SHORTCUT, "claims": [claim(says=" ")]}, "claims: says: ' ' should be a sentence"),
        ({"published": [Published(source="x", on="test_error", at={}, value=6.61)]}, "published: value: 6.61 is not a fraction between 0 and 1"),
        ({"axes": {"model.branch": ["rezero"], **SHORTCUT}},
         "model.branch: branch rezero needs a shortcut, and shortcut is none (first at model.shortcut=none; `exclude` can drop such cells)"),
        ({"base": {"data.train_size": 4000}}, "data.train_size: 4000 training and 400 validation images do not fit: mnist-5k has 4000 for both"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(fields: dict[str, Any], line: str) -> None:
    assert mistakes(**fields) == [line]


def test_every_mistake_is_named_at_once() -> None:
    lines = mistakes(base={"recipe.lr": "fast"}, axes={"model.depth": [10, 35]}, probes="all")
    assert [line.partition(":")[0] for line in lines] == ["probes", "recipe.lr"]
    lines = mistakes(base={"recipe.lr": "fast"}, axes={"model.depth": [10, 35]})
    assert [line.partition(":")[0] for line in lines] == ["model.depth", "recipe.lr"]
    with pytest.raises(UserError, match=r"grid a/b: name: 'a/b' is not a name"):
        Grid("a/b")


def test_a_run_outside_a_grid() -> None:
    run = PlannedRun.of(RunConfig(seed=3))
    assert (run.seed, run.id, run.config, run.label) == (3, RunConfig(seed=3).id, RunConfig(seed=3), "seed=3")


def test_runs_are_filtered_by_their_values() -> None:
    runs = Grid("some", axes={**SHORTCUT, **DEPTH}, seeds=2).runs()
    assert len(filter_runs(["model.depth<16 & seed!=0"], runs)) == 2
    assert len(filter_runs(["model.shortcut=none"], runs)) == 4 and filter_runs(["model.shortcut>=3"], runs) == []
    assert filter_runs([], runs) == runs
    for expression, reason in (("model.dept==1", "did you mean 'model.depth'"), ("depth", "write path==value")):
        with pytest.raises(UserError, match=reason):
            filter_runs([expression], runs)


def test_a_grid_with_other_parts_has_other_cells(tmp_path: Path) -> None:
    file = tmp_path / "g.yaml"
    file.write_text("base: {model: {depth: 34}}\naxes:\n  model.shortcut: [identity, none]\n")
    changed = dataclasses.replace(read_grid(file), base={"model.depth": 10}, axes={"model.norm": ["batch", "group"]})
    assert [(run.config.model.depth, run.config.model.norm) for run in changed.runs()] == [(10, "batch"), (10, "group")]


def test_claims_and_exclusions_may_be_mappings_as_in_a_file() -> None:
    axes = {"model.depth": [10, 16], "model.shortcut": ["identity", "none"]}
    entry = {
        "says": "x",
        "compare": {"model.shortcut": "identity"},
        "to": {"model.shortcut": "none"},
        "expect": "lower",
    }
    rule = {"if": {"model.depth": 16}, "because": "too deep"}
    grid = Grid("x", axes=axes, claims=[entry], exclude=[rule])  # type: ignore[list-item]
    assert [type(part) for part in (*grid.claims, *grid.exclude)] == [Claim, Exclusion]
    assert len(grid.cells) == 2
    with pytest.raises(UserError, match="did you mean 'lower'"):
        Grid("x", axes=axes, claims=[entry | {"expect": "lowr"}])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("model.shortcut!=nnoe", "'model.shortcut!=nnoe': model.shortcut: 'nnoe' is not one of"),
        ("model.depth>10 & model.shortcut==nnoe", "(did you mean 'none'?)"),
        ("model.depth!=100", "'model.depth!=100': no run has model.depth=100: it is 10, 16"),
        ("model.shortcut=projection", "no run has model.shortcut=projection: it is identity, none"),
        ("model.depth==deep", "model.depth: 'deep' is not allowed"),
        ("recipe.nesterov!=1", "unknown field"),
        ("seed!=2", "no run has seed=2: it is 0, 1"),
        ("seed=true", "no run has seed=True: it is 0, 1"),
    ],
)
def test_a_filter_by_a_value_that_no_run_has_is_one_line(expression: str, reason: str) -> None:
    runs = Grid("some", axes={**SHORTCUT, **DEPTH}, seeds=2).runs()
    with pytest.raises(UserError) as caught:
        filter_runs([expression], runs)
    [line] = caught.value.lines
    assert line.startswith("--only: ") and reason in line


def test_a_field_spelled_twice_in_python_is_one_line() -> None:
    assert mistakes(base={"model": {"width": 4}, "model.width": 8}) == ["model.width: given twice: remove one"]
