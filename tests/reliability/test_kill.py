"""kill -9 of the whole command at any moment: no finished run is lost or done twice, and the records are the same.

RESBENCH_KILLS sets another number of kills at random moments, for where time is short.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import contents, record_files
from support.faults import ROOT, command, warm

from resbench.core.json_reader import Json
from resbench.training import checkpoint

GRID = """\
# Question: does it survive?
name: tiny
base:
  model: {depth: 10, width: 8, dropout: 0.1}
  data: {train_size: 256, val_size: 50, augment: shift}
  recipe: {epochs: 3}
axes:
  model.shortcut: [identity, none]
seeds: 3
"""
KILLS = int(os.environ.get("RESBENCH_KILLS", "50"))
LONGEST = {"local": 7.0, "serial": 3.0}  # seconds until a kill


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Json]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "tiny.yaml").write_text(GRID)
    words = command("run", "tiny.yaml", "-j", "2", "--threads", "1")
    subprocess.run(words, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    records = contents(folder / "results" / "tiny")
    assert len(records) == 6
    return records


@pytest.mark.parametrize("executor", LONGEST)
def test_killed_at_random_moments(executor: str, tmp_path: Path, undisturbed: dict[str, dict[str, Json]]) -> None:
    """Of the whole group and of the command alone; a new grid begins whenever one is finished."""
    draw = random.Random(0)
    words = ["run", "tiny.yaml", "-j", "2", "--threads", "1", "--executor", executor, "--no-report"]
    kills = finished = 0
    folder = next(folders := _grids(tmp_path))
    seen: dict[str, tuple[int, int]] = {}
    epochs: dict[str, int] = {}
    while kills < KILLS:
        process = warm(*words, cwd=folder)
        process.join(draw.uniform(0, LONGEST[executor]))
        if process.exitcode is None:
            killed = os.killpg if draw.random() < 0.5 else os.kill
            try:
                killed(process.pid, signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                assert killed is os.killpg  # it has no group of its own yet
        _ended(process)
        now = {
            path.stem: (path.stat().st_ino, path.stat().st_mtime_ns)
            for path in record_files(folder / "results" / "tiny")
        }
        assert seen.items() <= now.items(), "a finished run was lost or done again"
        for path in (folder / "results" / "tiny" / ".work").glob("*.ckpt"):
            state, warning = checkpoint.load(path, path.stem)
            assert state and not warning
            assert path.stem in now or state["epoch"] >= epochs.get(path.stem, 0), (
                "more than the current epoch was lost"
            )
            epochs[path.stem] = state["epoch"]
        seen = now
        if process.exitcode == 0:
            assert contents(folder / "results" / "tiny") == undisturbed
            finished += 1
            folder, seen, epochs = next(folders), {}, {}
    process = warm(*words, cwd=folder)
    process.join()
    assert process.exitcode == 0 and contents(folder / "results" / "tiny") == undisturbed
    print(
        f"{executor}: {kills} kills over {finished + 1} grids of 6 runs of 3 epochs: none lost or done twice, all the same"
    )


def test_killed_at_every_operation_on_a_file(tmp_path: Path) -> None:
    words = [
        "run",
        "tiny.yaml",
        "seeds=1",
        "model.shortcut=none",
        "recipe.epochs=2",
        "--executor",
        "serial",
        "--threads",
        "1",
        "--no-report",
        "--save-weights",
        "best",
    ]
    whole: dict[str, dict[str, Json]] = {}
    weights = b""
    for crash_at in range(1, 200):
        folder = tmp_path / str(crash_at)
        folder.mkdir()
        (folder / "tiny.yaml").write_text(GRID)
        first, second = (_done(warm(*words, cwd=folder, crash_at=at), folder) for at in (crash_at, 0))
        assert second == 0
        whole = whole or contents(folder / "results" / "tiny")
        assert contents(folder / "results" / "tiny") == whole and len(whole) == 1
        (saved,) = (folder / "results" / "tiny" / "weights").glob("*.safetensors")
        weights = weights or saved.read_bytes()
        assert saved.read_bytes() == weights
        if first == 0:
            break
        assert first == -signal.SIGKILL
    assert 20 < crash_at < 199
    print(f"{crash_at - 1} of {crash_at - 1} operations on files: the same command continues to the same record")


def _ended(process: Any) -> None:
    """Wait until every process of the command has gone: those that train end with it, a fork server once it has begun."""
    process.join()
    deadline = time.monotonic() + 60
    while _group(process.pid):
        assert time.monotonic() < deadline, "an orphan trains on"


def _group(pid: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group, session = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if pid in (int(group), int(session)) and state != "Z":
            return True
    return False


def _done(process: Any, folder: Path) -> int:
    process.join()
    log = (folder / "log").read_text()
    assert "Traceback" not in log, log
    return int(process.exitcode)


def _grids(folder: Path) -> Iterator[Path]:
    for number in range(1000):
        made = folder / f"grid{number}"
        made.mkdir()
        (made / "tiny.yaml").write_text(GRID)
        yield made
