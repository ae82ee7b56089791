"""What plans found out on this machine: it is the same when it is read again, and never stands in the way."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from resbench.execution import findings
from resbench.execution.findings import TIMED_SECONDS, Findings
from resbench.execution.plan import plan
from resbench.grid.grid import Grid


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "resbench"


def test_the_second_plan_says_what_the_first_one_found_out(tmp_path: Path, cache: Path) -> None:
    grid = Grid("some", base={"model.width": 4}, axes={"model.depth": [10, 16]})
    first = plan(grid, tmp_path)
    assert str(plan(grid, tmp_path)) == str(first) and first.source == "a short calibration"
    (file,) = cache.glob("findings-*.json")
    whole = json.loads(file.read_text())
    odd = [
        whole | {"found": {name: numbers for name in whole["found"]}}
        for numbers in ([], [9e9], [9e9, 0], [9e9, math.nan])
    ]
    for text in ("{", *map(json.dumps, odd)):
        file.write_text(text)
        again = plan(grid, tmp_path)
        assert [cell.cost.parameters for cell in again.cells] == [cell.cost.parameters for cell in first.cells]


def test_findings_are_forgotten_with_the_code_and_timings_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Findings()
    made.put("rates", "x", [1.5])
    made.save()
    assert Findings().get("rates", "x", 1, TIMED_SECONDS) == [1.5] and Findings().get("rates", "y", 1) is None
    assert Findings().get("rates", "x", 1, 0.0) is None
    monkeypatch.setattr(findings, "source_hash", lambda: "source:other")
    assert Findings().get("rates", "x", 1) is None
