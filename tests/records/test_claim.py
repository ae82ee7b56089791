"""Claims: their defaults, and the comparisons that they make."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from pydantic import ValidationError

from resbench.core.cell import Cell
from resbench.records.claim import EXPECTATIONS, Claim
from resbench.records.metrics import METRICS, PROBED

CELLS: list[Cell] = [
    {"model.depth": depth, "model.shortcut": shortcut, "model.norm": norm}
    for depth, shortcut, norm in itertools.product((10, 16), ("identity", "none"), ("batch", "none"))
]


def claim(**fields: Any) -> Claim:
    sides = {"compare": {"model.shortcut": "identity"}, "to": {"model.shortcut": "none"}}
    return Claim(**{"says": "shortcuts help", "expect": "lower", **sides, **fields})


def test_defaults_follow_the_metric() -> None:
    assert (claim().on, claim().margin, claim().at) == ("test_error", 0.05, {})
    assert claim(on="train_loss").margin == 0.0 and claim(on="test_accuracy").margin == 0.05
    assert claim(margin=1).margin == 1


def test_axes_may_be_listed() -> None:
    assert claim(at=["model.depth"]).at == {"model.depth": None}
    assert claim(at={"model.depth": 16, "model.norm": None}).at == {"model.depth": [16], "model.norm": None}


@pytest.mark.parametrize("fields", [{"on": "test_eror"}, {"expect": "less"}, {"margin": -1}, {"at": 3}, {"at": [[1]]}])
def test_mistakes_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        claim(**fields)


def test_one_comparison_for_each_combination() -> None:
    contexts = [context for context, compare, to in claim(at=["model.depth", "model.norm"]).comparisons(CELLS)]
    assert contexts == [{"model.depth": d, "model.norm": n} for d, n in itertools.product((10, 16), ("batch", "none"))]
    [(context, compare, to)] = claim(at={"model.depth": [16], "model.norm": ["batch"]}).comparisons(CELLS)
    assert context == {"model.depth": 16, "model.norm": "batch"}
    assert compare == [{**context, "model.shortcut": "identity"}] and to == [{**context, "model.shortcut": "none"}]
    [(_, compare, to)] = claim().comparisons(CELLS)  # ambiguous: each side has all cells
    assert len(compare) == len(to) == 4


def test_combinations_that_lack_a_side_have_no_comparison() -> None:
    some = [cell for cell in CELLS if cell["model.depth"] == 10 or cell["model.shortcut"] == "none"]
    contexts = [context for context, _, _ in claim(at=["model.depth", "model.norm"]).comparisons(some)]
    assert [context["model.depth"] for context in contexts] == [10, 10]


@pytest.mark.parametrize("expect", EXPECTATIONS)
def test_accuracies_are_compared_by_their_errors(expect: str) -> None:
    accuracy, error = claim(expect=expect, on="test_accuracy"), claim(expect=expect)
    assert error.direction == expect and accuracy.against_margin == error.against_margin
    assert (accuracy.direction == expect) == (expect == "equivalent")
    assert claim(expect=expect, on="val_accuracy").direction == expect  # there are no errors image by image


def test_every_metric_of_a_probe_says_so() -> None:
    assert {name for names in PROBED.values() for name in names} == {m.name for m in METRICS.values() if m.probe}
    assert METRICS["test_accuracy"].by_image and METRICS["test_error"].by_image and not METRICS["val_accuracy"].by_image
    assert METRICS["test_error"].unit == "points" and METRICS["train_loss"].factor == 1.0
