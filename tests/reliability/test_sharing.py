"""Any number of commands on one study share the work; one that is killed is replaced."""

import os
import signal
import subprocess
import time
from pathlib import Path

from support.commands import read_records, record_files
from support.faults import begin, end, environment

GRID = """\
# Question: who does what?
name: many
plugins: [faults.py]
base:
  model: {depth: 10, width: 8}
  data: {train_size: 64, val_size: 10, augment: counts}
  recipe: {epochs: 2, batch_size: 64}
seeds: 40
"""
RUNS, EPOCHS = 40, 2


def _begin(folder: Path, count: int) -> list[subprocess.Popen[str]]:
    (folder / "many.yaml").write_text(GRID)
    env = environment(folder) | {"RESBENCH_COUNT": str(folder / "count")}
    return [begin("run", "many.yaml", "-j", "1", "--threads", "1", cwd=folder, env=env) for _ in range(count)]


def _records(folder: Path) -> list[Path]:
    return record_files(folder / "results" / "many")


def test_four_commands_train_each_run_once(tmp_path: Path) -> None:
    commands = _begin(tmp_path, 4)
    said = [one.communicate(timeout=300) for one in commands]
    assert [one.returncode for one in commands] == [0] * 4, said
    assert "Traceback" not in str(said)
    assert len(_records(tmp_path)) == RUNS
    assert {record.status for record in read_records(tmp_path / "results" / "many").values()} == {"ok"}
    assert (tmp_path / "count").stat().st_size == RUNS * EPOCHS  # one batch an epoch
    print(f"4 commands, {RUNS} runs: each trained once")


def test_the_others_take_over_from_one_that_is_killed(tmp_path: Path) -> None:
    commands = _begin(tmp_path, 4)
    try:
        deadline = time.monotonic() + 300
        while len(_records(tmp_path)) < RUNS // 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(commands[0].pid, signal.SIGKILL)
        killed = time.monotonic()
        left = RUNS - len(_records(tmp_path))
        said = [one.communicate(timeout=120) for one in commands[1:]]
        took = time.monotonic() - killed
    finally:
        for one in commands:
            end(one)
    assert [one.returncode for one in commands[1:]] == [0] * 3, said
    assert len(_records(tmp_path)) == RUNS
    trained = (tmp_path / "count").stat().st_size
    assert RUNS * EPOCHS <= trained <= RUNS * EPOCHS + 1  # at most the epoch that was cut off
    print(
        f"one of 4 killed with {left} runs left: all done {took:.0f} s later, {trained - RUNS * EPOCHS} epoch done twice"
    )
