"""Optuna's journal file, cut by kills, locked by the dead, damaged, and opened by others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from support.searches import SEARCH, load, options_of, store_of, studies_of

from resbench.core.errors import UserError
from resbench.tuning.journal import JournalLock, open_journal
from resbench.tuning.readonly import open_readonly
from resbench.tuning.session import describe
from resbench.tuning.storage import JOURNAL


def test_a_journal_cut_at_any_byte_of_its_last_record_goes_on(tmp_path: Path) -> None:
    search = load(tmp_path, SEARCH, "model.shortcut=identity")
    studies_of(search, tmp_path).ask(0)
    path = store_of(tmp_path).folder / JOURNAL
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for end in range(last + 1, len(whole), 7):
        path.write_bytes(whole[:end])
        again = studies_of(search, tmp_path)
        again.ask(0)
        assert len(again.trials(0)) == 2
        assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_journal_cut_anywhere_in_its_last_records_goes_on(tmp_path: Path) -> None:
    """As a kill leaves it: all that was whole stays, the rest is cut away before another record is glued to it."""
    search = load(tmp_path, SEARCH, "model.shortcut=identity")
    store = store_of(tmp_path)
    studies = studies_of(search, tmp_path)
    for _ in range(2):
        trial = studies.ask(0)
    trial.report(0.5, 1)
    path = store.folder / JOURNAL
    whole = path.read_bytes()
    for end in range(len(whole) - 200, len(whole)):
        path.write_bytes(whole[:end])
        open_readonly(None, store)
        open_journal(path).set_study_user_attr(0, "cut", end)
        lines = path.read_bytes().splitlines()
        assert lines[:-1] == whole[:end].splitlines()[: whole[:end].count(b"\n")] and all(map(json.loads, lines))
    middle = whole.splitlines(keepends=True)
    path.write_bytes(b"".join([*middle[:2], middle[2][:30] + b"\n", *middle[3:]]))
    for use in (lambda: studies_of(search, tmp_path), lambda: describe(search, options_of(tmp_path))):
        with pytest.raises(UserError, match=r"optuna.journal:3: a damaged line: restore"):
            use()


def test_the_lock_of_a_killed_process_does_not_stop_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    path.touch()
    left = Path(f"{path}.lock")
    left.touch()  # what Optuna's own lock leaves behind
    lock = JournalLock(path)
    lock.acquire()
    assert left.exists()
    lock.release()
    assert not left.exists()
    lock.acquire()
    lock.release()


def test_the_dashboard_opens_the_journal_as_it_is(tmp_path: Path) -> None:
    dashboard = pytest.importorskip(
        "optuna_dashboard", reason="optuna-dashboard is not installed: pip install 'resbench[tune]'"
    )
    studies = studies_of(load(tmp_path), tmp_path)
    studies.studies[0].tell(studies.ask(0), 0.25)
    serve = dashboard.wsgi(str(store_of(tmp_path).folder / JOURNAL))
    request: dict[str, Any] = {"PATH_INFO": "/api/studies"}
    setup_testing_defaults(request)
    statuses: list[str] = []
    body = b"".join(serve(request, lambda status, *_: statuses.append(status)))
    assert statuses == ["200 OK"]
    names = [summary["study_name"] for summary in json.loads(body)["study_summaries"]]
    assert names == ["tiny/model.shortcut=identity", "tiny/model.shortcut=none"]
