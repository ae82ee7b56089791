"""Look at a storage without making or changing anything in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from resbench.store import Store
from resbench.tune.storage import connect, counts, journal


def looked(url: str | None, store: Store) -> BaseStorage | None:
    """The storage as it stands; None if there is nothing yet.

    Raises:
        UserError: it cannot be opened.
    """
    if url is None or "://" not in url:
        path = journal(url, store)
        return JournalStorage(JournalFileBackend(str(path))) if path.exists() else None
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    if url.startswith("sqlite") and not Path(make_url(url).database or "").exists():
        return None
    try:
        there = inspect(create_engine(url)).has_table("studies")
    except (SQLAlchemyError, ImportError, ValueError):
        there = True  # `connect` says what is wrong
    return optuna.storages.get_storage(connect(url, store)) if there else None


def trials_of(storage: BaseStorage | None, studies: Sequence[str]) -> list[list[FrozenTrial]]:
    """The trials of each of these Optuna studies; none of one that is not there."""
    if storage is None:
        return [[] for _ in studies]
    ids = {one.study_name: one._study_id for one in storage.get_all_studies()}
    return [storage.get_all_trials(ids[name], deepcopy=False) if name in ids else [] for name in studies]


def finished(trials: Sequence[FrozenTrial]) -> int:
    """How much of the budget of an arm is spent."""
    return sum(counts(one) and one.state.is_finished() for one in trials)


def unfinished(search: Mapping[str, Any], store: Store) -> str:
    """How many trials of a search are open, as `12 of 48 trials`; empty if none is.

    Args:
        search: what the study file says of it: storage, studies, and the trials of each.

    Raises:
        UserError: the storage cannot be opened.
    """
    found = trials_of(looked(search["storage"], store), search["studies"])
    budget = search["trials"]
    lacking = sum(max(0, budget - finished(one)) for one in found)
    return f"{lacking} of {budget * len(found)} trials" if lacking else ""
