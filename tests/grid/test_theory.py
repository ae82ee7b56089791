"""`theory:` in a grid file: what is wrong is said in a line, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from resbench.core.errors import UserError
from resbench.grid.reader import read_grid
from resbench.records.study_file import StudyFile

GRID = "name: g\nbase: {model: {width: 4}}\naxes:\n  model.depth: [10, 22, 34]\n  model.norm: [batch, none]\nseeds: 5\ntheory:\n"
ROW = {"says": "p", "source": "s", "formula": "f", "on": "test_error", "at": "{model.norm: batch}", "value": "0.5", "margin": "0.1"}  # fmt: skip


def file(folder: Path, **entries: str) -> Path:
    path = folder / "g.yaml"
    row = {key: value for key, value in (ROW | entries).items() if value}
    path.write_text(GRID + "- {" + ", ".join(f"{key}: {value}" for key, value in row.items()) + "}\n")
    return path


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"margin": ""}, "each row has the keys says, source, formula, on, at, value, margin"),
        ({"on": "test_eror"}, "on: 'test_eror' is not one of"),
        ({"on": "probe.shattering"}, "measured by the probe gradients: add it, as in `probes: [gradients]`"),
        ({"value": "half"}, "value: 'half' should be a number"),
        ({"margin": "-1"}, "margin: -1 should be a number from 0"),
        ({"expect": "above"}, "expect: 'above' is not one of equal, at_least, at_most"),
        ({"at": "{model.depth: 100}"}, "theory: at: model.depth is never 100 in this grid: it is 10, 22, 34"),
        ({"along": "{model.depth: linear}"}, "should be an axis and its law, power or exponential"),
        ({"along": "{model.width: power}"}, "along: model.width is not an axis of this grid"),
        (
            {"along": "{model.norm: power}", "at": "{}"},
            "a law takes 3 numbers above 0 or more, and model.norm is batch, none",
        ),
        ({"along": "{model.depth: power}", "at": "{model.depth: 10}"}, "model.depth stands in at as well"),
        ({"of": "deviation", "on": "train_loss"}, "of: deviation is of test_error or test_accuracy"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(entries: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read_grid(file(tmp_path, **entries))
    assert said in str(error.value) and "8: theory: " in str(error.value)


def test_a_prediction_comes_back_from_a_study_file(tmp_path: Path) -> None:
    grid = read_grid(file(tmp_path, along="{model.depth: power}"))
    (row,) = StudyFile.from_json(grid.study().to_json()).theory
    assert row.along == {"model.depth": "power"} and row.band == pytest.approx((0.4, 0.6))
