"""Weights that are saved next to records: the same runs, the same bits, and never those of another run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
import torch
from support.inprocess import resbench
from support.tiny import GRID

import resbench as package
from resbench.core.errors import Stopped, UserError
from resbench.data.loading import load_test
from resbench.execution.task import DONE, STOPPED, Setting, execute_run, execute_together
from resbench.execution.task import Task as RunTask
from resbench.records.record import Record
from resbench.records.store import Store
from resbench.records.weights_file import Which, has_weights, read_weights, weights_path
from resbench.training.run import RunConfig

BASE = {
    "model": {"width": 2, "depth": 10},
    "data": {"train_size": 40, "val_size": 40},
    "recipe": {"epochs": 4, "batch_size": 20, "lr": 0.3, "schedule": "constant"},
    "seed": 1,  # whose second epoch is its best
}


def run_of(**recipe: object) -> RunConfig:
    return RunConfig.model_validate(BASE | {"recipe": {**BASE["recipe"], **recipe}})  # type: ignore[dict-item]


def setting(folder: Path, which: Which | None) -> Setting:
    return Setting(folder, folder, "cpu", 1, (None, False), weights=which)


def do(folder: Path, run: RunConfig, which: Which | None) -> Record:
    assert execute_run(RunTask(run, setting(folder, which))) == DONE
    record = Store(folder).read(run.id)
    assert record
    return record


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Record]:
    """A run whose best weights are saved, trained without a break."""
    folder = tmp_path_factory.mktemp("alone")
    return folder, do(folder, run_of(), "best")


def test_the_best_weights_are_those_that_a_run_which_tests_its_best_epoch_ends_with(
    alone: tuple[Path, Record], tmp_path: Path
) -> None:
    folder, record = alone
    plain, selecting = do(tmp_path, run_of(), None), do(tmp_path, run_of(select="best_val"), "last")
    assert record.content() == plain.content() and record.metrics["epoch"] == 4
    accuracies = [row["val_accuracy"] or 0.0 for row in record.history]
    best = accuracies.index(max(accuracies)) + 1
    assert best == 2 and selecting.metrics["epoch"] == best  # else the two would be one
    names = package.network(folder, record.id, which="best").state_dict()
    weights = read_weights(weights_path(folder, record.id, "best"), names)
    assert (weights.epoch, weights.sha256) == (best, selecting.weights_sha256)
    last = read_weights(weights_path(tmp_path, selecting.id, "last"), names)
    assert (last.epoch, last.sha256) == (4, record.weights_sha256)


@pytest.mark.parametrize("before", ["best", None])  # without, the best of the first epochs is gone: it starts over
def test_a_run_that_was_interrupted_saves_the_same_bytes(
    before: Which | None, alone: tuple[Path, Record], tmp_path: Path
) -> None:
    folder, record = alone

    def stop(epochs: float) -> None:
        if epochs > 3:
            raise Stopped

    task = RunTask(run_of(), setting(tmp_path, before))
    assert execute_run(task, stop) == STOPPED and Store(tmp_path).checkpoint(record.id).exists()
    again = do(tmp_path, run_of(), "best")
    assert again.content() == record.content()
    assert ("starts over" in again.provenance.text("warning")) == (before is None)
    assert (
        weights_path(tmp_path, record.id, "best").read_bytes() == weights_path(folder, record.id, "best").read_bytes()
    )


def test_runs_side_by_side_save_what_each_saves_alone(alone: tuple[Path, Record], tmp_path: Path) -> None:
    folder, record = alone
    runs = [run_of(), run_of().with_seed(2)]
    assert execute_together([RunTask(run, setting(tmp_path, "best")) for run in runs]) == [DONE, DONE]
    assert (
        weights_path(tmp_path, record.id, "best").read_bytes() == weights_path(folder, record.id, "best").read_bytes()
    )
    assert weights_path(tmp_path, runs[1].id, "best").is_file()


def test_a_task_carries_which_weights_as_text(tmp_path: Path) -> None:
    task = RunTask(run_of(), setting(tmp_path, "best"))
    assert RunTask.from_json(task.to_json()) == task
    old = json.loads(task.to_json())
    del old["setting"]["weights"]
    assert RunTask.from_json(json.dumps(old)).setting.weights is None


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The two runs of the tiny study, done with saved weights by the command line."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(GRID)
    assert resbench(*RUN)[0] == 0
    return Store(Path("results/tiny"))


RUN = ["run", "tiny.yaml", "--save-weights", "last", "--executor", "serial", "--threads", "1", "--no-report"]


def test_what_is_saved_is_the_network_of_the_record(tiny: Store) -> None:
    record = tiny.records()[0]
    trained = package.network("tiny", record.id[:6])
    assert not trained.training and list(Path("results/tiny/weights").glob(".gitignore"))
    test = load_test(RunConfig.model_validate(record.config).data, Path(), torch.device("cpu"))
    with torch.no_grad():
        wrong = trained(trained.normalizer(test.images)).argmax(1) != test.labels  # type: ignore[operator]
    assert int(wrong.sum()) / len(test) == pytest.approx(record.metrics["test_error"], abs=2 / len(test))
    twin = package.network(record)  # trained again
    assert all(
        bool((a == b).all()) for a, b in zip(trained.state_dict().values(), twin.state_dict().values(), strict=True)
    )


def test_a_run_without_its_weights_is_trained_again_and_its_record_stays(tiny: Store) -> None:
    first = tiny.records()[0]
    before = tiny.path(first.id).read_bytes()
    weights_path(tiny.folder, first.id, "last").unlink()
    code, _, err = resbench(*RUN)
    assert code == 0 and "1 run that is done without saved weights" in err and "1 run to do, 1 done" in err
    assert tiny.path(first.id).read_bytes() == before and weights_path(tiny.folder, first.id, "last").is_file()
    assert "nothing to do" in resbench(*RUN)[1]


def test_other_weights_than_the_recorded_are_named_with_their_likely_cause_and_not_saved(tiny: Store) -> None:
    record = tiny.records()[0]
    facts = {**record.provenance.facts, "versions": {"torch": "1.0"}}
    other = dataclasses.replace(
        record, weights_sha256=hashlib.sha256().hexdigest(), provenance=type(record.provenance)(facts)
    )
    tiny.path(record.id).write_text(other.to_json())
    for words in (RUN, ["weights", "tiny", record.id]):
        code, _, err = resbench(*words)
        assert code == 1 and "other weights" in err.splitlines()[-1]
        assert "likely because of torch 1.0 then and" in err.splitlines()[-1]
    assert tiny.path(record.id).read_text() == other.to_json()
    assert not list(tiny.work.glob("*.unsaved"))


def test_weights_come_from_the_file_else_from_training_and_a_damaged_file_is_replaced(tiny: Store) -> None:
    record = tiny.records()[0]
    path = weights_path(tiny.folder, record.id, "last")
    content = path.read_bytes()
    for damage in (content[:-1] + bytes([content[-1] ^ 1]), content[:100], b""):
        path.write_bytes(damage)
        code, out, err = resbench("weights", "tiny", record.id[:8], "--out", "copy/w.safetensors")
        assert (code, out) == (0, "copy/w.safetensors\n") and "trained again" in err
        assert path.read_bytes() == content == Path("copy/w.safetensors").read_bytes()
    assert resbench("weights", "tiny", record.id) == (0, f"{path}\n", "")


def test_a_run_that_is_forgotten_takes_its_weights_along(tiny: Store) -> None:
    first = tiny.records()[0]
    assert resbench("rm", "tiny", first.id, "-y")[0] == 0
    assert not weights_path(tiny.folder, first.id, "last").exists()
    assert resbench(*RUN, "--save-weights", "best", "--fresh")[0] == 0
    assert {path.name[17:21] for path in tiny.folder.glob("weights/*.safetensors")} == {"best"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "tiny.yaml", "--save-weights", "bests"], "--save-weights bests: use one of last, best"),
        (["run", "tiny.yaml", "data.val_size=0", "name=t", "--save-weights", "best"], "set data.val_size above 0"),
        (["weights", "tiny", "zz"], "no run of it has such an id"),
        (["weights", "tine", "zz"], "no such study; there are: "),
    ],
)
def test_mistakes_are_one_line_and_train_nothing(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(GRID)
    Store(Path("results/tiny")).folder.mkdir(parents=True)
    Path("results/tiny/study.json").write_text('{"schema": 1, "runs": []}')
    code, out, err = resbench(*words)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1
    assert not Store(Path("results/tiny")).ids()


def test_no_command_that_a_record_names_is_executed(alone: tuple[Path, Record], tmp_path: Path) -> None:
    """A person who can write a record can give it the right id."""
    config = RunConfig.model_validate(BASE | {"trainer": {"command": f"touch {tmp_path / 'executed'}"}})
    record = dataclasses.replace(alone[1], id=config.id, config=config.model_dump(mode="json"))
    record.check_identity()
    Store(tmp_path / "s").add(record)
    for given in ((record,), (tmp_path / "s", record.id)):
        with pytest.raises(UserError, match="training code of its own did it"):
            package.network(*given)
    assert not (tmp_path / "executed").exists()


def test_weights_of_the_best_epoch_are_not_taken_for_the_last(alone: tuple[Path, Record], tmp_path: Path) -> None:
    folder, record = alone
    path = weights_path(tmp_path, record.id, "last")
    path.parent.mkdir()
    path.write_bytes(weights_path(folder, record.id, "best").read_bytes())
    assert has_weights(folder, record, "best") and not has_weights(tmp_path, record, "last")
