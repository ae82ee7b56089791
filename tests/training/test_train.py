"""One run: the same record each time, also when it is interrupted and continued."""

from pathlib import Path

import pytest

from resbench.records.record import content
from resbench.training import checkpoint
from resbench.training.epoch import Stopped
from resbench.training.run import RunConfig
from resbench.training.train import train

TINY = {
    "model": {"depth": 10, "width": 8},
    "recipe": {"epochs": 2},
    "data": {"train_size": 256, "augment": "shift"},
}


@pytest.mark.parametrize(
    "more",
    [
        {"model": {"depth": 10, "width": 8, "dropout": 0.2}},
        {
            "model": {"depth": 16, "width": 8},
            "recipe": {"epochs": 3, "grow": [10, 16], "optimizer": "adamw", "batch_size": 100, "select": "best_val"},
        },
    ],
)
def test_stopped_after_any_step_and_continued_a_run_leaves_the_same_record(
    tmp_path: Path, more: dict[str, dict[str, object]]
) -> None:
    run = RunConfig.model_validate(TINY | more)
    whole = train(run, tmp_path, threads=1)
    assert whole["status"] == "ok", whole["error"]
    saved, steps, stops = tmp_path / "x.ckpt", 0, 0

    def stop(done: float) -> None:
        nonlocal steps
        steps += 1
        raise Stopped

    while True:
        try:
            record = train(run, tmp_path, threads=1 + bool(stops), saved=saved, progress=stop)
            break
        except Stopped:
            stops += 1
    assert stops == steps == run.recipe.epochs * -(-256 // run.recipe.batch_size)
    assert content(record) == content(whole)
    assert record["weights_sha256"] == whole["weights_sha256"]


def test_continued_where_numbers_are_rounded_otherwise_it_starts_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunConfig.model_validate(TINY)
    saved = tmp_path / "x.ckpt"

    def stop(done: float) -> None:
        if done > 1:
            raise Stopped

    monkeypatch.setattr("resbench.training.device.has_bf16", lambda device: True)
    with pytest.raises(Stopped):
        train(run, tmp_path, threads=1, saved=saved, progress=stop)
    monkeypatch.setattr("resbench.training.device.has_bf16", lambda device: False)
    record = train(run, tmp_path, threads=1, saved=saved)
    assert "begun with cpu bf16" in record["provenance"].pop("warning")
    assert content(record) == content(train(run, tmp_path, threads=1))


def test_one_who_must_not_keep_anything_leaves_the_checkpoint_alone(tmp_path: Path) -> None:
    def stop(done: float) -> None:
        if done > 1.2:
            raise Stopped(keep=False)

    with pytest.raises(Stopped):
        train(RunConfig.model_validate(TINY), tmp_path, threads=1, saved=tmp_path / "x.ckpt", progress=stop)
    state, warning = checkpoint.load(tmp_path / "x.ckpt", RunConfig.model_validate(TINY).id)
    assert state and not warning and state["epoch"] == 1 and state["part"] is None


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


@pytest.mark.parametrize("validated", [10, 0])
def test_a_network_that_its_last_update_breaks_has_diverged(validated: int, tmp_path: Path) -> None:
    """Each loss of training is a number, for it is taken before the update; batch norm keeps the weights finite."""
    run = RunConfig.model_validate(
        {
            "model": {"depth": 34, "width": 4},
            "recipe": {"epochs": 1, "lr": 1000.0, "schedule": "constant", "batch_size": 20},
            "data": {"train_size": 40, "val_size": validated},
        }
    )
    record = train(run, tmp_path, threads=1)
    assert record["status"] == "diverged" and "after the last step" in record["error"]["message"]
    assert "test_accuracy" not in record["metrics"] and record["predictions"] is None
