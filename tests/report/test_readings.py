"""`looks.json`: at which numbers of seeds the verdicts of a study without planned looks were read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.inprocess import resbench
from support.planted import plant

from resbench import Grid
from resbench.records.merge import merge
from resbench.report.study import ClaimReading, load
from resbench.training.run import RunConfig

CLAIM: dict[str, Any] = {
    "says": "the identity errs less",
    "compare": {"model.shortcut": "identity"},
    "to": {"model.shortcut": "none"},
    "expect": "lower",
}


def errors(config: RunConfig) -> int:
    return (30 if config.model.shortcut == "identity" else 60) + 3 * ((7 * config.seed) % 5)


def planted(results: Path, seeds: object) -> Path:
    """A study of so many seeds, all of them done; returns the file of its readings."""
    axes = {"model.shortcut": ["identity", "none"]}
    plant(results, Grid("some", axes=axes, claims=[CLAIM], seeds=seeds), errors)  # type: ignore[list-item,arg-type]
    return results / "some" / "looks.json"


def check(results: Path) -> str:
    code, _, err = resbench("check", "some", "--results", results)
    assert code in (0, 1)
    return err


def read(file: Path) -> list[tuple[str, int, list[int], list[str]]]:
    looks = json.loads(file.read_text())["looks"]
    return [(one["command"], one["planned"], *(one["claims"][0][key] for key in ("seeds", "states"))) for one in looks]


def test_each_number_of_seeds_is_kept_once(tmp_path: Path) -> None:
    results = tmp_path / "results"
    file = planted(results, 5)
    assert check(results) == ""
    assert read(file) == [("check", 5, [5], ["supported"])]
    kept = file.read_bytes()
    check(results)
    assert resbench("report", "some", "--results", results)[0] == 0
    assert file.read_bytes() == kept
    planted(results, 8)
    assert resbench("report", "some", "--results", results)[0] == 0
    check(results)
    assert read(file) == [("check", 5, [5], ["supported"]), ("report", 8, [8], ["supported"])]
    assert list(load(results, "some").readings.values()) == [[ClaimReading(5, [5]), ClaimReading(8, [8])]]


def test_fewer_seeds_than_a_verdict_takes_are_no_reading(tmp_path: Path) -> None:
    file = planted(tmp_path, 4)
    check(tmp_path)
    assert not file.exists()


def test_planned_looks_need_no_record(tmp_path: Path) -> None:
    file = planted(tmp_path, {"looks": [5, 8]})
    check(tmp_path)
    assert not file.exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"looks": 3}', '{"schema": 99, "looks": []}', "\x00"])
def test_a_file_that_is_not_ours_stays_and_is_named(content: str, tmp_path: Path) -> None:
    file = planted(tmp_path, 5)
    file.write_text(content)
    lines = check(tmp_path).splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"{file}: cannot be read (")
    assert file.read_text() == content


def test_where_nothing_can_be_written_verdicts_are_read_all_the_same(tmp_path: Path) -> None:
    file = planted(tmp_path, 5)
    shutil.rmtree(file.parent / ".work")
    (file.parent / ".work").touch()  # no folder can be made there, whoever asks
    assert check(tmp_path) == "" and not file.exists()


def test_merging_unites_what_two_machines_have_read(tmp_path: Path) -> None:
    ours, theirs = (planted(tmp_path / name, seeds) for name, seeds in (("ours", 8), ("theirs", 8)))
    planted(tmp_path / "theirs", 5)
    check(tmp_path / "theirs")
    planted(tmp_path / "theirs", 8)
    check(tmp_path / "ours")
    merge([tmp_path / "theirs"], tmp_path / "ours")
    assert sorted(read(ours)) == [("check", 5, [5], ["supported"]), ("check", 8, [8], ["supported"])]
    again = ours.read_bytes()
    merge([tmp_path / "theirs"], tmp_path / "ours")
    assert ours.read_bytes() == again and len(read(theirs)) == 1


def test_merging_takes_the_study_that_has_come_further(tmp_path: Path) -> None:
    """Two machines with one plan: the one has the first look alone."""
    axes = {"model.shortcut": ["identity", "none"]}
    grid = Grid("some", axes=axes, claims=[CLAIM], seeds={"looks": [5, 8]})  # type: ignore[list-item]
    first = grid.with_seeds(dict.fromkeys(grid.seeds_by_cell(), range(5)))
    for name, part in (("ours", first), ("theirs", grid)):
        plant(tmp_path / name, part, errors)
    merge([tmp_path / "theirs"], tmp_path / "ours")
    assert len(json.loads((tmp_path / "ours" / "some" / "study.json").read_text())["runs"]) == 16
    merge([tmp_path / "ours"], tmp_path / "theirs")
    assert len(json.loads((tmp_path / "theirs" / "some" / "study.json").read_text())["runs"]) == 16
