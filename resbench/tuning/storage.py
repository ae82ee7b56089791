"""Where the trials are: Optuna's journal file next to the study, or whatever Optuna opens by a URL."""

from __future__ import annotations

import contextlib
import shlex
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState

from resbench.core.cell import Cell
from resbench.core.config import digest
from resbench.core.errors import Stopped, Unwritable, UserError
from resbench.core.locks import wait_for_lock
from resbench.records.store import Store
from resbench.tuning.journal import check_journal, open_journal
from resbench.tuning.search import Search

JOURNAL = "optuna.journal"
_SCHEMES = ("sqlite", "postgresql", "mysql", "mariadb", "oracle", "mssql")
optuna.logging.set_verbosity(optuna.logging.ERROR)  # this program reports what goes wrong with the storage


def printable_storage(url: str | None, store: Store) -> str:
    """The storage as it may be printed: without a password."""
    if url is None or "://" not in url:
        return str(journal_path(url, store))
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def journal_path(url: str | None, store: Store) -> Path:
    """The file of a storage that is no URL."""
    return Path(url) if url else store.folder / JOURNAL


def connect(url: str | None, store: Store) -> BaseStorage:
    """Open the storage.

    Args:
        url: as Optuna takes it, or the path of a journal file; None for the one next to the study.

    Raises:
        UserError: it cannot be opened, in a line.
    """
    check_storage(url, store)
    if url is None or "://" not in url:
        return open_journal(journal_path(url, store))
    from sqlalchemy.exc import SQLAlchemyError

    waits = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    try:
        return RDBStorage(url, engine_kwargs=waits)
    except ImportError as error:
        raise UserError(f"--storage: {' '.join(str(error).split())}: pip install 'resbench[tune]'") from None
    except (SQLAlchemyError, OptunaError, RuntimeError, ValueError) as error:
        raise UserError(f"--storage {printable_storage(url, store)}: cannot be opened: {_reason(error)}") from None


def check_storage(url: str | None, store: Store) -> None:
    """See that several processes can work on such a storage, before anything is made.

    Raises:
        UserError: they cannot.
    """
    scheme, colon, rest = (url or "").partition(":")
    if url is None or "://" not in url:
        if url and colon and scheme.split("+")[0] in _SCHEMES:
            raise UserError(f"--storage {url}: write {scheme}:///{rest.lstrip('/')}, or ./{url} for a journal file")
        return check_journal(journal_path(url, store))
    if scheme.split("+")[0] not in _SCHEMES:
        raise UserError(f"--storage {scheme}://...: use a file name, or one of {', '.join(_SCHEMES)}")
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        database = make_url(url).database
    except (ArgumentError, ValueError):
        raise UserError(f"--storage {scheme}://...: not a URL: write {scheme}://name@host/database") from None
    if scheme.startswith("sqlite") and (not database or ":memory:" in url or "mode=memory" in url):
        raise UserError(f"--storage {url}: each worker would have a database of its own: name a file, sqlite:///x.db")
    return None


class Unreachable(Stopped):
    """The storage did not answer: the trial is left as it is, and taken up again."""


@contextlib.contextmanager
def reachable() -> Iterator[None]:
    """Tell what a storage raises when it is gone from a mistake in the program, and from a network that fails.

    Raises:
        Unreachable: it did not answer.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except Unwritable:  # is the disk that the results are on
        raise
    except (SQLAlchemyError, OptunaError, OSError, ValueError, KeyError) as error:
        raise Unreachable(f"the storage did not answer: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """What the database itself said, on one line."""
    original = getattr(error, "orig", None) or getattr(error.__cause__, "orig", None) or error
    return " ".join(str(original).split()) or type(error).__name__


class Studies:
    """The Optuna studies of a search, one for each arm; made if they do not exist.

    Attributes:
        arms: the arms in their order.

    Raises:
        UserError: the storage cannot be opened, or holds another search of this name.
    """

    def __init__(self, search: Search, url: str | None, store: Store) -> None:
        self.search = search
        self.arms = search.points()
        check_storage(url, store)
        store.open()
        self._admission = store.work / f"tune-{digest(search.name)}.lock"
        with self.admission():
            self.storage = optuna.storages.get_storage(connect(url, store))
            refuse_another(search, self.storage, printable_storage(url, store))
            try:
                with reachable():
                    self.studies = [self._open(arm) for arm in self.arms]
            except Unreachable as error:
                raise UserError(f"--storage {printable_storage(url, store)}: {error}") from None

    def admission(self) -> contextlib.AbstractContextManager[None]:
        """Lets one process at a time give out trials, so that several together stay within the budget."""
        return wait_for_lock(self._admission)

    def _open(self, arm: Cell) -> optuna.Study:
        name = self.search.study_name(arm)
        study = optuna.create_study(
            study_name=name, storage=self.storage, direction="minimize", load_if_exists=True,
            pruner=_pruner(self.search, arm), sampler=optuna.samplers.RandomSampler(),
        )  # fmt: skip
        if "search" not in study.user_attrs:
            study.set_user_attr("search", self.search.identity(arm))
        return study

    def trials(self, arm: int) -> list[FrozenTrial]:
        """The trials of an arm as they are now, by number."""
        return self.studies[arm].get_trials(deepcopy=False)

    def claim_name(self, arm: int, number: int) -> str:
        """Under which a worker claims a trial in the store."""
        return f"trial-{digest(self.studies[arm].study_name)}-{number}"

    def ask(self, arm: int) -> optuna.Trial:
        """A new trial of an arm, with its values; only under admission."""
        study, search = self.studies[arm], self.search
        distributions = {path: searched.distribution() for path, searched in search.space.items()}
        trials = self.trials(arm)
        # each trial has a seed of its own: workers that draw from the same one would draw the same
        study.sampler = _sampler(search, int(digest(f"{study.study_name}:{len(trials)}")[:7], 16))
        if search.sampler == "grid" and not any(t.state == TrialState.WAITING for t in trials):
            taken = {t.user_attrs.get("point") for t in trials if in_budget(t)}
            points = list(enumerate(search.grid() or []))
            number, point = next((item for item in points if item[0] not in taken), points[0])
            stored = {path: search.space[path].to_storage(value) for path, value in point.items()}
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
        for path, searched in self.search.space.items():  # values are missing if the worker died while it asked
            searched.suggest(trial, path)
        return trial


def study_id(storage: BaseStorage, name: str) -> int | None:
    """Of an Optuna study; None if there is none of the name."""
    try:
        return storage.get_study_id_from_name(name)
    except KeyError:
        return None


def refuse_another(search: Search, storage: BaseStorage, name: str) -> None:
    """See that what the storage has under the names of this search is this search.

    Args:
        name: of the storage, as it may be printed.

    Raises:
        UserError: a line for each arm that is another.
    """
    lines = []
    for arm in search.points():
        study = search.study_name(arm)
        number = study_id(storage, study)
        stored = None if number is None else storage.get_study_user_attrs(number).get("search")
        differing = search.differences(arm, stored) if stored else []
        if differing:
            delete = shlex.join(["optuna", "delete-study", "--study-name", study, "--storage", name])
            lines.append(
                f"{search.file}: the storage holds {study} with another {' and '.join(differing)}: a search goes on as it "
                f"began; give this one a name of its own, or delete that one: {delete}"
            )
    if lines:
        raise UserError(lines)


def in_budget(trial: FrozenTrial) -> bool:
    """Whether a trial is part of the budget: all are but the failed, in whose place another comes."""
    return trial.state != TrialState.FAIL


def surplus(trials: Sequence[FrozenTrial], number: int, budget: int) -> bool:
    """Whether a trial is one too many: machines that share no folder may ask at the same moment, and the later goes."""
    earlier = [t for t in trials[:number] if in_budget(t)]
    point = trials[number].user_attrs.get("point")
    return len(earlier) >= budget or (point is not None and any(t.user_attrs.get("point") == point for t in earlier))


def _sampler(search: Search, seed: int) -> optuna.samplers.BaseSampler:
    samplers = optuna.samplers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are called experimental
        if search.sampler == "tpe":
            return samplers.TPESampler(seed=seed, constant_liar=True)
        if search.sampler == "gp":
            return samplers.GPSampler(seed=seed)
        return samplers.RandomSampler(seed=seed)  # a grid's points are all fixed, and no sampler is asked


def _pruner(search: Search, arm: Cell) -> optuna.pruners.BasePruner:
    if search.pruner == "median":
        return optuna.pruners.MedianPruner()
    if search.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=search.epochs(arm), reduction_factor=3)
    return optuna.pruners.NopPruner()
