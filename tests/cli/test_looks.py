"""A grid with a plan of looks, trained by the real command line."""

from __future__ import annotations

from pathlib import Path

from support.commands import record_files
from support.inprocess import resbench

import resbench as package
from resbench.records.store import Store

GRID = """\
name: tiny
base:
  model: {depth: 10, width: 4}
  data: {train_size: 64}
  recipe: {epochs: 1}
axes:
  recipe.lr: [0.2, 0.21]
seeds: {looks: [5, 6]}
claims:
  - {says: a hair matters, compare: {recipe.lr: 0.2}, to: {recipe.lr: 0.21}, expect: lower, margin: 0}
"""


def test_one_command_trains_look_by_look(tmp_path: Path) -> None:
    file, results = tmp_path / "tiny.yaml", tmp_path / "results"
    file.write_text(GRID)
    words = [file, "--results", results, "--executor", "serial", "--threads", 1]
    code, out, err = resbench("run", *words, "--no-report", "--only", "seed<4")
    assert code == 0 and len(record_files(results / "tiny")) == 8
    assert "look " not in err  # its first look has not ended
    code, out, err = resbench("run", *words, "--no-report")
    looks = [line for line in err.splitlines() if line.startswith("look ")]
    runs = len(record_files(results / "tiny"))
    assert code == 0 and looks[0].startswith("look 1 of 2 (5 seeds): ") and looks[-1].endswith("no cell goes on")
    assert runs == (12 if "2 cells go on to 6 seeds" in looks[0] else 10)
    code, out, err = resbench("run", *words)
    assert f"nothing to do: all {runs} runs have their records" in out and looks[-1] in err
    study = Store(results / "tiny").study()
    assert study and len(study.runs) == len(package.load(results / "tiny")) == runs
    assert not (results / "tiny" / "looks.json").exists()
    frame = package.run(package.read_grid(file), results=results)
    assert len(frame) == runs
