"""Workers import what the command imports, whatever lies in the working folder, and however long the name of TMPDIR."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import contents
from support.faults import ROOT
from support.inprocess import resbench
from support.tiny import ONE_RUN

from resbench.core.processes import patience

# as the script that pip installs, which stands in a folder of its own
CONSOLE = [sys.executable, "-c", "import sys; del sys.path[0]; from resbench.cli import main; main()"]
MODULE = [sys.executable, "-m", "resbench"]
SEARCH = f"""\
{ONE_RUN.replace("tiny", "searched")}
arms: {{model.shortcut: [identity]}}
search:
  recipe.lr: {{low: 0.1, high: 0.2}}
trials: 1
seeds: {{search: 1, confirm: 1}}
sampler: random
"""
SCRIPT = """\
import resbench

print("the script")
frame = resbench.run("quickstart", jobs=2, overrides=["name=q", "recipe.epochs=1", "seeds=1", "data.train_size=32"])
print(set(frame["status"]))
"""
SHADOWS = ("random", "queue", "json", "socket", "selectors", "struct", "tempfile", "typing", "torch", "numpy", "optuna")
OF_PYTHON = ("types", "functools", "collections")  # that `python -m` itself takes from the working folder


def execute(start: list[str], *words: str, cwd: Path, **variables: str) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    done = subprocess.run([*start, *words], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def fill(folder: Path, *names: str) -> None:
    """A working folder with a grid, and with files that have the names of modules."""
    (folder / "tiny.yaml").write_text(ONE_RUN)
    (folder / "search.yaml").write_text(SEARCH)
    for name in names:
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name}.py of the working folder')\n")


def copy_package(folder: Path) -> None:
    shutil.copytree(ROOT / "resbench", folder / "resbench", ignore=shutil.ignore_patterns("__pycache__"))


def long_folder(folder: Path) -> str:
    """For temporary files: of more characters than the name of a socket may have."""
    path = folder / ("t" * 130)
    path.mkdir()
    return str(path)


def test_neither_files_nor_another_checkout_in_the_working_folder_change_a_run(tmp_path: Path) -> None:
    fill(tmp_path, *SHADOWS, *OF_PYTHON)
    copy_package(tmp_path)
    shortcut = tmp_path / "resbench" / "model" / "shortcut.py"
    text = shortcut.read_text()
    shortcut.write_text(text.replace("Sum(joint.match())", "Sum(joint.match(), scale=0.1)"))
    assert shortcut.read_text() != text
    execute(CONSOLE, "run", "tiny.yaml", "-j1", "--threads", "1", "--no-report", cwd=tmp_path)
    places = ["--results", tmp_path / "serial", "--reports", tmp_path / "reports"]
    code, _, err = resbench(
        "run", tmp_path / "tiny.yaml", "--executor", "serial", "--threads", 1, "--no-report", *places
    )
    assert code == 0, err
    assert contents(tmp_path / "results" / "tiny") == contents(tmp_path / "serial" / "tiny")


@pytest.mark.parametrize(
    "words",
    [("bench", "tiny.yaml", "--seconds", "0", "--threads", "1"), ("tune", "search.yaml", "-j1", "--threads", "1")],
)
def test_neither_names_of_files_nor_a_long_tmpdir_stop_a_command(words: tuple[str, ...], tmp_path: Path) -> None:
    fill(tmp_path, *SHADOWS, *OF_PYTHON)
    execute(CONSOLE, *words, cwd=tmp_path, TMPDIR=long_folder(tmp_path))


def test_nor_do_they_stop_python_dash_m(tmp_path: Path) -> None:
    fill(tmp_path, *SHADOWS)
    execute(
        MODULE, "run", "tiny.yaml", "-j1", "--threads", "1", "--no-report", cwd=tmp_path, TMPDIR=long_folder(tmp_path)
    )


def test_python_dash_m_takes_the_checkout_of_the_working_folder(tmp_path: Path) -> None:
    copy_package(tmp_path)
    version = tmp_path / "resbench" / "core" / "version.py"
    version.write_text(version.read_text().replace('__version__ = "', '__version__ = "9.'))
    done = subprocess.run([*MODULE, "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith("resbench 9.")


def test_threads_wait_without_spinning_where_others_use_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = os.cpu_count() or 1
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.9 * cores, 0.0, 0.0))
    assert not patience()
    monkeypatch.setattr(os, "getloadavg", lambda: (1.5 * cores, 0.0, 0.0))
    assert patience() == {"OMP_WAIT_POLICY": "PASSIVE"}
    code = """import os
from resbench.core.processes import fork_server
os.getloadavg = lambda: (1.5 * (os.cpu_count() or 1), 0.0, 0.0)
with fork_server([]).Pool(1) as pool:
    print(pool.apply(os.getenv, ("OMP_WAIT_POLICY",)))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "PASSIVE\n"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")  # what the user says counts
    assert not patience()


def test_a_script_without_a_guard_is_not_executed_by_the_processes_of_its_runs(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.splitlines() == ["the script", "{'ok'}"], done.stdout + done.stderr
    assert "the one that comes with resbench" in done.stderr
