"""Damaged records are named in one line, their runs are done again with an equal result, and nothing else is touched."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from support.inprocess import resbench
from support.tiny import copy_tiny, run_tiny, tiny_contents, tiny_store

from resbench.core.files import temporary_in


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run_tiny(folder)[0] == 0
    return folder


def test_the_checksum_of_a_record_can_be_checked_by_hand(undisturbed: Path) -> None:
    path = tiny_store(undisturbed).path(min(tiny_contents(undisturbed)))
    done = subprocess.run(f"head -n -2 {path} | sha256sum", shell=True, capture_output=True, text=True, check=True)
    assert f'"sha256": "{done.stdout.split()[0]}"' in path.read_text()


def test_one_damaged_record_is_done_again_and_the_others_stay(undisturbed: Path, tmp_path: Path) -> None:
    first, second = sorted(tiny_contents(undisturbed))
    folder = copy_tiny(undisturbed, tmp_path)
    store = tiny_store(folder)
    whole, other = store.path(first).read_bytes(), store.path(second).stat()
    for bad in (
        b"",
        whole[:700],
        b"\0" * len(whole),
        b"\xff",
        whole.replace(b'"test_error": 0.', b'"test_error": 0.0'),
    ):
        store.path(first).write_bytes(bad)
        assert store.done() == {second}
    code, err = run_tiny(folder)
    assert code == 0 and err.startswith(f"{store.path(first)}: a damaged record (that differs from its checksum)")
    assert "1 run to do, 1 done" in err
    assert tiny_contents(folder) == tiny_contents(undisturbed)
    assert store.path(second).stat().st_mtime_ns == other.st_mtime_ns


def test_what_a_killed_process_was_writing_goes_when_its_run_is_done(undisturbed: Path, tmp_path: Path) -> None:
    first, second = sorted(tiny_contents(undisturbed))
    store = tiny_store(copy_tiny(undisturbed, tmp_path))
    store.path(first).unlink()
    store.open()
    mine, others = (temporary_in(store.work, store.checkpoint(run_id).name) for run_id in (first, second))
    mine.write_bytes(b"half")
    others.write_bytes(b"half")  # as young, and another command may be writing it
    assert run_tiny(tmp_path)[0] == 0
    assert not mine.exists() and others.exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "\x00", '{"runs": 3}', "[" * 20_000, '{"runs": [{"id": "../x"}]}']
)
def test_a_damaged_study_file_is_named_and_written_again(text: str, undisturbed: Path, tmp_path: Path) -> None:
    folder = copy_tiny(undisturbed, tmp_path)
    path = folder / "results" / "tiny" / "study.json"
    whole = path.read_bytes()
    path.write_text(text)
    places = ["--results", folder / "results"]
    for words in (["status", "tiny"], ["check", "tiny"], ["report", "tiny", "--reports", folder / "reports"]):
        code, _, err = resbench(*words, *places)
        assert code == 2 and re.fullmatch(rf"{re.escape(str(path))}: damaged \(.+\): run the grid again .*\n", err)
    assert run_tiny(folder)[0] == 0
    assert json.loads(path.read_bytes())["runs"] == json.loads(whole)["runs"]
    assert resbench("status", "tiny", *places)[::2] == (0, "")
