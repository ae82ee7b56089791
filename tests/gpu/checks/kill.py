"""C5: a run that is killed in mid-epoch, and continued, ends as if undisturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from resbench.records.running import RunningRun
from resbench.records.store import Store

from ..rows import Row, not_checked
from ..setting import Setting, contents, differences, last_line, started

_Found = TypeVar("_Found")
_RUN = """base:
  model: {{depth: 10, width: {width}, dropout: 0.2}}
  data: {{train_size: {images}, val_size: 100, augment: shift}}
  recipe: {{epochs: {epochs}, batch_size: 64}}
"""
_PATIENCE = 60.0  # seconds for what should come at once


def check(setting: Setting) -> Iterator[Row]:
    os.environ["RESBENCH_SAVE_EVERY"] = "0"  # on a card the whole run takes less than what lies between checkpoints
    sizes = {"width": 4, "images": 500, "epochs": 60} if setting.small else {"width": 16, "images": 4000, "epochs": 100}
    grid = setting.grid("kill", _RUN.format(**sizes))
    done = setting.run(grid, "undisturbed", "--threads", "1")
    expected = contents(setting.store(grid, "undisturbed"))
    yield Row("undisturbed", "done" if expected else last_line(done), ok=done.returncode == 0 and len(expected) == 1)
    [run_id] = expected
    for name, interrupt in (("SIGKILL of the run", _kill_run), ("SIGTERM to the group", _end_group)):
        results = name.split()[0].lower()
        told = _interrupted(setting, grid, results, run_id, interrupt)
        yield Row(name, told or "in mid-training, without a record", ok=not told)
        done = setting.run(grid, results, "--threads", "1")
        unequal = differences(expected, contents(setting.store(grid, results)))
        words = "equal bit for bit" if not unequal else f"differs, or has no record: {last_line(done)}"
        yield Row(f"{name}, and continued", words, ok=not unequal)
    if not setting.on_card:
        yield not_checked("that nothing stays on a card after a kill")


def _interrupted(
    setting: Setting,
    grid: Path,
    results: str,
    run_id: str,
    interrupt: Callable[[subprocess.Popen[bytes], RunningRun], None],
) -> str:
    """Begin the run and interrupt it in mid-epoch; returns what is not as it should be."""
    store = setting.store(grid, results)
    words = setting.run_words(grid, results, "--threads", "1", "-j", "1")
    with started(*words, log=setting.work / f"{results}.txt") as process:
        running = _wait(lambda: _under_way(store, run_id), lambda: process.poll() is not None)
        if running is None:
            return f"the run was not seen on its way; the command ended with {process.poll()}"
        interrupt(process, running)
        process.wait(_PATIENCE)
    if _wait(lambda: not _group(process.pid) or None, lambda: False) is None:
        return "a process of the command stays"
    return ""


def _under_way(store: Store, run_id: str) -> RunningRun | None:
    """Once it is in its second epoch or later, and has a checkpoint."""
    running = store.running(run_id)
    return running if running and running.epochs > 1 and store.checkpoint(run_id).exists() else None


def _kill_run(process: subprocess.Popen[bytes], running: RunningRun) -> None:
    """Kill the process that trains; its command may do the run again, and is ended too before it can."""
    os.kill(running.pid, signal.SIGKILL)
    os.killpg(process.pid, signal.SIGKILL)


def _end_group(process: subprocess.Popen[bytes], running: RunningRun) -> None:
    os.killpg(process.pid, signal.SIGTERM)


def _group(leader: int) -> bool:
    """Whether a process of the group is alive."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def _wait(ready: Callable[[], _Found | None], hopeless: Callable[[], bool]) -> _Found | None:
    """What there is as soon as there is something; None where it cannot come, or has not come in time."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        found = ready()
        if found is not None or hopeless():
            return found
        time.sleep(0.02)
    return None
