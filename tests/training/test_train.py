"""One run: the same record each time, also when it is interrupted and continued."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support.runs import TINY, stop_after

from resbench.core.errors import Stopped
from resbench.core.version import Revision
from resbench.records.record import Row
from resbench.training import checkpoint
from resbench.training.observer import Moment, Observer, View
from resbench.training.run import RunConfig
from resbench.training.train import train


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
    assert whole.status == "ok", whole.error
    saved, stops = tmp_path / "x.ckpt", 0
    while True:
        try:
            record = train(run, tmp_path, threads=1 + bool(stops), saved=saved, observer=stop_after(0))
            break
        except Stopped:
            stops += 1
    assert stops == run.recipe.epochs * -(-256 // run.recipe.batch_size)
    assert record.content() == whole.content()
    assert record.weights_sha256 == whole.weights_sha256
    assert record.curve and len(record.curve.train_loss) == run.recipe.epochs


class Ends(Observer):
    """Stops the run at the end of an epoch, and notes which ones the checkpoint had."""

    def __init__(self, path: Path, stop: int, keep: bool = True) -> None:
        self.path, self.stop, self.keep = path, stop, keep
        self.saved: list[int] = []

    def epoch(self, history: Sequence[Row]) -> None:
        self.saved.append(checkpoint.epoch(self.path))
        if len(history) == self.stop:
            raise Stopped(keep=self.keep)


@pytest.mark.parametrize(("save_every", "seen"), [(None, [1, 2, 3]), (0.0, [1, 2, 3]), (1e6, [0, 0, 3])])
def test_an_epoch_is_saved_if_it_is_due_the_last_always_and_one_in_which_a_run_is_stopped(
    save_every: float | None, seen: list[int], tmp_path: Path
) -> None:
    run = RunConfig.model_validate(TINY | {"recipe": {"epochs": 3}})
    path = tmp_path / "x.ckpt"
    ends = Ends(path, stop=0)
    whole = train(run, tmp_path, threads=1, saved=path, observer=ends, save_every=save_every)
    assert ends.saved == seen
    path.unlink()
    with pytest.raises(Stopped):
        train(run, tmp_path, threads=1, saved=path, observer=Ends(path, 2, keep=False), save_every=save_every)
    assert checkpoint.epoch(path) == seen[1]  # another process has the run: its checkpoint is left alone
    path.unlink(missing_ok=True)
    with pytest.raises(Stopped):
        train(run, tmp_path, threads=1, saved=path, observer=Ends(path, 2), save_every=save_every)
    assert checkpoint.epoch(path) == 2
    assert train(run, tmp_path, threads=1, saved=path).content() == whole.content()


class Diary(Observer):
    """Notes every call."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def step(self, epochs: float) -> None:
        self.calls.append(f"step {epochs:g}")

    def epoch(self, history: Sequence[Row]) -> None:
        self.calls.append(f"epoch {len(history)}")

    def look(self, when: Moment, view: View) -> None:
        self.calls.append(f"{when} {view.epoch} with {len(view.images)} images")


def test_an_observer_is_called_at_every_moment_and_changes_nothing(tmp_path: Path) -> None:
    run = RunConfig.model_validate(TINY)
    diary = Diary()
    record = train(run, tmp_path, threads=1, observer=diary)
    assert diary.calls == [
        "trained 0 with 256 images", "step 0.5", "step 1", "trained 1 with 256 images", "epoch 1",
        "step 1.5", "step 2", "trained 2 with 256 images", "epoch 2",
        "ended 2 with 256 images", "tested 2 with 1000 images",
    ]  # fmt: skip
    assert record.content() == train(run, tmp_path, threads=1).content()


def test_an_untested_run_has_no_test_metrics(tmp_path: Path) -> None:
    diary = Diary()
    record = train(RunConfig.model_validate(TINY), tmp_path, threads=1, observer=diary, tested=False)
    assert record.status == "ok" and record.predictions is None and record.provenance.test_sha256 is None
    assert not any("test" in name for name in [*record.metrics, *diary.calls])


def test_continued_where_numbers_are_rounded_otherwise_it_starts_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunConfig.model_validate(TINY)
    saved = tmp_path / "x.ckpt"
    monkeypatch.setattr("resbench.training.device.has_bf16", lambda device: True)
    with pytest.raises(Stopped):
        train(run, tmp_path, threads=1, saved=saved, observer=stop_after(1))
    monkeypatch.setattr("resbench.training.device.has_bf16", lambda device: False)
    record = train(run, tmp_path, threads=1, saved=saved)
    assert "begun with cpu bf16" in record.provenance.text("warning")
    assert record.content() == train(run, tmp_path, threads=1).content()


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("training.provenance.cpu_capability", lambda: "ELSE", "cpu_capability ELSE"),
        ("training.provenance.device_name", lambda device: "another chip", "device_name another chip"),
        ("training.provenance.source_hash", lambda: "source:eeeeeeeeeeee", "source eeeeeeeeeeee"),
        ("training.provenance.torch.__version__", "1.13.1", "versions.torch 1.13.1"),
    ],
)
def test_continued_by_other_arithmetic_a_run_starts_over_and_says_why(
    place: str, value: object, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, saved = RunConfig.model_validate(TINY), tmp_path / "x.ckpt"
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(f"resbench.{place}", value)
        with pytest.raises(Stopped):
            train(run, tmp_path, threads=1, saved=saved, observer=stop_after(1))
    record = train(run, tmp_path, threads=1, saved=saved)
    warning = record.provenance.text("warning")
    assert words in warning and "and here it is" in warning and warning.endswith("the run starts over")
    assert warning.isprintable() and record.provenance.text(words.split()[0]) != words.partition(" ")[2]
    assert record.content() == train(run, tmp_path, threads=1).content()


@pytest.mark.parametrize(("code", "again"), [(("a", False), False), (("a", True), True), (("b", False), True)])
def test_a_run_is_continued_by_the_revision_that_began_it(code: Revision, again: bool, tmp_path: Path) -> None:
    run, saved = RunConfig.model_validate(TINY), tmp_path / "x.ckpt"
    with pytest.raises(Stopped):
        train(run, tmp_path, threads=1, saved=saved, observer=stop_after(1), code=("a", False))
    diary = Diary()
    record = train(run, tmp_path, threads=1, saved=saved, observer=diary, code=code)
    assert ("step 0.5" in diary.calls) == again == bool(record.provenance.text("warning"))


def test_a_run_that_was_begun_with_other_images_starts_over(tmp_path: Path) -> None:
    run, saved = RunConfig.model_validate(TINY), tmp_path / "x.ckpt"
    with pytest.raises(Stopped):
        train(run, tmp_path, threads=1, saved=saved, observer=stop_after(1))
    state, _ = checkpoint.load(saved, run.id)
    assert state
    state["data_sha256"] = "e" * 64
    checkpoint.save(saved, run.id, state["epoch"], state)
    record = train(run, tmp_path, threads=1, saved=saved)
    assert "begun with the data eeeeeeeeeeee, and here they are" in record.provenance.text("warning")
    assert record.content() == train(run, tmp_path, threads=1).content()


def test_stopped_without_keeping_its_state_a_run_leaves_the_checkpoint_alone(tmp_path: Path) -> None:
    run, saved = RunConfig.model_validate(TINY), tmp_path / "x.ckpt"
    with pytest.raises(Stopped):
        train(run, tmp_path, threads=1, saved=saved, observer=stop_after(1.2, keep=False))
    state, warning = checkpoint.load(saved, run.id)
    assert state and not warning and state["epoch"] == 1 and state.get("part") is None


def test_a_checkpoint_without_the_entries_that_came_later_is_continued(tmp_path: Path) -> None:
    run, saved = RunConfig.model_validate(TINY), tmp_path / "x.ckpt"
    with pytest.raises(Stopped):
        train(run, tmp_path, threads=1, saved=saved, observer=stop_after(1.2, keep=False))
    state, _ = checkpoint.load(saved, run.id)
    assert state
    del state["probes"], state["part"]
    checkpoint.save(saved, run.id, state["epoch"], state)
    record = train(run, tmp_path, threads=1, saved=saved)
    assert "warning" not in record.provenance.facts
    assert record.content() == train(run, tmp_path, threads=1).content()
    del state["curve"]
    checkpoint.save(saved, run.id, state["epoch"], state)
    assert train(run, tmp_path, threads=1, saved=saved).content() == replace(record, curve=None).content()


def test_a_loss_that_is_not_finite_is_a_result(tmp_path: Path) -> None:
    run = RunConfig.model_validate(
        {
            "model": {"depth": 100, "width": 8, "norm": "none"},
            "recipe": {"epochs": 1, "lr": 1000.0, "schedule": "constant"},
            "data": {"train_size": 256, "pixels": "raw"},
        }
    )
    record = train(run, tmp_path, threads=1)
    assert record.status == "diverged" and record.error
    assert record.error.details["step"] == 1
    assert record.curve and len(record.curve.train_loss) == 1  # of the step before
    assert "test_accuracy" not in record.metrics


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
    assert record.status == "diverged" and record.error and "after the last step" in record.error.message
    assert "test_accuracy" not in record.metrics and record.predictions is None


def test_what_training_cannot_do_is_recorded_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*arguments: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("resbench.training.course.one_epoch", exhausted)
    record = train(RunConfig.model_validate(TINY), tmp_path, threads=1)
    assert record.status == "failed" and record.error
    assert (record.error.kind, record.error.message) == ("out of memory", "no room")
    assert "exhausted" in str(record.error.details["traceback"])


@pytest.mark.parametrize("graph", ["network", "step"])
def test_odd_batches_of_narrow_networks_do_not_crash_with_two_threads(graph: str, tmp_path: Path) -> None:
    """In a process of its own, which a crash of torch would end."""
    code = f"""
import sys
import resbench
from resbench.training.run import RunConfig
run = RunConfig.model_validate({{"model": {{"depth": 10, "width": 8}}, "data": {{"train_size": 188, "val_size": 0}},
    "recipe": {{"epochs": 1, "batch_size": 63, "precision": "bf16"}}}})
record = resbench.train(run, {str(tmp_path)!r}, threads=2, graph={graph!r}, tested=False)
print(record.status, record.provenance.threads)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ok 2\n"), done.stderr
