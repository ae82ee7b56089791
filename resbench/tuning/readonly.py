"""Read a storage without making or changing anything in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from resbench.core.errors import UserError
from resbench.records.store import Store
from resbench.records.study_file import SearchSource
from resbench.tuning.journal import open_journal
from resbench.tuning.search import Search
from resbench.tuning.storage import (
    Unreachable,
    check_storage,
    connect,
    in_budget,
    journal_path,
    printable_storage,
    reachable,
    refuse_another,
    study_id,
)


def trials_of(search: Search, url: str | None, store: Store) -> list[list[FrozenTrial]]:
    """The trials of each arm as they are now; none where nothing has been searched yet.

    Raises:
        UserError: the storage cannot be opened, or holds another search of this name.
    """
    name = printable_storage(url, store)
    try:
        with reachable():
            storage = open_readonly(url, store)
            if storage:
                refuse_another(search, storage, name)
            return _trials(storage, [search.study_name(arm) for arm in search.points()])
    except Unreachable as error:
        raise UserError(f"--storage {name}: {error}") from None


def unfinished(search: SearchSource, store: Store) -> str:
    """How many trials of a search are open, as `12 of 48 trials`; empty if none is.

    Raises:
        UserError: the storage cannot be opened.
    """
    try:
        with reachable():
            trials = _trials(open_readonly(search.storage, store), search.studies)
    except Unreachable as error:
        raise UserError(f"{printable_storage(search.storage, store)}: {error}") from None
    count = sum(max(0, search.trials - finished(arm)) for arm in trials)
    return f"{count} of {search.trials * len(trials)} trials" if count else ""


def open_readonly(url: str | None, store: Store) -> BaseStorage | None:
    """The storage as it is; None if there is nothing yet.

    Raises:
        UserError: it cannot be opened.
    """
    check_storage(url, store)
    if url is None or "://" not in url:
        path = journal_path(url, store)
        return open_journal(path, readonly=True) if path.exists() else None
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    if url.startswith("sqlite") and not Path(make_url(url).database or "").exists():
        return None
    try:
        engine = create_engine(url)
        exists = inspect(engine).has_table("studies")
        engine.dispose()
    except (SQLAlchemyError, ImportError, ValueError):
        exists = True  # `connect` says what is wrong
    return optuna.storages.get_storage(connect(url, store)) if exists else None


def _trials(storage: BaseStorage | None, studies: Sequence[str]) -> list[list[FrozenTrial]]:
    """The trials of each of these Optuna studies; none of one that does not exist."""
    if storage is None:
        return [[] for _ in studies]
    ids = [study_id(storage, name) for name in studies]
    return [[] if number is None else storage.get_all_trials(number, deepcopy=False) for number in ids]


def finished(trials: Sequence[FrozenTrial]) -> int:
    """How much of the budget of an arm is spent."""
    return sum(in_budget(trial) and trial.state.is_finished() for trial in trials)
