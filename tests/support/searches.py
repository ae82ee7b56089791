"""A small search, and what tests need to do it: in this process, or as a command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from resbench.execution.task import Setting
from resbench.records.store import Store
from resbench.tuning.reader import load_search
from resbench.tuning.search import Search
from resbench.tuning.session import TuneOptions
from resbench.tuning.storage import Studies
from support.faults import ROOT, command

SEARCH = """\
# Question: does it tune?
name: tiny
base:
  model: {depth: 10, width: 4}
  data: {train_size: 64, val_size: 40}
  recipe: {epochs: 2, batch_size: 32}
arms: {model.shortcut: [identity, none]}
search:
  recipe.lr: {low: 0.01, high: 1.0, log: true}
  model.dropout: {choices: [0.0, 0.3]}
trials: 3
seeds: {search: 1, confirm: 2}
sampler: random
pruner: none
claims:
  - says: shortcuts help when both arms are tuned
    compare: {model.shortcut: identity}
    to: {model.shortcut: none}
    expect: lower
"""
# two learning rates, of which the second is so large that the base's own wins
TWO_TRIALS = SEARCH.replace("{low: 0.01, high: 1.0, log: true}", "{choices: [0.1, 1000.0]}")
TWO_TRIALS = TWO_TRIALS.replace("  model.dropout: {choices: [0.0, 0.3]}\n", "").replace("epochs: 2", "epochs: 1")
TUNING_HELPS = """\
  - says: tuning helps
    compare: {tuning: tuned}
    to: {tuning: untuned}
    expect: lower
"""
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}


def load(folder: Path, text: str = SEARCH, *overrides: str) -> Search:
    """The search of a text, which becomes `tiny.yaml` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.yaml").write_text(text)
    return load_search(folder / "tiny.yaml", overrides)


def load_two_trials(folder: Path, *overrides: str) -> Search:
    """A search of one arm with two trials, of which the first has the values of the base."""
    words = ("model.shortcut=identity", "sampler=grid", "trials=2", *overrides)
    return load(folder, TWO_TRIALS + TUNING_HELPS, *words)


def store_of(folder: Path, name: str = "tiny") -> Store:
    return Store(folder / "results" / name)


def studies_of(search: Search, folder: Path, url: str | None = None) -> Studies:
    """The studies of a search whose results are in the folder."""
    return Studies(search, url, store_of(folder, search.name))


def setting_of(folder: Path, name: str = "tiny") -> Setting:
    """For workers in this process."""
    return Setting(store_of(folder, name).folder, folder, "cpu", 1, (None, False))


def options_of(folder: Path, storage: str | None = None, export: Path | None = None) -> TuneOptions:
    return TuneOptions(folder / "results", folder, "cpu", jobs=2, storage=storage, export=export)


def call(*words: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """A command that ends with this exit code and without a traceback."""
    done = subprocess.run(command(*words), cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
