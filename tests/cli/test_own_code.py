"""Reading results executes no code that they name: they may be those of somebody else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.inprocess import resbench as command

RUN = ("--executor", "serial", "--threads", 1, "-j1", "--no-report")
SMALL = "base: {model: {depth: 10, width: 2MODEL}, data: {train_size: 20}, recipe: {epochs: 1}}\n"
LEAVES_A_TRACE = "from pathlib import Path\nPath(__file__).with_name('executed').touch()\n"
CODE = {
    "plugins: [mine.py]\n" + SMALL.replace("MODEL", ", norm: mine"): "from torch import nn\nNORMS = {'mine': nn.BatchNorm2d}\n",
    "trainer: mine.py:train\n": "def train(config, seed, report):\n    return {'test_error': 0.5}\n",
    SMALL.replace("depth: 10, width: 2MODEL", "family: python, entry: mine.py:make"): "from torch import nn\n"
    "def make(channels, size, classes):\n    return nn.Sequential(nn.Flatten(), nn.Linear(channels * size**2, classes))\n",
}  # fmt: skip
CLAIM = "claims: [{says: s, compare: {data.pixels: unit}, to: {data.pixels: raw}, expect: lower}]\n"


@pytest.mark.parametrize("grid", CODE)
def test_results_of_somebody_else_are_read_without_their_code(
    grid: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("g.yaml").write_text(grid + "axes: {data.pixels: [unit, raw]}\nname: g\n" + CLAIM)
    Path("mine.py").write_text(LEAVES_A_TRACE + CODE[grid])
    code, _, err = command("run", "g.yaml", *RUN)
    assert code == 0 and Path("executed").exists(), err
    shutil.rmtree("results/g/.work")  # as of a copy
    Path("executed").unlink()
    Path("mine.py").write_text(f"{LEAVES_A_TRACE}# other\n{CODE[grid]}")
    for words in (
        ["report", "g"],
        ["check", "g"],
        ["status", "g"],
        ["show", "g"],
        ["export", "g", "--to", "csv"],
        ["ls"],
    ):
        code, _, err = command(*words)
        assert "Traceback" not in err and not Path("executed").exists(), (words, err)
        assert words[0] not in ("report", "check") or "g: its grid file, or code of its own that this names" in err
    command("check", "g.yaml")
    assert Path("executed").exists()
