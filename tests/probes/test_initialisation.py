"""Depth before training: signals at initialisation."""

import csv
from pathlib import Path

import pytest
import torch
from support.inprocess import resbench

from resbench.probes.initialisation import measure_signals
from resbench.training.run import RunConfig

GRID = """name: seen
base:
  model: {width: 2, norm: none}
axes:
  model.shortcut: [identity, none]
  model.depth: [10, 100]
  recipe.lr: [0.1, 0.2]
seeds: 3
"""


def test_each_network_is_inspected_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("seen.yaml").write_text(GRID)
    code, out, _ = resbench("inspect-init", "seen.yaml")
    assert code == 0 and out.startswith("cell")
    [path] = (tmp_path / "results" / "seen").iterdir()
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["model.shortcut"], row["model.depth"]) for row in rows] == [
        ("identity", "10"), ("identity", "100"), ("none", "10"), ("none", "100"),
    ]  # fmt: skip
    assert float(rows[1]["activation_last"]) > 1e3 > float(rows[3]["activation_last"])
    assert path.suffix == ".csv"
    code, _, err = resbench("inspect-init", "seen.yaml", "--device", "tpu")
    assert code == 2 and "not available" in err


def test_shortcuts_double_what_a_chain_of_dirac_kernels_passes_in_each_unit() -> None:
    run = RunConfig.model_validate(
        {"model": {"family": "cifar", "depth": 20, "width": 2, "norm": "none", "init": "dirac", "unit": "original"}}
    )
    signals = measure_signals(run, torch.device("cpu"))
    assert signals["activation_last"] is not None and signals["activation_first"] is not None
    assert signals["activation_last"] > 2 * signals["activation_first"]
