"""One run: the same record each time, also when it is interrupted and continued."""

from pathlib import Path

import pytest

from resbench.record import content
from resbench.run_config import RunConfig
from resbench.train import Stopped, train

TINY = {
    "model": {"depth": 10, "width": 8},
    "recipe": {"epochs": 2},
    "data": {"train_size": 256, "augment": "shift"},
}


def test_interrupted_run_leaves_the_record_of_an_undisturbed_one(tmp_path: Path) -> None:
    run = RunConfig.model_validate(TINY | {"model": {"depth": 10, "width": 8, "dropout": 0.2}})
    whole = train(run, tmp_path, threads=1)

    def stop(done: float) -> None:
        if done > 1.2:
            raise Stopped

    with pytest.raises(Stopped):
        train(run, tmp_path, threads=1, saved=tmp_path / "x.ckpt", progress=stop)
    resumed = train(run, tmp_path, threads=2, saved=tmp_path / "x.ckpt")
    assert whole["status"] == "ok", whole["error"]
    assert content(resumed) == content(whole)
    assert resumed["weights_sha256"] == whole["weights_sha256"]


def test_a_loss_that_is_not_finite_is_a_result(tmp_path: Path) -> None:
    run = RunConfig.model_validate(
        {
            "model": {"depth": 100, "width": 8, "norm": "none"},
            "recipe": {"epochs": 1, "lr": 1000.0, "schedule": "constant"},
            "data": {"train_size": 256, "pixels": "raw"},
        }
    )
    record = train(run, tmp_path, threads=1)
    assert record["status"] == "diverged"
    assert record["error"]["step"] >= 1
    assert "test_accuracy" not in record["metrics"]
