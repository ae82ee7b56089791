"""The plain loop, which is part of the package."""

from pathlib import Path

import pytest

from resbench.benchmark.measure import measure
from resbench.training.run import RunConfig
from resbench.training.timing import Protocol


def test_it_is_timed_in_turn_with_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where no repository is
    data = {"name": "mnist-5k", "train_size": 128, "val_size": 0}
    run = RunConfig.model_validate({"model": {"depth": 10, "width": 4}, "data": data, "recipe": {"batch_size": 16}})
    metrics = measure(run, Protocol("cpu", 1, seconds=0.0, least=2, plain=tmp_path)).metrics
    assert metrics["plain_images_per_second"] and metrics["train_images_per_second"] and metrics["speedup"]
