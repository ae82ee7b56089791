"""Long frames of a study, and its export to other tools: every number, and only the runs of its grid."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
from support.inprocess import resbench
from support.studies import accuracy_record, make, noise

import resbench as package
from resbench.records.store import Store
from resbench.records.study_file import StudyFile

AXES = {"model.depth": [10, 16], "model.shortcut": ["identity", "none"]}
LEFT = "f" * 16  # a run that is no longer in the grid


@pytest.fixture(autouse=True)
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two seeds of four cells, one run that diverged, and one of an earlier grid."""

    def outcome(cell, seed, draw):  # type: ignore[no-untyped-def]
        gone = cell == {"model.depth": 16, "model.shortcut": "none"} and seed
        return "diverged" if gone else noise(lambda _: 0.1, 100)(cell, seed, draw)

    monkeypatch.chdir(tmp_path)
    make(Path("results"), "s", AXES, 2, outcome)
    store = Store(Path("results/s"))
    store.add(accuracy_record(LEFT, {"model.depth": 22, "model.shortcut": "none"}, 0, 0.9))
    return store


def test_the_history_has_a_row_for_each_epoch_of_each_run_of_the_grid(study: Store) -> None:
    frame = package.history("s")
    records = {record.id: record for record in study.records() if record.id != LEFT}
    assert list(frame.columns[:6]) == ["id", "status", "seed", *AXES, "epoch"]
    assert {run_id: list(rows["epoch"]) for run_id, rows in frame.groupby("id")} == {
        run_id: [row["epoch"] for row in record.history] for run_id, record in records.items() if record.history
    }
    row = frame.iloc[-1]
    assert row["train_accuracy"] == records[row["id"]].history[-1]["train_accuracy"]
    assert row["model.depth"] == records[row["id"]].settings["model.depth"]
    everything = package.history(Path("results/s"), all=True)
    assert set(everything.loc[~everything["in_grid"], "id"]) == {LEFT} and LEFT not in set(frame["id"])


def test_a_run_that_two_cells_share_is_there_once_and_names_the_other(study: Store) -> None:
    file = study.study()
    assert file
    twin = file.runs[0].model_copy(update={"cell": {"model.depth": 34, "model.shortcut": "identity"}})
    study.write_study(StudyFile.from_json(file.model_copy(update={"runs": [*file.runs, twin]}).to_json()))
    frame = package.history("s")
    rows = frame[frame["id"] == file.runs[0].id]
    assert list(rows["epoch"]) == list(range(1, len(rows) + 1)) and set(rows["model.depth"]) == {10}
    assert set(rows["also"]) == {"model.depth=34 model.shortcut=identity"}


def test_predictions_are_those_of_the_records(study: Store) -> None:
    frame = package.predictions("s")
    assert list(frame.columns) == ["id", "image", "wrong"]
    errors = frame.groupby("id", observed=True)["wrong"].mean().to_dict()
    assert errors == pytest.approx({one.id: one.metrics["test_error"] for one in study.records() if one.predictions})
    first = study.records()[0]
    rows = frame[frame["id"] == first.id]
    assert first.predictions and list(rows["wrong"]) == list(first.predictions.errors())
    assert frame.memory_usage(deep=True).sum() < 8 * len(frame) + 5000


def export(to: str, *words: str) -> list[str]:
    code, out, err = resbench("export", "s", "--to", to, *words)
    assert (code, err) == (0, "")
    return out.splitlines()


def test_csv_has_the_three_frames_and_the_same_bytes_each_time(study: Store) -> None:
    paths = [Path(line) for line in export("csv")]
    assert paths == [Path("exports/s/csv") / f"{name}.csv" for name in ("runs", "history", "predictions")]
    before = [path.read_bytes() for path in paths]
    assert export("csv") == list(map(str, paths)) and [path.read_bytes() for path in paths] == before
    runs, history, predictions = (pd.read_csv(path, dtype={"id": str}) for path in paths)
    assert (
        len(runs) == 8
        and len(history) == len(package.history("s"))
        and len(predictions) == len(package.predictions("s"))
    )
    errors = package.load("results/s")["metrics.test_error"].dropna()
    assert list(runs["metrics.test_error"].dropna()) == pytest.approx(list(errors))
    everything = pd.read_csv(export("csv", "--all", "--out", "more")[0], dtype={"id": str})
    assert len(everything) == 9 and LEFT in set(everything["id"])


def test_parquet_keeps_types_and_takes_columns_of_several(study: Store) -> None:
    pytest.importorskip("pyarrow")
    for number, settings in (
        (6, {"recipe.grow": [10, 16], "recipe.grad_clip": 0.5}),
        (7, {"recipe.grad_clip": "none"}),
    ):
        study.remove(f"{number:016x}")
        cell = {"model.depth": 16, "model.shortcut": "none", **settings}
        assert study.add(accuracy_record(f"{number:016x}", cell, number - 6, 0.9))
    runs, history, predictions = (pd.read_parquet(line) for line in export("parquet"))
    assert [len(runs), len(history)] == [8, len(package.history("s"))]
    assert predictions["wrong"].dtype == bool and predictions["wrong"].equals(package.predictions("s")["wrong"])
    assert list(runs["recipe.grad_clip"].dropna()) == ["0.5", "none"] and "[10, 16]" in set(runs["recipe.grow"])


def test_tensorboard_has_each_epoch_of_each_run() -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert export("tensorboard")[1] == "next: tensorboard --logdir exports/s/tensorboard"
    folders = sorted(Path("exports/s/tensorboard").iterdir())
    assert len(folders) == 8 and "model.depth=10_model.shortcut=identity_seed=0-00000000" in folders[0].name
    events = EventAccumulator(str(folders[0])).Reload()
    history = package.history("s")
    expected = history[history["id"] == "0" * 16]
    assert [event.step for event in events.Scalars("train_accuracy")] == list(expected["epoch"])
    assert [event.value for event in events.Scalars("train_accuracy")] == pytest.approx(
        expected["train_accuracy"].tolist()
    )
    code, out, err = resbench("export", "s", "--to", "tensorboard")
    assert (code, out) == (2, "") and "something is there" in err and err.count("\n") == 1


def test_mlflow_has_settings_results_and_each_epoch(study: Store) -> None:
    pytest.importorskip("mlflow")
    export("mlflow", "--out", "to")
    from mlflow.tracking import MlflowClient

    client = MlflowClient("sqlite:///to/mlflow.db")
    experiment = client.get_experiment_by_name("s")
    runs = {run.data.tags["resbench.id"]: run for run in client.search_runs([experiment.experiment_id])}
    assert runs.keys() == study.ids() - {LEFT}
    first = runs["0" * 16]
    assert (
        first.data.params["model.depth"] == "10"
        and first.data.metrics["test_error"] == study.records()[0].metrics["test_error"]
    )
    steps = [one.step for one in client.get_metric_history(first.info.run_id, "train_accuracy")]
    assert sorted(steps) == [1, 2, 3]


def test_wandb_writes_runs_offline(study: Store) -> None:
    pytest.importorskip("wandb")
    assert "wandb sync" in export("wandb", "--out", "to")[1]
    files = {path.stem.removeprefix("run-"): path for path in Path("to/wandb").glob("offline-run-*/run-*.wandb")}
    assert files.keys() == study.ids() - {LEFT}
    assert all(word in files["0" * 16].read_bytes() for word in (b"train_accuracy", b"test_error", b"shortcut"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["s", "--to", "tensorbord"],
            "--to tensorbord: use one of csv, parquet, tensorboard, mlflow, wandb (did you mean",
        ),
        (["t", "--to", "csv"], "no such study; there are: s"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str) -> None:
    code, out, err = resbench("export", *words)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1


def test_a_missing_extra_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [])  # nothing new can be found
    for name in ("mlflow", "wandb"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        assert resbench("export", "s", "--to", name) == (
            2,
            "",
            f"--to {name}: needs {name}: pip install 'resbench[{name}]'\n",
        )
