"""Where the trials are: Optuna's journal file beside the study, or whatever Optuna opens by a URL."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from resbench.config import UserError, digest
from resbench.store import Store
from resbench.tune.search import Search

if TYPE_CHECKING:
    from resbench.grid import Cell

JOURNAL = "optuna.journal"
_SCHEMES = ("sqlite", "postgresql", "mysql", "mariadb", "oracle", "mssql")
optuna.logging.set_verbosity(optuna.logging.WARNING)


class JournalLock(JournalFileOpenLock):
    """A lock that dies with its holder around Optuna's own, which other programs on the same file respect.

    Optuna's is a file, and one of a killed process stands for its grace of half a minute: here three seconds, since
    none of us can hold it meanwhile. A record that a kill cut short is cut away, before another one is glued to it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        beside = path.parent / ".work"
        beside.mkdir(exist_ok=True)
        self._ours = FileLock(beside / f"{path.name}.lock")
        super().__init__(str(path), grace_period=3)

    def acquire(self) -> bool:
        self._ours.acquire()
        try:
            super().acquire()
            cut = _mend(self._path)
        except BaseException:
            self._ours.release(force=True)
            raise
        if cut:
            print(f"{self._path}: {cut} bytes of an unfinished record are cut away", file=sys.stderr)
        return True

    def release(self) -> None:
        try:
            super().release()
        finally:
            self._ours.release()


def _mend(path: Path) -> int:
    """Cut what follows the last line end; returns the number of bytes."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        end = size
        while end:
            start = max(0, end - 4096)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            file.truncate(end)
        return size - end


def shown(url: str | None, store: Store) -> str:
    """The storage as it may be printed: without a password."""
    if url is None or "://" not in url:
        return str(journal(url, store))
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def journal(url: str | None, store: Store) -> Path:
    """The file of a storage that is no URL."""
    return Path(url) if url else store.folder / JOURNAL


def connect(url: str | None, store: Store) -> BaseStorage:
    """Open the storage.

    Args:
        url: as Optuna takes it, or the path of a journal file; None for the one beside the study.

    Raises:
        UserError: it cannot be opened, in a line.
    """
    if url is None or "://" not in url:
        path = journal(url, store)
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path), JournalLock(path)))
    if url.split("://")[0].split("+")[0] not in _SCHEMES:
        raise UserError(f"--storage {url.split('://')[0]}://...: use a file name, or one of {', '.join(_SCHEMES)}")
    from sqlalchemy.exc import SQLAlchemyError

    waits = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    try:
        return RDBStorage(url, engine_kwargs=waits)
    except ImportError as error:
        raise UserError(f"--storage: {' '.join(str(error).split())}: pip install 'resbench[tune]'") from None
    except (SQLAlchemyError, RuntimeError, ValueError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        hidden = shown(url, store) if isinstance(error, SQLAlchemyError) else url.split("@")[-1]
        raise UserError(f"--storage {hidden}: cannot be opened: {reason}") from None


class Studies:
    """The Optuna studies of a search, one for each arm; made if they are not there.

    Attributes:
        arms: the arms in their order.

    Raises:
        UserError: the storage cannot be opened, or holds another search of this name.
    """

    def __init__(self, search: Search, url: str | None, store: Store) -> None:
        self.search = search
        self.arms = search.points()
        store.open()
        # one process at a time hands out trials, so that none of several goes beyond the budget
        self.admission = FileLock(store.work / f"tune-{digest(search.name)}.lock")
        with self.admission:
            self.storage = optuna.storages.get_storage(connect(url, store))
            self.studies = [self._open(arm) for arm in self.arms]

    def _open(self, arm: Cell) -> optuna.Study:
        name = self.search.study(arm)
        study = optuna.create_study(
            study_name=name, storage=self.storage, direction="minimize", load_if_exists=True,
            pruner=_pruner(self.search, arm), sampler=optuna.samplers.RandomSampler(),
        )  # fmt: skip
        kept = study.user_attrs.get("search")
        if kept is None:
            study.set_user_attr("search", json.loads(json.dumps(self.search.identity(arm))))
        elif differing := self.search.same(arm, kept):
            raise UserError(
                f"{self.search.file}: the storage holds {name} with another {' and '.join(differing)}: a search goes on "
                "as it began; give this one a name of its own, or delete that one with `optuna delete-study`"
            )
        return study

    def trials(self, arm: int) -> list[FrozenTrial]:
        """The trials of an arm as they stand, by number."""
        return self.studies[arm].get_trials(deepcopy=False)

    def ask(self, arm: int) -> optuna.Trial:
        """A new trial of an arm, with its values; the admission lock is held."""
        study, search = self.studies[arm], self.search
        distributions = {path: one.distribution() for path, one in search.space.items()}
        trials = self.trials(arm)
        # each trial has a seed of its own: workers that draw from the same one would draw the same
        study.sampler = _sampler(search, int(digest(f"{study.study_name}:{len(trials)}")[:7], 16))
        if search.sampler == "grid" and not any(t.state == TrialState.WAITING for t in trials):
            taken = {t.user_attrs.get("point") for t in trials if counts(t)}
            points = list(enumerate(search.grid() or []))
            number, point = next((one for one in points if one[0] not in taken), points[0])
            stored = {path: search.space[path].stored(value) for path, value in point.items()}
            study.enqueue_trial(stored, user_attrs={"point": number})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of fixed values and experimental samplers
            return study.ask(distributions)

    def adopt(self, arm: int, number: int) -> optuna.Trial:
        """The trial that a worker left unfinished, under its number."""
        study = self.studies[arm]
        study.sampler = _sampler(self.search, number)
        # Optuna has no public way to go on with a running trial; its id is what `Study.ask` makes a trial from
        trial = optuna.Trial(study, self.trials(arm)[number]._trial_id)
        for (
            path,
            one,
        ) in self.search.space.items():  # what it has it keeps; the rest, if it died in the middle of asking
            one.suggest(trial, path)
        return trial


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial is part of the budget: all are but the failed, in whose place another comes."""
    return trial.state != TrialState.FAIL


def surplus(trials: Sequence[FrozenTrial], number: int, budget: int) -> bool:
    """Whether a trial is one too many: machines that share no lock may ask at the same moment, and the later goes."""
    earlier = [t for t in trials[:number] if counts(t)]
    point = trials[number].user_attrs.get("point")
    return len(earlier) >= budget or (point is not None and any(t.user_attrs.get("point") == point for t in earlier))


def _sampler(search: Search, seed: int) -> optuna.samplers.BaseSampler:
    samplers = optuna.samplers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are called experimental
        if search.sampler == "tpe":
            return samplers.TPESampler(seed=seed, constant_liar=True)
        if search.sampler == "cmaes":
            return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
        if search.sampler == "gp":
            return samplers.GPSampler(seed=seed)
        return samplers.RandomSampler(seed=seed)  # a grid's points are all fixed, and no sampler is asked


def _pruner(search: Search, arm: Cell) -> optuna.pruners.BasePruner:
    if search.pruner == "median":
        return optuna.pruners.MedianPruner()
    if search.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=search.epochs(arm), reduction_factor=3)
    return optuna.pruners.NopPruner()
