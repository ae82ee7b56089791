"""Cells: values by dotted path."""

from resbench.core.cell import contains, label, matches


def test_one_is_not_true() -> None:
    assert contains([0, "1", 1.0], 1) and not contains([True, "1"], 1) and not contains([0], False)
    assert contains([[10, 16], "none"], [10, 16])


def test_a_cell_matches_values_that_it_has() -> None:
    cell = {"model.depth": 34, "model.projection_norm": True}
    assert matches(cell, {}) and matches(cell, {"model.depth": 34})
    assert not matches(cell, {"model.projection_norm": 1}) and not matches(cell, {"model.norm": None})
    assert label(cell) == "model.depth=34 model.projection_norm=True"
