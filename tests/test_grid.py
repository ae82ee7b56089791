"""Grid files: what they expand to, and that every mistake is told at once."""

from pathlib import Path

import pytest

from resbench.errors import UserError
from resbench.grid import Grid

ABLATIONS = sorted(Path("ablations").glob("*.yaml"))


@pytest.mark.parametrize("path", ABLATIONS, ids=lambda path: path.stem)
def test_shipped_grid_files_load(path: Path) -> None:
    grid = Grid.load(path)
    assert grid.runs() and grid.about.startswith("Question")


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "base:\n  model: {shortcut: identty}\n  recipe: {epochs: '3'}\naxes:\n  model.detph: [3]\nseeds: 0\nseeds: 5\n"
    )
    with pytest.raises(UserError) as caught:
        Grid.load(path)
    assert [line.split(": ")[0].rsplit(":", 1)[1] for line in caught.value.lines] == ["2", "3", "5", "6", "7"]
    assert "did you mean 'identity'?" in caught.value.lines[0]


def test_inactive_fields_do_not_train_twice(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text("axes:\n  model.shortcut: [identity, exclusive_gate]\n  model.gate_bias: [-6.0, -3.0]\n")
    assert len(Grid.load(path).runs()) == 3
