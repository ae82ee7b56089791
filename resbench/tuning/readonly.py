"""Look at a storage without making or changing anything in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from resbench.core.config import UserError
from resbench.records.store import Store
from resbench.tuning.journal import open_journal
from resbench.tuning.storage import Unreachable, check_storage, connect, counts, journal, reachable, shown, study_id


def looked(url: str | None, store: Store) -> BaseStorage | None:
    """The storage as it stands; None if there is nothing yet.

    Raises:
        UserError: it cannot be opened.
    """
    check_storage(url, store)
    if url is None or "://" not in url:
        path = journal(url, store)
        return open_journal(path, look=True) if path.exists() else None
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    if url.startswith("sqlite") and not Path(make_url(url).database or "").exists():
        return None
    try:
        engine = create_engine(url)
        there = inspect(engine).has_table("studies")
        engine.dispose()
    except (SQLAlchemyError, ImportError, ValueError):
        there = True  # `connect` says what is wrong
    return optuna.storages.get_storage(connect(url, store)) if there else None


def trials_of(storage: BaseStorage | None, studies: Sequence[str]) -> list[list[FrozenTrial]]:
    """The trials of each of these Optuna studies; none of one that is not there."""
    if storage is None:
        return [[] for _ in studies]
    ids = [study_id(storage, name) for name in studies]
    return [[] if one is None else storage.get_all_trials(one, deepcopy=False) for one in ids]


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
    try:
        with reachable():
            found = trials_of(looked(search["storage"], store), search["studies"])
    except Unreachable as error:
        raise UserError(f"{shown(search['storage'], store)}: {error}") from None
    budget = search["trials"]
    lacking = sum(max(0, budget - finished(one)) for one in found)
    return f"{lacking} of {budget * len(found)} trials" if lacking else ""
