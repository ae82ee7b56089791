"""Plug-ins of a grid: their mistakes, and what they are to the identity of its runs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from resbench.core.errors import UserError
from resbench.grid.grid import Grid
from resbench.grid.reader import read_grid
from resbench.records.identity import check_identity
from resbench.training.run import RunConfig

GRID = """\
plugins: [{}]
axes:
  model.norm: [batch, mine]
"""
MINE = "from torch import nn\n\nNORMS = {'mine': nn.BatchNorm2d}\n"


def grid(folder: Path, text: str = GRID.format("mine.py"), mine: str = MINE) -> Grid:
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(mine)
    (folder / "own.yaml").write_text(text)
    return read_grid(folder / "own.yaml")


@pytest.mark.parametrize(
    ("text", "mine", "said"),
    [
        (GRID.format("mine.py, mien.py"), MINE, ":1: plugins: {}/mien.py: cannot be read: No such file or directory"),
        (GRID.format("mine.py"), "NORMS = {\n", ":1: plugins: {}/mine.py:1: SyntaxError: '{{' was never closed"),
        (GRID.format("mine.py"), "NORM = {}\n", "(did you mean 'NORMS'?)"),
        (GRID.format("mine.py"), "NORMS = {'batch': 1}\n", "'batch' is a value of resbench already: give it another name"),
        ("# \nplugins: {a: b}\n", MINE, ":2: plugins: {{'a': 'b'}} should be a list of Python files, such as [my_layers.py]"),
        (GRID.format("mine.py").replace(", mine", ", mind"), MINE, "(did you mean 'mine'?)"),
        (GRID.format("mine.py") + "probes: [effective]\n", MINE, "probes: 'effective' is not one of gradients"),
        (GRID.format("mine.py") + "base: {own_code: [abc]}\n", MINE, "own_code: unknown field"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_names_what_is_allowed(text: str, mine: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        grid(tmp_path, text, mine)
    first = caught.value.lines[0]
    assert first.startswith(f"{tmp_path}/own.yaml:") and said.format(tmp_path) in first


def test_two_plugins_of_a_grid_cannot_have_one_value(tmp_path: Path) -> None:
    (tmp_path / "more.py").write_text(MINE)
    with pytest.raises(
        UserError, match=rf":1: plugins: {tmp_path}/more.py: NORMS: 'mine' is a value of .*/mine.py already"
    ):
        grid(tmp_path, GRID.format("mine.py, more.py"))


def test_the_digest_of_a_plugin_is_in_the_identity_of_the_runs_that_use_it_and_its_place_is_not(tmp_path: Path) -> None:
    plain, own = (run.config for run in grid(tmp_path).runs())
    assert plain.id == RunConfig().id and plain.own_code == [] and "own_code" not in plain.model_dump()
    assert own.own_code == [hashlib.sha256(MINE.encode()).hexdigest()[:16]]
    stored = json.loads(own.model_dump_json())
    check_identity(own.id, stored)
    with pytest.raises(ValueError, match="whose config is that of the run"):
        check_identity(own.id, stored | {"own_code": ["0" * 16]})

    (tmp_path / "deep").mkdir()
    moved = [run.id for run in grid(tmp_path / "elsewhere").runs()]
    (tmp_path / "elsewhere" / "mine.py").rename(tmp_path / "deep" / "yours.py")
    (tmp_path / "own.yaml").write_text(GRID.format("deep/yours.py"))
    assert moved == [plain.id, own.id] == [run.id for run in read_grid(tmp_path / "own.yaml").runs()]
    edited = [run.id for run in grid(tmp_path, mine=f"{MINE}# better\n").runs()]
    assert edited[0] == plain.id and edited[1] != own.id


def test_a_grid_has_only_the_values_of_its_own_plugins(tmp_path: Path) -> None:
    """Whatever else is loaded in this process: in another one it would not be there."""
    grid(tmp_path)
    with pytest.raises(UserError, match=r"model.norm: 'mine' is a value of .*/mine.py: add this file to plugins"):
        Grid("other", axes={"model.norm": ["batch", "mine"]})
    other = grid(tmp_path / "other", mine=MINE.replace("BatchNorm2d", "InstanceNorm2d"))
    assert other.runs()[1].id != grid(tmp_path).runs()[1].id
    given = Grid("given", axes={"model.norm": ["batch", "mine"]}, plugins=[str(tmp_path / "mine.py")])
    assert [run.id for run in given.runs()] == [run.id for run in grid(tmp_path).runs()]
    assert given.study().plugins == [str(tmp_path / "mine.py")]
