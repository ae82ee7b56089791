"""The acceptance of a card, without one: it runs to its end whatever fails, with no packages but those of a bare machine.

All of it on a CPU is `make gpu GPU="--device cpu --small"`, which takes minutes and is a step of CI.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from gpu.plan import CHECKS, limit_of
from gpu.rows import Acceptance, Outcome, Row, append_row, read_rows
from gpu.table import keep

ROOT = Path(__file__).resolve().parents[1]
# what the Python of a machine with a card is known to have, or to be given as wheels
THERE = {
    "torch",
    "torchvision",
    "numpy",
    "pandas",
    "seaborn",
    "matplotlib",
    "scipy",
    "pydantic",
    "pyyaml",
    "typer",
    "rich",
}
THERE |= {"jinja2", "filelock", "platformdirs", "mlxtend", "pytest"}
MODULES = {"pytest-xdist": "xdist", "optuna-dashboard": "optuna_dashboard", "pytest-benchmark": "pytest_benchmark"}
BLOCKER = """import sys
from importlib.machinery import PathFinder
class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] not in {names!r}:
            return super().find_spec(name, path, target)
sys.meta_path[:] = [Bare if finder is PathFinder else finder for finder in sys.meta_path]
"""


def absent() -> set[str]:
    """Modules of all that pyproject.toml lists and a bare machine lacks."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    names = {re.split(r"[\[<>=~ ]", line)[0] for line in listed} - THERE - {"resbench"}  # its extra dev names extras
    return {MODULES.get(name, name.replace("-", "_")) for name in names}


def bare(folder: Path) -> dict[str, str]:
    """The environment in which nothing can be imported that a bare machine lacks."""
    (folder / "sitecustomize.py").write_text(BLOCKER.format(names=absent()))
    return os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}


def acceptance(folder: Path, *words: str, budget: float = 300.0) -> tuple[subprocess.CompletedProcess[str], Acceptance]:
    """Small checks on the CPU of a bare machine."""
    command = [sys.executable, "-m", "tests.gpu.acceptance", "--out", str(folder / "out"), "--device", "cpu", "--small"]
    command += ["--budget", str(budget), *words]
    done = subprocess.run(command, cwd=ROOT, env=bare(folder), capture_output=True, text=True, check=False)
    return done, Acceptance.from_json((folder / "out" / "acceptance.json").read_text())


def test_it_needs_nothing_but_what_a_bare_machine_has(tmp_path: Path) -> None:
    assert {"gsdesign", "optuna", "ray", "xdist", "hypothesis"} <= absent()
    assert subprocess.run([sys.executable, "-c", "import optuna"], env=bare(tmp_path), capture_output=True).returncode
    done, found = acceptance(tmp_path, "--check", "environment", "--check", "failures")
    assert [outcome.status for outcome in found.outcomes] == ["ok", "ok"], done.stdout + done.stderr
    assert re.match(r"C1 ok [0-9.]+ s environment: ", done.stdout) and done.returncode == 0
    report = (tmp_path / "out" / "report.md").read_text()
    assert "| C7 failures | ok |" in report and "a run too large for the memory | out of memory" in report


def test_what_takes_too_long_is_ended_with_what_it_had_and_the_rest_is_done_or_skipped(tmp_path: Path) -> None:
    done, found = acceptance(tmp_path, "--at-once", "1", "--check", "kill", "--check", "seed-claims", budget=0.2)
    assert [outcome.status for outcome in found.outcomes] == ["timeout", "skipped"] and done.returncode == 1
    assert found.outcomes[1].error == "the budget is spent" and "C11 skipped 0.0 s seed-claims" in done.stdout


def test_a_check_may_take_what_the_later_ones_do_not_need_and_none_is_begun_that_cannot_end() -> None:
    first, last = CHECKS[0], CHECKS[-1]
    whole = sum(check.seconds for check in CHECKS)
    assert limit_of(first, CHECKS, whole, whole, False) == 2 * first.seconds
    assert limit_of(last, CHECKS, 500.0, whole, False) == 500.0
    assert limit_of(last, CHECKS, 0.4 * last.seconds, whole, False) is None
    assert limit_of(first, CHECKS, 2 * whole, whole, False) == whole + first.seconds  # what the later ones leave


def test_rows_survive_the_end_of_their_process(tmp_path: Path) -> None:
    rows = [Row("losses", "1e-7", 1e-7, ok=True), Row("speed", "4.0", 4.0, least=5.0)]
    for row in rows:
        append_row(tmp_path / "rows", row)
    with (tmp_path / "rows").open("a") as file:
        file.write('{"what": "cut o')
    assert read_rows(tmp_path / "rows") == rows
    assert [row.verdict for row in rows] == ["ok", "missed"]


def test_what_failed_comes_first_in_the_line_of_a_check() -> None:
    rows = [Row("speed", "4.0", 4.0, least=5.0), Row("bits", "differ", ok=False), Row("memory", "1 MiB", ok=True)]
    line = Outcome("C4", "bits", "failed", 12.34, rows).line()
    assert line == "C4 failed 12.3 s bits: bits: differ (FAILED); speed: 4.0 (missed); memory: 1 MiB"


def test_an_acceptance_is_kept_by_date_and_card_and_the_page_has_them_all(tmp_path: Path) -> None:
    rows = [Row("device", "NVIDIA H100 80GB HBM3, 1 cards"), Row("a | b", "x\ny", 6.0, least=5.0)]
    first = Acceptance("cuda", False, 560, "2026-11-28T12:00:00+00:00", {"device": rows[0].told}, 500.0)
    first.outcomes.append(Outcome("C1", "environment", "ok", 3.0, rows))
    assert Acceptance.from_json(first.to_json()) == first
    keep(first, tmp_path / "results", tmp_path / "reports")
    page = keep(replace(first, began="2026-11-29T12:00:00+00:00"), tmp_path / "results", tmp_path / "reports")
    names = sorted(path.name for path in (tmp_path / "results" / "gpu").iterdir())
    assert names == ["2026-11-28-nvidia-h100-80gb-hbm3.json", "2026-11-29-nvidia-h100-80gb-hbm3.json"]
    text = page.read_text()
    assert text.index("2026-11-29") < text.index("2026-11-28")
    assert "a \\| b | x y | at least 5 | met |" in text and "1 of 1 goals met" in text
    with pytest.raises(ValueError, match="schema 2"):
        Acceptance.from_json(first.to_json().replace('"schema": 1', '"schema": 2'))
