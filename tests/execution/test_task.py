"""One run by whatever process: it leaves its record, or the state to go on from, and never both machines' work."""

from __future__ import annotations

import dataclasses
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from resbench.core.errors import Stopped
from resbench.execution.task import BUSY, DONE, STOPPED, Setting, Task, execute_run, execute_together
from resbench.records.store import Store
from resbench.training.run import RunConfig


def tiny(epochs: int) -> RunConfig:
    config: dict[str, Any] = {"model": {"width": 2, "depth": 10}, "data": {"train_size": 40, "val_size": 0}}
    return RunConfig.model_validate(config | {"recipe": {"epochs": epochs}})


def test_a_task_is_text_and_back(tmp_path: Path) -> None:
    task = Task(tiny(3), Setting(tmp_path, tmp_path, "cpu", 1, ("abc", True), ("gradients",), 60.0))
    assert Task.from_json(task.to_json()) == task


class Thief:
    """Takes a run over in the middle, as another machine would that saw no sign of life, and lets it train on."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.stolen = False

    def __call__(self, epochs: float) -> None:
        (lease,) = self.store.work.glob("*.lease")
        if not self.stolen:
            text = lease.read_text()
            lease.unlink()
            lease.write_text(re.sub("[0-9a-f]{8,}", lambda match: "f" * len(match[0]), text))
            self.stolen = True
        time.sleep(0.01)  # of training, until the next sign of life finds it out


def test_a_run_that_was_taken_over_is_left_to_the_other_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resbench.core.locks.LEASE_SECONDS", 2.0)
    monkeypatch.setenv("RESBENCH_LOCKS", "lease")
    store = Store(tmp_path)
    setting = Setting(tmp_path, tmp_path, "cpu", 1, (None, False))
    assert execute_run(Task(tiny(10_000), setting), Thief(store)) == BUSY
    assert not store.ids()


def test_a_run_that_is_done_again_for_its_probes_keeps_its_checkpoint(tmp_path: Path) -> None:
    run, store = tiny(3), Store(tmp_path)
    setting = Setting(tmp_path, tmp_path, "cpu", 1, (None, False))
    assert execute_run(Task(run, setting)) == DONE
    old = store.checkpoint(run.id)
    old.write_bytes(b"left by a crash")
    os.utime(old, (0, 0))
    store.sweep()
    assert not old.exists()

    def stop(epochs: float) -> None:
        if epochs >= 2:
            raise Stopped

    probed = dataclasses.replace(setting, probes=("gradients",))
    assert execute_run(Task(run, probed), stop) == STOPPED
    store.sweep()
    assert store.checkpoint(run.id).exists()
    assert execute_run(Task(run, probed)) == DONE and not store.checkpoint(run.id).exists()


def test_runs_together_leave_the_records_of_each_alone_and_leave_others_to_their_processes(tmp_path: Path) -> None:
    runs = [tiny(2).with_seed(seed) for seed in range(5)]
    alone, together = Store(tmp_path / "alone"), Store(tmp_path / "together")
    for run in runs:
        assert execute_run(Task(run, Setting(alone.folder, tmp_path, "cpu", 1, (None, False)))) == DONE
    setting = Setting(together.folder, tmp_path, "cpu", 1, (None, False))
    assert execute_run(Task(runs[0], setting)) == DONE
    seen: list[int] = []

    def step(place: int, epochs: float) -> None:
        seen.append(place)
        if place == 2:
            assert together.running_file(runs[2].id, 2, 0) and not together.free(runs[2].id)
            raise Stopped

    with together.claim(runs[1].id) as claim:
        assert claim
        codes = execute_together([Task(run, setting) for run in runs], step)
    assert codes == [DONE, BUSY, STOPPED, DONE, DONE] and set(seen) == {2, 3, 4}
    assert together.ids() == {runs[place].id for place in (0, 3, 4)}
    assert execute_together([Task(run, setting) for run in runs]) == [DONE] * 5
    assert execute_together([Task(run, setting) for run in runs], step) == [DONE] * 5
    contents = [{record.id: record.content() for record in store.records()} for store in (alone, together)]
    assert contents[0] == contents[1] and len(contents[0]) == 5
    assert all(together.free(run.id) and not together.checkpoint(run.id).exists() for run in runs)


def test_a_run_whose_data_cannot_be_read_fails_alone(tmp_path: Path) -> None:
    missing = RunConfig.model_validate({"model": {"width": 2, "depth": 10}, "data": {"name": "cifar10"}})
    store, setting = Store(tmp_path), Setting(tmp_path, tmp_path, "cpu", 1, (None, False))
    assert execute_together([Task(missing, setting), Task(tiny(1), setting)]) == [DONE, DONE]
    kinds = {record.id: record.error and record.error.kind for record in store.records()}
    assert kinds == {missing.id: "data", tiny(1).id: None}
