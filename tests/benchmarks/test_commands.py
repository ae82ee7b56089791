"""How long commands take that train nothing, each in a process of its own, on a made-up study of 8 runs that is finished."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from support.faults import ROOT
from support.finished import finished_study

COMMANDS = (
    "--help",
    "run small.yaml",
    "plan small.yaml",
    "plan small.yaml --results none",
    "check small",
    "status",
    "report small",
    "show small",
    "explain unit",
    "ls runs small",
    "ls axes",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    finished_study(folder)
    return folder


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_that_trains_nothing(benchmark: BenchmarkFixture, words: str, folder: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")}
    command = [sys.executable, "-m", "resbench", *words.split()]

    def call() -> None:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr

    benchmark.pedantic(call, rounds=5, warmup_rounds=1)
