"""Status tells what is trained now from what was interrupted, and trusts no sign of a process that is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.inprocess import resbench
from support.tiny import GRID

from resbench.records.running import RunningFile, read_running
from resbench.records.store import Store


@pytest.fixture
def running(tmp_path: Path) -> Path:
    path = tmp_path / f"{'a' * 16}.running"
    file = RunningFile(path, 10, 2.0)
    file.step(2.0)
    return path


def change(path: Path, **facts: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def test_the_pace_is_that_of_the_steps_of_this_start(running: Path) -> None:
    run = read_running(running)
    assert run and (run.pid, run.total, run.epochs, run.seconds_left) == (os.getpid(), 10, 2.0, None)
    change(running, since=1000.0, seen=1030.0, first=2.0, epochs=5.0)
    run = read_running(running)
    assert run and run.seconds_left == pytest.approx(50.0)


def test_a_process_that_is_gone_runs_nothing(running: Path) -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    change(running, pid=done.pid)
    assert read_running(running) is None
    change(running, pid=os.getpid(), born="1")  # another process had this pid
    assert read_running(running) is None


@pytest.mark.parametrize(("age", "lease", "alive"), [(5, None, True), (900, None, False), (900, 5, True)])
def test_a_process_of_another_host_has_shown_itself_lately(
    running: Path, age: float, lease: float | None, alive: bool
) -> None:
    change(running, host="elsewhere", pid=1, seen=time.time() - age)
    if lease is not None:
        running.with_suffix(".lease").touch()
        os.utime(running.with_suffix(".lease"), (time.time() - lease,) * 2)
    assert (read_running(running) is not None) == alive


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x"}', "\0", '{"host": 1e999}'])
def test_a_damaged_file_is_no_run(text: str, running: Path) -> None:
    running.write_text(text)
    assert read_running(running) is None


def status(folder: Path) -> list[str]:
    return resbench("status", "tiny", "--results", folder / "results")[1].splitlines()


def test_status_tells_running_from_interrupted_and_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(GRID)
    words: list[Any] = [
        "tiny.yaml",
        "--only",
        "model.shortcut==none",
        "-j1",
        "--executor",
        "serial",
        "--threads",
        "1",
        "--results",
    ]
    resbench("run", *words, tmp_path / "results", "--no-report", "--fresh")
    # without what chose some of the runs, or it would find nothing to do
    command = f"resbench run tiny.yaml {' '.join(words[3:])} {tmp_path / 'results'} --no-report"
    assert status(tmp_path) == ["tiny: 2 runs: 1 ok, 1 to do", f"  to go on: {command}"]
    store = Store(tmp_path / "results" / "tiny")
    file = store.study()
    assert file
    run_id = next(run.id for run in file.runs if not store.path(run.id).exists())
    store.running_file(run_id, 2, 0.5)
    lines = status(tmp_path)
    assert lines[0] == "tiny: 2 runs: 1 ok, 1 running"
    assert f"model.shortcut=identity seed=0: epoch 0.5 of 2, process {os.getpid()} on " in lines[1]
    assert lines[2] == f"  if it stops, to go on: {command}"
    change(store.work / f"{run_id}.running", born="1")
    store.checkpoint(run_id).write_text('{"run": "x", "epoch": 1}\n')
    assert status(tmp_path)[:2] == [
        "tiny: 2 runs: 1 ok, 1 begun and interrupted",
        "  begun: model.shortcut=identity seed=0: epochs done: 1",
    ]
    monkeypatch.chdir("/")  # the command is one of that folder
    assert status(tmp_path)[-1] == f"  to go on: cd {tmp_path} && {command}"
    (tmp_path / "results").rename(tmp_path / "copied")  # no longer where that command looks
    copied = resbench("status", "tiny", "--results", tmp_path / "copied")[1].splitlines()
    assert copied[-1] == f"  to go on: resbench run tiny.yaml --results {tmp_path / 'copied'}"
