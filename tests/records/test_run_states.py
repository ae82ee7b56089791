"""How far runs are, and how long they will take, from records, checkpoints and what processes say."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest
from support.studies import accuracy_record, with_accuracies

from resbench.core.files import hidden
from resbench.records.checkpoint_head import encode_head, read_head
from resbench.records.run_states import StateReader
from resbench.records.running import RunningFile, read_running
from resbench.records.store import Store
from resbench.records.time_left import seconds_left
from resbench.training import checkpoint

AXES = {"model.depth": [10, 16]}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two seeds of two depths; those of depth 16 are missing."""
    return Store(with_accuracies(tmp_path, "s", AXES, lambda cell, _: 0.9 if cell["model.depth"] == 10 else "missing"))


def test_each_run_is_what_its_record_its_process_or_its_checkpoint_says(store: Store) -> None:
    reader = StateReader(store)
    before = reader.read()
    assert [run.state for run in before.runs] == ["ok", "ok", "to do", "to do"]
    third, fourth = before.runs[2:]
    hidden(store.work)
    store.running_file(third.id, 2, 0.0).step(0.5)
    store.checkpoint(fourth.id).write_bytes(encode_head(fourth.id, 1, "", [{"train_loss": 0.25}]))
    now = reader.read()
    assert [run.state for run in now.runs] == ["ok", "ok", "running", "begun and interrupted"]
    assert now.runs[2].holder and now.runs[2].holder.epochs == 0.5
    assert now.runs[3].saved == (1, (0.25,))
    store.add(accuracy_record(fourth.id, fourth.cell, 1, "failed"))
    assert [run.id for run in reader.read().of("failed")] == [fourth.id]


def test_a_record_is_read_again_only_when_it_has_changed(store: Store) -> None:
    reader = StateReader(store)
    first = reader.read().runs[0]
    assert reader.read().runs[0].record is first.record
    assert first.record
    store.remove(first.id)
    assert reader.read().runs[0].state == "to do"
    store.add(dataclasses.replace(first.record, metrics={"test_accuracy": 0.5}))
    again = reader.read().runs[0].record
    assert again and again.metrics == {"test_accuracy": 0.5}


def test_records_of_other_settings_are_counted_apart(store: Store) -> None:
    store.add(accuracy_record("f" * 16, {"model.depth": 99}, 0, 0.5))
    state = StateReader(store).read()
    assert (len(state.runs), state.others) == (4, 1)
    store.study_path.unlink()
    state = StateReader(store).read()
    assert (len(state.runs), state.others, state.file) == (3, 0, None)


def test_time_left_is_that_of_all_runs_over_those_side_by_side(store: Store) -> None:
    assert seconds_left(StateReader(store).read().runs, time.time()) is None  # none is trained
    third = StateReader(store).read().runs[2]
    now = time.time()
    hidden(store.work)
    RunningFile(store.work / f"{third.id}.running", 10, 0.0).step(0.0)
    going = read_running(store.work / f"{third.id}.running")
    assert going
    runs = StateReader(store).read().runs
    # 5 of its 10 epochs took 20 s, so that the fourth, of the same cell, takes 40 s
    pace = dataclasses.replace(going, since=now - 20, seen=now, first=0.0, epochs=5.0)
    runs[2] = dataclasses.replace(runs[2], holder=pace)
    assert seconds_left(runs, now) == pytest.approx(20 + 40)
    both = [*runs[:3], dataclasses.replace(runs[3], state="running", holder=pace)]
    assert seconds_left(both, now + 5) == pytest.approx(15)


def test_the_head_of_a_checkpoint_keeps_to_what_earlier_versions_read_of_it(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    history = [{"epoch": float(n), "train_loss": 1.23456789 / (n + 1)} for n in range(5000)]
    checkpoint.save(path, "a" * 16, 5000, {"history": history})  # type: ignore[typeddict-item]
    assert len(path.read_bytes().partition(b"\n")[0]) < 4096
    head = read_head(path)
    assert head.epoch == checkpoint.epoch(path) == 5000
    assert head.losses[-1] == pytest.approx(history[-1]["train_loss"], rel=1e-3)


@pytest.mark.parametrize("losses", ['"text"', "3", "[[1]]", "[null]", "{}", "[1e999]"])
def test_odd_losses_in_the_head_of_a_checkpoint_do_no_harm(losses: str, tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    path.write_text(f'{{"run": "a", "epoch": 3, "sha256": "", "train_loss": {losses}}}\n')
    assert read_head(path).epoch in (0, 3)
