"""kill -9 of the whole command at any moment: no finished run is lost or done twice, and the records are the same."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import ROOT, begin, command

from resbench import checkpoint
from resbench.record import content, parse

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
KILLS = 100
# Kills its process group at the n-th operation on a file under results/, whatever the operation: Python tells hooks of
# opening, renaming, linking, making and removing; fsync it does not, so that this is counted where it is called.
CRASH = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT)!r})
limit, seen = int(os.environ["CRASH_AT"]), 0

def count(path):
    global seen
    if "results" in str(path):
        seen += 1
        if seen == limit:
            os.kill(os.getpid(), signal.SIGKILL)

def hook(event, arguments):
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        count(arguments[0])
    elif event in ("os.rename", "os.link", "os.remove", "os.mkdir"):
        count(arguments[0])

sync = os.fsync
def fsync(descriptor):
    count(os.readlink(f"/proc/self/fd/{{descriptor}}"))
    sync(descriptor)

os.fsync = fsync
sys.addaudithook(hook)
"""


def records(folder: Path) -> dict[str, object]:
    return {path.stem: content(parse(path.read_text())) for path in _files(folder)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "tiny.yaml").write_text(GRID)
    subprocess.run(
        command("run", "tiny.yaml", "-j", "2"), cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True,
        capture_output=True,
    )  # fmt: skip
    found = records(folder)
    assert len(found) == 6
    return found


def test_killed_at_random_moments(tmp_path: Path, undisturbed: dict[str, object]) -> None:
    """100 kills, of the group and of the command alone; a new grid begins whenever one is finished."""
    draw = random.Random(0)
    kills = finished = 0
    folder = next(folders := _grids(tmp_path))
    seen: dict[str, tuple[int, int]] = {}
    epochs: dict[str, int] = {}
    while kills < KILLS:
        process = begin("run", "tiny.yaml", "-j", "2", cwd=folder)
        until = time.monotonic() + draw.uniform(0, 9)
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.001)
        if process.poll() is None:
            if draw.random() < 0.5:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                os.kill(process.pid, signal.SIGKILL)
            kills += 1
        _, told = process.communicate()  # ends when every process that writes to the pipe has ended
        assert process.returncode in (0, -signal.SIGKILL) and "Traceback" not in told, told
        now = {path.stem: (path.stat().st_ino, path.stat().st_mtime_ns) for path in _files(folder)}
        assert seen.items() <= now.items(), "a finished run was lost or done again"
        for path in (folder / "results" / "tiny" / ".work").glob("*.ckpt"):
            state, warning = checkpoint.load(path, path.stem)
            assert state and not warning
            assert path.stem in now or state["epoch"] >= epochs.get(path.stem, 0), (
                "more than the current epoch was lost"
            )
            epochs[path.stem] = state["epoch"]
        seen = now
        if process.returncode == 0:
            assert records(folder) == undisturbed
            finished += 1
            folder, seen, epochs = next(folders), {}, {}
    subprocess.run(
        command("run", "tiny.yaml", "-j", "2"), cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True,
        capture_output=True,
    )  # fmt: skip
    assert records(folder) == undisturbed
    print(f"{kills} kills over {finished + 1} grids of 6 runs of 3 epochs: no run lost or done twice, records the same")


def test_killed_at_every_operation_on_a_file(tmp_path: Path) -> None:
    (tmp_path / "custom").mkdir()
    (tmp_path / "custom" / "sitecustomize.py").write_text(CRASH)
    words = ["run", "tiny.yaml", "seeds=1", "model.shortcut=none", "recipe.epochs=2", "--executor", "serial"]
    whole: dict[str, object] = {}
    for crash_at in range(1, 200):
        folder = tmp_path / str(crash_at)
        folder.mkdir()
        (folder / "tiny.yaml").write_text(GRID)
        ended = [_serial(folder, words, tmp_path / "custom", at) for at in (crash_at, 0)]
        assert ended[1] == 0
        whole = whole or records(folder)
        assert records(folder) == whole and len(whole) == 1
        if ended[0] == 0:
            break
        assert ended[0] == -signal.SIGKILL
    assert 20 < crash_at < 199
    print(f"{crash_at - 1} of {crash_at - 1} operations on files: the same command continues to the same record")


def _serial(folder: Path, words: list[str], custom: Path, crash_at: int) -> int:
    env = os.environ | {"PYTHONPATH": f"{custom}{os.pathsep}{ROOT}", "CRASH_AT": str(crash_at)}
    done = subprocess.run(
        [sys.executable, "-m", "resbench", *words], cwd=folder, env=env, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode


def _grids(folder: Path) -> Iterator[Path]:
    for number in range(KILLS):
        made = folder / f"grid{number}"
        made.mkdir()
        (made / "tiny.yaml").write_text(GRID)
        yield made


def _files(folder: Path) -> list[Path]:
    return [path for path in (folder / "results" / "tiny").glob("*.json") if path.name != "study.json"]
