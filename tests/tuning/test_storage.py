"""Storages of all kinds: what can be none, what is read without a trace, and another search of the name."""

from __future__ import annotations

import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from support.searches import SEARCH, load, options_of, studies_of

from resbench.core.errors import UserError
from resbench.records.store import Store
from resbench.tuning.readonly import trials_of
from resbench.tuning.session import describe, run_search
from resbench.tuning.storage import Studies


def test_describing_a_search_makes_nothing(tmp_path: Path) -> None:
    search = load(tmp_path)
    for storage in (f"sqlite:///{tmp_path / 't.db'}", str(tmp_path / "there" / "t.journal"), None):
        assert "model.shortcut=none: 0 of 3 trials done" in describe(search, options_of(tmp_path, storage))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml"]
    empty = tmp_path / "t.db"
    sqlite3.connect(empty).close()
    describe(search, options_of(tmp_path, f"sqlite:///{empty}"))
    assert empty.stat().st_size == 0
    with pytest.raises(UserError, match="cannot be opened"):
        describe(search, options_of(tmp_path, "postgresql+psycopg://me:secret@127.0.0.1:1/none"))


def test_another_search_of_the_name_can_be_deleted_as_the_line_says(tmp_path: Path) -> None:
    store = Store(tmp_path / "re sults" / "tiny")
    Studies(load(tmp_path), None, store)
    other = load(tmp_path, SEARCH, "pruner=median")
    with pytest.raises(UserError, match="with another pruner"):
        trials_of(other, None, store)
    with pytest.raises(UserError, match="with another pruner") as caught:
        Studies(other, None, store)
    assert len(caught.value.lines) == 2
    for line in caught.value.lines:
        words = shlex.split(line.split("delete that one: ")[1])
        program = Path(sys.executable).with_name("optuna")
        assert subprocess.run([program, *words[1:]], capture_output=True).returncode == 0
    Studies(other, None, store)


@pytest.mark.parametrize(
    ("storage", "part"),
    [
        ("t.db", "is an SQLite database: write sqlite:///"),
        ("notes.txt", "is not a journal of Optuna's"),
        ("folder", "is a folder"),
        ("sqlite:t.db", "write sqlite:///t.db, or ./sqlite:t.db for a journal file"),
        ("sqlite://", "each worker would have a database of its own"),
        ("sqlite:///:memory:", "each worker would have a database of its own"),
        ("redis://localhost", "use a file name, or one of sqlite, postgresql"),
        ("sqlite:///notes.txt", "cannot be opened: file is not a database"),
    ],
)
def test_what_is_no_storage_is_refused_in_a_line_and_left_as_it_is(
    storage: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    search = load(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("remember the milk\nand the bread, which")
    with sqlite3.connect(tmp_path / "t.db") as database:
        database.execute("create table mine (x)")
    database.close()
    before = {name: (tmp_path / name).read_bytes() for name in ("t.db", "notes.txt")}
    for use in (run_search, describe):
        with pytest.raises(UserError) as caught:
            use(search, options_of(tmp_path, storage))
        assert len(caught.value.lines) == 1 and part in caught.value.lines[0], caught.value.lines
    assert before == {name: (tmp_path / name).read_bytes() for name in before}


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("ftp://there/x", "use a file name, or one of sqlite, postgresql"),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/none", "cannot be opened"),
        ("sqlite:////nowhere/at/all.db", "cannot be opened"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_a_line_without_its_password(url: str, part: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        studies_of(load(tmp_path), tmp_path, url)
    assert len(caught.value.lines) == 1 and part in caught.value.lines[0] and "secret" not in caught.value.lines[0]
