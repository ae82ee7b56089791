"""Random grids with records of known truth: every verdict is that truth, or a refusal that says why.

The truth is worked out here from the grid as it is written, without the code under test: each combination of values has
a number of errors that only its network decides. Then runs are left out, or tested on other images.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.planted import plant

from resbench.grid.grid import Grid
from resbench.records.claim import Claim
from resbench.report.check import check
from resbench.report.judge import judge
from resbench.report.study import load
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict
from resbench.training.run import RunConfig

AXES: dict[str, list[Any]] = {
    "model.shortcut": ["identity", "projection", "scaled"],
    "model.shortcut_scale": [0.25, 0.5, 1.0],
    "model.depth": [10, 16],
    "model.dropout": [0.0, 0.5],
    "model.dropout_at": ["head", "unit"],
}
DEFAULTS = {"model.shortcut": "identity", "model.depth": 10, "model.dropout": 0.0, "model.dropout_at": "head"}
SEEDS = 6
Network = tuple[Any, ...]


def network(values: Mapping[str, Any]) -> Network:
    """What a combination of values builds, by the words of the fields."""
    shortcut, depth = values["model.shortcut"], values["model.depth"]
    scale = values.get("model.shortcut_scale", 0.5) if shortcut == "scaled" else 1.0
    projects = shortcut == "projection" and depth > 10  # at 10 layers every unit changes its shape, and projects anyway
    dropout = values["model.dropout"]
    return projects, scale, depth, dropout, values["model.dropout_at"] if dropout else ""


def grids() -> st.SearchStrategy[dict[str, list[Any]]]:
    """Axes of which each acts somewhere, at least two of them."""

    def whole(axes: dict[str, list[Any]]) -> bool:
        scaled = "scaled" in axes.get("model.shortcut", [])
        dropped = "model.dropout" in axes
        return (
            len(axes) > 1
            and ("model.shortcut_scale" not in axes or scaled)
            and ("model.dropout_at" not in axes or dropped)
        )

    some = {
        path: st.lists(st.sampled_from(values), min_size=2, max_size=3, unique=True) for path, values in AXES.items()
    }
    return st.fixed_dictionaries({}, optional=some).filter(whole)


def cells(axes: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    return [{**DEFAULTS, **dict(zip(axes, values, strict=True))} for values in itertools.product(*axes.values())]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(axes=grids(), data=st.data())
def test_every_verdict_is_the_truth_or_a_refusal(
    axes: dict[str, list[Any]], data: st.DataObject, tmp_path: Path
) -> None:
    networks = list(dict.fromkeys(map(network, cells(axes))))
    levels = data.draw(st.lists(st.sampled_from([60, 120, 180]), min_size=len(networks), max_size=len(networks)))
    truth = dict(zip(networks, levels, strict=True))
    fewer = data.draw(st.sets(st.sampled_from(networks), max_size=2), label="networks that lack seeds")
    other = data.draw(st.sets(st.sampled_from(networks), max_size=1), label="networks tested on other images")
    path = data.draw(st.sampled_from(list(axes)))
    compare, to = data.draw(st.permutations(axes[path]))[:2]
    expect = data.draw(st.sampled_from(["lower", "higher", "not_lower", "not_higher"]))
    claim = Claim(says="c", compare={path: compare}, to={path: to}, expect=expect, margin=1.0)
    base = {"model.width": 4, "data.train_size": 64, **({} if "model.depth" in axes else {"model.depth": 10})}
    grid = Grid("g", base=base, axes=axes, seeds=SEEDS, claims=[claim])

    def key(config: RunConfig) -> Network:
        return network({path: getattr(config.model, path.removeprefix("model.")) for path in AXES})

    def errors(config: RunConfig) -> int | None:
        if key(config) in fewer and config.seed > 2:
            return None
        return truth[key(config)] + int(np.random.default_rng(config.seed).integers(0, 3))

    shutil.rmtree(tmp_path / "g", ignore_errors=True)
    plant(tmp_path, grid, errors, lambda config: {"test_sha256": "e" * 64} if key(config) in other else {})
    # the run that cells share is trained once, and every cell of the grid is in the study
    assert len({run.id for run in grid.runs()}) == len(networks) * SEEDS
    study = load(tmp_path, "g")
    assert len(study.cells) == len(cells(axes))
    [verdict] = judge(study)
    places = [cell for cell in cells(axes) if cell[path] == compare]
    assert len(verdict.contrasts) == len(places) and not verdict.unpaired
    expected = [
        expected_state(network(cell), network({**cell, path: to}), truth, fewer, other, expect) for cell in places
    ]
    found = {context(one, axes): one.state for one in verdict.contrasts}
    assert [found[tuple(cell[axis] for axis in axes if axis != path)] for cell in places] == expected
    check_overall(verdict, expected)
    assert check(tmp_path, "g")[1] == (verdict.state == "supported" and not verdict.outstanding)


def context(one: ContrastVerdict, axes: Mapping[str, list[Any]]) -> tuple[Any, ...]:
    return tuple(one.context[axis] for axis in axes if axis in one.context)


def expected_state(
    ours: Network, theirs: Network, truth: Mapping[Network, int], fewer: set[Network], other: set[Network], expect: str
) -> str:
    """The state that a comparison must have; differences are of 60 errors or none, and the margin is 10."""
    against_margin = expect.startswith("not_")
    if ours == theirs:
        return "supported" if against_margin else "equivalent"
    if (ours in other) != (theirs in other):
        return "not comparable"
    if fewer & {ours, theirs}:
        return "inconclusive"
    difference = truth[ours] - truth[theirs]
    if difference == 0:
        return "supported" if against_margin else "equivalent"
    if against_margin:
        return "supported" if (difference < 0) == (expect == "not_higher") else "refuted"
    return "supported" if (difference < 0) == (expect == "lower") else "refuted"


def check_overall(verdict: ClaimVerdict, states: list[str]) -> None:
    """The claim has the worst state; it is supported only if each comparison is."""
    for worst in ("refuted", "not comparable", "inconclusive"):
        if worst in states:
            assert verdict.state == worst
            return
    assert verdict.state == (states[0] if len(set(states)) == 1 else "inconclusive")
