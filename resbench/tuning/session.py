"""What `resbench tune` does: search every arm, keep the trials, run the winners on fresh seeds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from resbench.core.errors import UserError
from resbench.core.files import user_path, user_storage
from resbench.core.text import duration, plural
from resbench.data.directory import use_directory
from resbench.execution.cost import Costs
from resbench.execution.options import user_folders
from resbench.execution.selection import listed
from resbench.execution.session import RunOptions, Session, drive_with_progress
from resbench.grid.grid import Grid, PlannedRun
from resbench.grid.shipped import named
from resbench.records.record import Status
from resbench.records.store import Store
from resbench.records.trials import TrialsFile
from resbench.training.device import choose
from resbench.tuning import trials_file
from resbench.tuning.export import check_target, write_winners
from resbench.tuning.reader import load_search
from resbench.tuning.readonly import finished, trials_of
from resbench.tuning.search import Search, arm_label
from resbench.tuning.space import Range
from resbench.tuning.storage import Studies, Unreachable, in_budget, printable_storage, reachable
from resbench.tuning.winners import Confirmation, Winners, best, confirmation
from resbench.tuning.workers import run_workers

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TuneOptions(RunOptions):
    """How and where a search is done; nothing here changes what its trials are.

    Attributes:
        jobs: workers, and then runs, side by side; None chooses.
        storage: as Optuna takes it; None for the journal file next to the study.
        export: the grid file to write the winners to.
    """

    storage: str | None = None
    export: Path | None = None


def tune(
    search: Search | str | Path,
    jobs: int | None = 1,
    results: str | Path = "results",
    data_dir: str | Path | None = None,
    device: str = "auto",
    *,
    overrides: Sequence[str] = (),
    threads: int | None = None,
    storage: str | None = None,
    export: str | Path | None = None,
    take_over: bool = False,
) -> pd.DataFrame:
    """Tune every arm of a search with the same trials, run the winners on fresh seeds, and return their records.

    Interrupted, the same call goes on.

    Example:
        >>> from resbench.tuning.search import Search
        >>> from resbench.tuning.space import Range
        >>> search = Search(
        ...     "tiny-search",
        ...     base={"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 1},
        ...     arms={"model.shortcut": ["identity", "none"]},
        ...     space={"recipe.lr": Range(0.2, 1.0, log=True)},
        ...     trials=2,
        ...     confirm=1,
        ...     sampler="random",
        ... )
        >>> frame = resbench.tune(search)
        >>> len(frame)  # each arm as tuned and as the base has it
        4

    Args:
        search: a Search, the path of a search file, or the name of one that comes with resbench.
        jobs: workers, and then runs, side by side; None chooses.
        results: folder of all studies.
        data_dir: torchvision data root.
        device: auto, cpu, cuda (all cards), cuda:1 (one) or mps.
        overrides: `path=value` for a search file, such as `trials=60`.
        threads: CPU threads of each worker; None divides the cores among them.
        storage: as Optuna takes it; by default a journal file next to the study.
        export: the grid file to write the winners to.
        take_over: go on in place of the study that another file made under this name.

    Returns:
        One row per record of the study, as `resbench.load`.

    Raises:
        UserError: anything that keeps the search from being completed.
    """
    listed("overrides", overrides)
    use_directory(user_path(data_dir) if data_dir else None)
    if isinstance(search, Grid):
        raise UserError(f"{search.name}: a Grid has nothing to search: use resbench.run, or make a Search")
    if not isinstance(search, Search):
        search = load_search(named(search) if isinstance(search, str) else search, overrides)
    elif overrides:
        raise UserError(f"{search.name}: overrides are for search files: make a Search with these values")
    else:
        search.check()
    options = TuneOptions(
        **user_folders(results, data_dir),
        device=device,
        jobs=jobs,
        threads=threads,
        take_over=take_over,
        storage=user_storage(storage) if storage else None,
        export=user_path(export) if export else None,
    )
    run_search(search, options)
    return Store(options.results / search.name).frame()


def run_search(search: Search, options: TuneOptions) -> list[Status]:
    """Do the trials that are missing, then the runs of the winners and the untuned arms.

    Returns:
        How the runs ended that this call did, in the order in which they ended.

    Raises:
        UserError: a storage or data that cannot be used; with code 1, trials that are missing at the end, and why.
    """
    if options.export:
        check_target(options.export, search)
    session = Session(confirmation(search, {}), options)
    session.check_owner()
    studies = Studies(search, options.storage, session.store)
    try:
        session, trials = _search(studies, session, options)
    except Unreachable as error:
        name = printable_storage(options.storage, session.store)
        raise UserError(f"{name}: {error}: the same command goes on when it is back", code=1) from None
    winners = _winners(trials)
    for line in _unchanged(search, winners):
        print(line, file=sys.stderr)
    if options.export:
        print(*write_winners(options.export, search, winners), sep="\n", file=sys.stderr)
    return _confirm(Session(_grid(search, winners, options), options), session)


def _search(studies: Studies, untuned: Session, options: TuneOptions) -> tuple[Session, TrialsFile]:
    """Do the trials that are missing; returns the session that was started for them, and all trials.

    Args:
        untuned: of the untuned arms alone.
    """
    search, store = studies.search, untuned.store
    with reachable():
        winners, missing = _earlier_winners(studies, store), trials_file.missing_trials(studies)
    session = Session(_grid(search, winners, options), options)
    # by the untuned arms alone: the choice is the same at the beginning and at the end
    session.start(session.choose_concurrency(untuned.runs))
    if missing:
        jobs, reason = session.concurrency.jobs, session.concurrency.reason
        print(
            f"{search.name}: {plural(missing, 'trial')} to finish for {plural(len(studies.arms), 'arm')} with {search.budget} each; "
            f"{jobs} at a time on {session.place} ({reason}); trials in {printable_storage(options.storage, store)}",
            file=sys.stderr,
        )
        run_workers(search, options.storage, session.setting, jobs)
    with reachable():
        trials = trials_file.write(studies, store)
        reasons = _reasons(studies) if trials_file.missing_trials(studies) else []
    if reasons:
        raise UserError(reasons, code=1)
    return session, trials


def _confirm(confirming: Session, searching: Session) -> list[Status]:
    """Run the winners and the untuned arms as `resbench run` would."""
    confirming.start(searching.concurrency)
    if not confirming.missing:
        return []
    lines = [*confirming.notices, f"{confirming.grid.name}: {plural(len(confirming.missing), 'run')} to confirm with"]
    print(*lines, sep="\n", file=sys.stderr)
    return drive_with_progress(confirming)


def _winners(trials: TrialsFile) -> Winners:
    return {arm.label: arm.tuned for arm in trials.arms if arm.tuned is not None}


def _unchanged(search: Search, winners: Winners) -> list[str]:
    """Which arms tuning has not changed, in lines."""
    lines = []
    for arm in search.points():
        label = arm_label(arm)
        if label not in winners:
            lines.append(f"{label}: every trial diverged or was pruned: it is run untuned alone")
        elif search.config(arm, winners[label]) == search.config(arm):
            lines.append(f"{label}: its best trial has the values of the base: tuned and untuned are one")
    return lines


def _grid(search: Search, winners: Winners, options: TuneOptions) -> Confirmation:
    """The grid to confirm, which tells `status` and report how to go on."""
    store = Store(options.results / search.name)
    return confirmation(search, winners, printable_storage(options.storage, store) if options.storage else None)


def _earlier_winners(studies: Studies, store: Store) -> Winners:
    """The winners of the last time that the search ended: they stay in the study while more trials are searched."""
    numbers = trials_file.earlier_winners(store)
    winners = {}
    for index, arm in enumerate(studies.arms):
        number, trials = numbers.get(arm_label(arm)), studies.trials(index)
        if number is not None and 0 <= number < len(trials) and (winner := best([trials[number]])):
            winners[arm_label(arm)] = studies.search.values(winner.params)
    return winners


def _reasons(studies: Studies) -> list[str]:
    """Why trials are missing: what the last failed trial of each arm said."""
    lines = []
    for index, arm in enumerate(studies.arms):
        failed = [trial for trial in studies.trials(index) if not in_budget(trial)]
        if failed:
            number, message = failed[-1].number, failed[-1].user_attrs.get("message", "no reason known")
            lines.append(
                f"{arm_label(arm)}: {plural(len(failed), 'trial')} failed, the last (number {number}): {message}"
            )
    return lines or ["the workers died one after the other: the search is not complete; the same command goes on"]


def describe(search: Search, options: TuneOptions) -> str:
    """The search as text: the space, the budget of each arm, how much of it is spent, and the most that is left.

    Raises:
        UserError: as `run_search`, before anything is made.
    """
    store = Store(options.results / search.name)
    if options.export:
        check_target(options.export, search)
    lines = [f"{path}: {_describe_field(path, search)}" for path in search.space]
    for arm, trials in zip(search.points(), trials_of(search, options.storage, store), strict=True):
        lines.append(f"{arm_label(arm)}: {finished(trials)} of {search.budget} trials done")
    runs = [PlannedRun.of(search.config(arm), arm) for arm in search.points()]
    costs = Costs(store, choose(options.device), 1)
    costs.calibrate(runs)
    costs.keep()
    seeds = search.budget * search.seeds + 2 * search.confirm
    total = duration(seeds * sum(costs.of(run.cell_config).seconds for run in runs))
    lines.append(
        f"{search.name}: {plural(len(runs), 'arm')} with {plural(search.budget, 'trial')} of {plural(search.seeds, 'seed')} each ({search.sampler}, "
        f"pruner {search.pruner}), then {2 * search.confirm} runs for each arm; {total} on one core at most, by "
        f"{costs.source}; trials in {printable_storage(options.storage, store)}"
    )
    return "\n".join(lines)


def _describe_field(path: str, search: Search) -> str:
    searched = search.space[path]
    untuned = search.untuned(search.points()[0])[path]
    if isinstance(searched, Range):
        kind = " on a log scale" if searched.log else f" in steps of {searched.step}" if searched.step else ""
        unreached = "" if searched.last >= searched.high else f" (no step ends at {searched.high})"
        return f"from {searched.low} to {searched.last}{kind}{unreached}; untuned {untuned}"
    return f"one of {', '.join(map(str, searched.choices))}; untuned {untuned}"
