"""One bad run never stops the others: each way of going wrong is recorded as what it was."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import read_records
from support.faults import begin, end, environment

from resbench.training import checkpoint

GRID = """\
# Question: what becomes of runs that go wrong?
name: bad
plugins: [faults.py]
base:
  model: {depth: 10, width: 8}
  recipe: {epochs: 1}
zip:
  - data.augment: [hangs, fails, allocates, memory-error, segfaults, is-killed, aborts, exits, quits, interrupts, none, none]
    recipe.lr:    [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 1000.0]
    recipe.schedule: [onecycle, onecycle, onecycle, onecycle, onecycle, onecycle, onecycle, onecycle, onecycle, onecycle,
                      onecycle, constant]
    data.train_size: [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 1000]
"""


def test_each_bad_run_is_recorded_as_what_it_was_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(GRID)
    process = begin("run", "bad.yaml", "--timeout", "15", cwd=tmp_path, env=environment(tmp_path))
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1, said
    assert "Traceback" not in said and "10 runs failed: the same command tries them again" in said
    records = {}
    for record in read_records(tmp_path / "results" / "bad").values():
        name = record.settings["data.augment"]
        records[record.status if name == "none" else name] = record
    assert records.keys() == {
        "fails", "allocates", "memory-error", "segfaults", "is-killed", "aborts", "exits", "quits", "interrupts", "hangs",
        "ok", "diverged",
    }  # fmt: skip
    errors = {name: record.error for name, record in records.items() if record.error}
    kinds = {name: error.kind for name, error in errors.items()}
    assert kinds["fails"] == "RuntimeError" and "someone's own code" in str(errors["fails"].details["traceback"])
    assert kinds["allocates"] == kinds["memory-error"] == "out of memory"
    assert kinds["hangs"] == "timeout" and kinds["diverged"] == "diverged" and "ok" not in kinds
    for name, part in {
        "segfaults": "SIGSEGV", "is-killed": "SIGKILL, perhaps because memory ran out", "aborts": "SIGABRT",
        "exits": "exit code 3",
    }.items():  # fmt: skip
        assert kinds[name] == "process died" and part in errors[name].message, errors[name]
    assert kinds["quits"] == "SystemExit" and kinds["interrupts"] == "KeyboardInterrupt"
    page = (tmp_path / "reports" / "bad" / "index.html").read_text()
    assert "SIGSEGV" in page


@pytest.mark.parametrize(
    ("sent", "code", "words"),
    [
        (signal.SIGINT, 130, ["-j", "2"]),
        (signal.SIGTERM, 143, ["-j", "2"]),
        (signal.SIGTERM, 143, ["--executor", "serial"]),
    ],
)
def test_signals_stop_save_and_say_how_to_go_on(tmp_path: Path, sent: int, code: int, words: list[str]) -> None:
    grid = "name: long\nbase:\n  model: {depth: 10, width: 8}\n  recipe: {epochs: 1000}\nseeds: 3\n"
    (tmp_path / "long.yaml").write_text(grid)
    process = begin("run", "long.yaml", *words, "--fresh", cwd=tmp_path)
    try:
        _until(lambda: len(_checkpoints(tmp_path)) == (2 if "-j" in words else 1), process.poll)
        before = _checkpoints(tmp_path)
        os.kill(process.pid, sent)
        os.killpg(process.pid, sent)  # as `timeout` does
        _, said = process.communicate(timeout=60)
    finally:
        end(process)
    assert process.returncode == code, said
    assert f"to go on: resbench run long.yaml {' '.join(words)}\n" in said and "Traceback" not in said
    saved = _checkpoints(tmp_path)
    assert saved.keys() == before.keys() and all(saved[name] >= before[name] for name in saved)
    for path in (tmp_path / "results" / "long" / ".work").glob("*.ckpt"):
        state, warning = checkpoint.load(path, path.stem)
        assert state and not warning and state["part"]["steps"] > 0  # within the epoch, not only at its beginning


def test_a_second_signal_stops_at_once_whatever_the_runs_do(tmp_path: Path) -> None:
    grid = (
        "name: stuck\nplugins: faults.py\nbase:\n  model: {depth: 10, width: 8}\n  data: {augment: hangs}\nseeds: 2\n"
    )
    (tmp_path / "stuck.yaml").write_text(grid)
    process = begin("run", "stuck.yaml", "-j", "2", cwd=tmp_path, env=environment(tmp_path))
    try:
        _until(lambda: len(list((tmp_path / "results" / "stuck" / ".work").glob("*.lock"))) == 2, process.poll)
        began = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        assert process.stderr
        while "once more stops at once" not in process.stderr.readline():
            assert process.poll() is None
        while process.poll() is None:  # one that comes in the same moment is the same
            os.kill(process.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)
            assert time.monotonic() - began < 60
        assert process.returncode in (-signal.SIGINT, 130) and time.monotonic() - began < 60
        _until(lambda: not _alive(process.pid), lambda: None)
    finally:
        end(process)


def _checkpoints(folder: Path) -> dict[str, int]:
    """Epochs that each checkpoint holds."""
    out = {}
    for path in (folder / "results" / "long" / ".work").glob("*.ckpt"):
        with path.open("rb") as file:
            out[path.name] = json.loads(file.readline())["epoch"]
    return out


def _alive(group: int) -> list[str]:
    """Processes of a group that are not zombies."""
    out = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(pgrp) == group and state != "Z":
            out.append(stat.parent.name)
    return out


def _until(holds: Callable[[], bool], ended: Callable[[], int | None], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert ended() is None and time.monotonic() < deadline
        time.sleep(0.02)
