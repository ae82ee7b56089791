"""Depth before training: signals at initialisation."""

import csv
from pathlib import Path

import torch
from support.commands import call

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


def test_each_network_is_inspected_once(tmp_path: Path) -> None:
    (tmp_path / "seen.yaml").write_text(GRID)
    done = call("inspect-init", "seen.yaml", cwd=tmp_path)
    assert done.stdout.startswith("cell")
    [path] = (tmp_path / "results" / "seen").iterdir()
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["model.shortcut"], row["model.depth"]) for row in rows] == [
        ("identity", "10"), ("identity", "100"), ("none", "10"), ("none", "100"),
    ]  # fmt: skip
    assert float(rows[1]["activation_last"]) > 1e3 > float(rows[3]["activation_last"])
    assert path.suffix == ".csv"
    assert "not available" in call("inspect-init", "seen.yaml", "--device", "tpu", cwd=tmp_path, check=2).stderr


def test_shortcuts_double_what_a_chain_of_dirac_kernels_passes_in_each_unit() -> None:
    run = RunConfig.model_validate(
        {"model": {"family": "cifar", "depth": 20, "width": 2, "norm": "none", "init": "dirac", "unit": "original"}}
    )
    signals = measure_signals(run, torch.device("cpu"))
    assert signals["activation_last"] is not None and signals["activation_first"] is not None
    assert signals["activation_last"] > 2 * signals["activation_first"]
