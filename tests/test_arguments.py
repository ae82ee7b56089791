"""Mistakes in calls from Python are one line in the names of Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import resbench
from resbench.tuning.search import Search
from resbench.tuning.space import Range

GRID = resbench.Grid("g", axes={"model.shortcut": ["identity", "none"]})
LR = {"recipe.lr": Range(0.1, 1.0)}
AXES: dict[str, Any] = {"model.shortcut": ["identity", "none"]}


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: resbench.run(GRID, jobs=0), "jobs=0: use a number"),
        (lambda: resbench.run(GRID, threads=0), "threads=0: use a number"),
        (lambda: resbench.run(GRID, only="seed==0"), "only: 'seed==0' should be a list of texts, such as"),
        (lambda: resbench.run("g.yaml", overrides="seeds=1"), "overrides: 'seeds=1' should be a list of texts"),
        (lambda: resbench.plan("g.yaml", overrides="seeds=1"), "overrides: 'seeds=1' should be a list of texts"),
        (lambda: resbench.tune(GRID), "g: a Grid has nothing to search"),  # type: ignore[arg-type]
        (lambda: resbench.compare("g", to="none"), "compare: 'none' should be values by path"),  # type: ignore[arg-type]
        (lambda: resbench.check(3), "study: 3 should be the name of a study, or its Grid"),  # type: ignore[arg-type]
        (lambda: resbench.tune(Search("s", arms=AXES, space=LR, trials=0)), "search s: trials: 0 should be"),
        (
            lambda: resbench.tune(Search("s", arms=AXES, space={"recipe.lr": Range(1.0, 0.2)})),
            "search s: recipe.lr: low 1.0 should be below high 0.2",
        ),
    ],
)
def test_a_mistake_is_one_line(call: Callable[[], object], text: str) -> None:
    with pytest.raises(resbench.UserError) as caught:
        call()
    assert len(caught.value.lines) == 1 and text in caught.value.lines[0]
