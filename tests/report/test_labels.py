"""Fields and values are called what people call them, and what the grid file says comes first."""

from __future__ import annotations

from pathlib import Path

import pytest

from resbench.core.errors import UserError
from resbench.grid.reader import read_grid
from resbench.grid.source import FIELDS
from resbench.records.study_file import StudyFile
from resbench.report.labels import Labels

GRID = "axes:\n  model.depth: [10, 34]\n  model.shortcut: [identity, none]\n"
OWN = 'labels:\n  model.depth: "depth {}"\n  model.shortcut: {none: plain}\n'


def grid_file(folder: Path, text: str) -> StudyFile:
    path = folder / "g.yaml"
    path.write_text(text)
    return read_grid(path).study()


def test_no_field_is_called_by_its_path() -> None:
    labels = Labels()
    for path in FIELDS:
        for value in ("none", "some_value", 3, 0.5, True, False, [10, 34]):
            text = labels.value(path, value)
            assert text and path not in text and "_" not in text.replace("some_value", "")
        assert "_" not in labels.name(path) and "." not in labels.name(path)


def test_values_of_one_form_share_it() -> None:
    labels = Labels()
    assert labels.values("model.depth", [34, 58, 100]) == "34, 58 and 100 layers"
    assert labels.values("model.convs_per_unit", [1]) == "1 convolution per unit"
    assert labels.values("model.shortcut", ["identity", "none"]) == "identity shortcuts and no shortcut"
    assert labels.value("recipe.grad_clip", 1.0) == "gradients clipped at 1"
    assert labels.value("model.gate_bias", -6.0) == "gate bias −6"


def test_the_words_of_a_grid_file_come_first_and_leave_its_runs_alone(tmp_path: Path) -> None:
    said, bare = grid_file(tmp_path, GRID + OWN), grid_file(tmp_path, GRID)
    labels = Labels(said.labels)
    assert labels.cell({"model.depth": 34, "model.shortcut": "none"}) == "depth 34, plain"
    assert labels.value("model.shortcut", "identity") == "identity shortcuts"
    assert [run.id for run in said.runs] == [run.id for run in bare.runs]
    assert "labels" not in bare.to_json() and StudyFile.from_json(said.to_json()).labels == said.labels


@pytest.mark.parametrize(
    ("labels", "mistake"),
    [
        ("labels: {model.dept: x}\n", "labels: model.dept is not a field (did you mean 'model.depth'?)"),
        (
            "labels: {model.depth: 3}\n",
            'labels: model.depth: 3 should be a name such as depth, a form such as "{} layers"',
        ),
        ("labels: {model.depth: {10: }}\n", "labels: model.depth: {'10': None} should be a name"),
        ("labels: [model.depth]\n", "labels: ['model.depth'] should be a mapping of fields to words"),
    ],
)
def test_a_mistake_in_labels_is_one_line(labels: str, mistake: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        grid_file(tmp_path, GRID + labels)
    (line,) = caught.value.lines
    assert line.startswith(f"{tmp_path / 'g.yaml'}:4: {mistake}")


def test_a_word_that_tells_a_network_apart_needs_no_other_field_of_it() -> None:
    cells = [
        {"model.branch": "plain", "model.norm": "batch"},
        {"model.branch": "fixup", "model.norm": "none"},
    ]
    assert Labels({}, cells).pair(cells[1], cells[0]) == ("Fixup", "plain branches")
    trained = [{"model.norm": "batch", "recipe.epochs": 2}, {"model.norm": "none", "recipe.epochs": 3}]
    assert Labels({}, trained).pair(*trained) == ("batch norm + 2 epochs", "no norm + 3 epochs")
