"""Consoles, notebooks, pipes and users as they are found elsewhere: commands print, draw and end all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import record_files
from support.faults import ROOT, command
from support.studies import HELPS, make, noise
from support.tiny import ONE_RUN

GRID = f"""\
# Question: does it?
{ONE_RUN}axes:
  model.shortcut: [identity, none]
claims:
  - {{says: shortcuts help, compare: {{model.shortcut: identity}}, to: {{model.shortcut: none}}, expect: lower}}
"""
NOTEBOOK = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was run where the console is ASCII and MPLBACKEND is that of a notebook; its file has a BOM."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.yaml").write_text(GRID, encoding="utf-8-sig")
    done = execute(folder, "run", "tiny.yaml", "-j1", "--threads", "1", PYTHONIOENCODING="ascii", **NOTEBOOK)
    assert done.returncode == 0 and b"page: reports/tiny/index.html" in done.stdout, done.stderr
    return folder


def execute(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(command(*words), cwd=folder, env=ENVIRONMENT | variables, capture_output=True)
    assert b"Traceback" not in done.stderr
    return done


def test_a_byte_order_mark_hides_no_question(study: Path) -> None:
    for page in ("tiny/report.md", "README.md"):
        assert "Does it?" in (study / "reports" / page).read_text()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
@pytest.mark.parametrize("words", [("check", "tiny"), ("compare", "tiny", "--to", "model.shortcut=none")])
def test_consoles_without_a_minus(tmp_path: Path, words: tuple[str, ...], encoding: str) -> None:
    better = noise(lambda cell: 0.05 if cell["model.shortcut"] == "identity" else 0.10, images=1000, hard=0.3)
    make(tmp_path / "results", "tiny", {"model.shortcut": ["identity", "none"]}, 5, better, [HELPS | {"at": []}])
    done = execute(tmp_path, *words, PYTHONIOENCODING=encoding, **NOTEBOOK)
    text = done.stdout.decode(encoding)
    assert done.returncode == 0 and "error -" in text and "points [-" in text and "x 1,000" in text.replace("×", "x")


def test_a_reader_that_goes_stops_no_grid(study: Path) -> None:
    shell = '"$0" -m resbench run tiny.yaml name=piped -j1 --threads 1 --no-report 2>&1 | head -1'
    done = subprocess.run(["sh", "-c", shell, sys.executable], cwd=study, env=ENVIRONMENT, capture_output=True)
    assert done.stdout.startswith(b"piped: 2 runs to do") and done.stdout.count(b"\n") == 1
    assert len(record_files(study / "results" / "piped")) == 2


@pytest.mark.skipif(not shutil.which("setpriv") or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_without_a_name_and_a_home(tmp_path: Path) -> None:
    python = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"  # ours may lie in root's home
    if not Path(python).exists():
        pytest.skip(f"{python} is not installed")
    env = {
        name: value for name, value in ENVIRONMENT.items() if name not in ("HOME", "XDG_CACHE_HOME", "RESBENCH_DATA")
    }
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), *sys.path])
    become = ["setpriv", "--reuid", "12345", "--clear-groups", python, "-P", "-m", "resbench"]
    done = subprocess.run([*become, "doctor"], cwd="/", env=env, capture_output=True, text=True)
    assert done.returncode == 0 and "data directory" in done.stdout, done.stderr
