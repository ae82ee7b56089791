"""What a later version has written is named and kept; nothing else in the folder of a study does harm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.inprocess import resbench as command
from support.tiny import copy_tiny, run_tiny, tiny_store

RUN = ("run", "tiny.yaml", "--executor", "serial", "--threads", 1, "-j1", "--no-report")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done")
    run_tiny(folder)
    return folder


@pytest.fixture
def study(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy_tiny(done, tmp_path)
    shutil.copy(done / "tiny.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return Path("results/tiny")


def records(study: Path) -> list[Path]:
    return sorted(path for path in study.glob("*.json") if path.name != "study.json")


@pytest.mark.parametrize("change", [{"schema": 2}, {"schema": 9, "status": "paused", "metrics": None}])
def test_a_record_of_a_later_version_is_kept_and_counts_as_done(change: dict[str, object], study: Path) -> None:
    path = records(study)[0]
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    before = path.read_bytes()
    code, out, err = command(*RUN)
    assert code == 0 and "nothing to do" in out and path.read_bytes() == before
    assert err.count("\n") == 1 and "a record of a later version" in err and "update resbench" in err
    code, out, err = command("status", "tiny")
    assert code == 0 and "1 ok, 1 of a later version" in out and "damaged" not in err
    code, _, _ = command("report", "tiny")
    page = Path("reports/tiny/report.md").read_text()
    assert code == 0 and "1 record of a later version of resbench in the folder" in page and "damaged" not in page
    code, out, err = command("merge", study, "--results", "other")
    assert code == 0 and "a record of a later version" in out + err and "1 new" in out


def test_records_that_stay_are_not_replaced_by_a_merge_or_a_result(study: Path, done: Path) -> None:
    path = records(study)[0]
    path.write_text(json.dumps({"schema": 2, "id": path.stem}))
    command("merge", done / "results", "--results", "results")
    assert json.loads(path.read_text())["schema"] == 2
    record = tiny_store(done).read(path.stem)
    assert record and not tiny_store(Path()).add(record) and json.loads(path.read_text())["schema"] == 2


@pytest.mark.parametrize("words", [RUN, ("bench", "tiny.yaml", "--seconds", 0), ("report", "tiny"), ("status", "tiny")])
def test_a_study_file_of_a_later_version_is_kept(words: tuple[object, ...], study: Path) -> None:
    path = study / "study.json"
    path.write_text(json.dumps({"schema": 2, "cells": {}}))
    code, _, err = command(*words)
    assert code == 2 and err.count("\n") == 1 and "written by a later version" in err and "it is kept" in err
    assert json.loads(path.read_text())["schema"] == 2


@pytest.mark.parametrize("words", [RUN, ("report", "tiny"), ("status", "tiny"), ("check", "tiny")])
def test_a_folder_in_place_of_the_study_file_is_one_line(words: tuple[object, ...], study: Path) -> None:
    (study / "study.json").unlink()
    (study / "study.json").mkdir()
    code, _, err = command(*words)
    assert code == 2 and err.count("\n") == 1 and "a folder, where the study file belongs" in err


def test_empty_renamed_and_foreign_records(study: Path) -> None:
    first, second = records(study)
    first.write_text("")
    foreign = study / "0123456789abcdef.json"
    shutil.copy(second, foreign)
    code, out, err = command("status", "tiny")
    assert code == 0 and "1 ok, 1 to do" in out
    assert err.count("\n") == 2 and err.count("a damaged record") == 2
    code, out, err = command(*RUN)
    assert code == 0 and first.stat().st_size and foreign.read_bytes() == second.read_bytes()
    values = json.loads(second.read_text())
    values.pop("sha256")
    second.write_text(json.dumps(values | {"id": first.stem}))
    assert "that says it is" in command("status", "tiny")[2]
