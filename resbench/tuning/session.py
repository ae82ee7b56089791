"""What `resbench tune` does: search every arm, keep the trials, run the winners on fresh seeds."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from resbench.core.config import UserError
from resbench.data.loading import prepare
from resbench.execution.concurrency import Share, share
from resbench.execution.plan import Costs, span, unprobed
from resbench.execution.progress import Live
from resbench.execution.session import Local, Setting, drive
from resbench.grid.grid import Cell, Grid, Planned
from resbench.records.store import Store
from resbench.training.device import choose, revision
from resbench.tuning.export import check_target, write_winners
from resbench.tuning.readonly import finished, looked, trials_of
from resbench.tuning.search import Range, Search, label
from resbench.tuning.storage import Studies, Unreachable, counts, reachable, refuse_another, shown
from resbench.tuning.trials_file import keep
from resbench.tuning.winners import Confirmation, best, confirmation
from resbench.tuning.workers import search_through


@dataclass(frozen=True)
class Asked:
    """The command line beside the search file.

    Attributes:
        storage: as Optuna takes it; None for the journal file beside the study.
        jobs: side by side, None chooses.
        export: the grid file to write the winners to.
    """

    results: Path
    directory: Path
    storage: str | None
    device: str
    jobs: int | None
    export: Path | None


def tuned(search: Search, asked: Asked) -> tuple[Grid, list[str]] | None:
    """Search, confirm, and return the confirmed grid with how its runs of this command ended; None if trials are lacking.

    Raises:
        UserError: a storage or data that cannot be used.
    """
    store = Store(asked.results / search.name)
    choose(asked.device)
    if asked.export:
        check_target(asked.export, search)
    studies = Studies(search, asked.storage, store)
    try:
        with reachable():
            setting, way = _start(_grid(search, _settled(studies, store), asked), search, asked)
            lacking = _lacking(studies)
        if lacking:
            print(
                f"{search.name}: {lacking} trials to finish for {len(studies.arms)} arms with {search.budget} each; "
                f"{way.jobs} at a time on {setting.device} ({way.because}); trials in {shown(asked.storage, store)}",
                file=sys.stderr,
            )
            search_through(search, asked.storage, setting, way.jobs)
        with reachable():
            told, short = keep(studies, store), _why(studies) if _lacking(studies) else []
    except Unreachable as error:
        short = [f"{shown(asked.storage, store)}: {error}: the same command goes on when it is back"]
    if short:
        print(*short, sep="\n", file=sys.stderr)
        return None
    winners: dict[str, Cell] = {one["label"]: one["tuned"] for one in told["arms"] if one["tuned"] is not None}
    _tell(search, winners)
    if asked.export:
        for line in write_winners(asked.export, search, winners):
            print(line, file=sys.stderr)
    grid = _grid(search, winners, asked)
    return grid, _confirm(grid, store, setting, way)


def _tell(search: Search, winners: Mapping[str, Cell]) -> None:
    """Say which arms were not changed by being tuned."""
    for arm in search.points():
        if label(arm) not in winners:
            print(f"{label(arm)}: every trial diverged or was pruned: it stands untuned alone", file=sys.stderr)
        elif search.config(arm, winners[label(arm)]) == search.config(arm):
            print(
                f"{label(arm)}: its best trial has the values of the base: tuned and untuned are one", file=sys.stderr
            )


def _grid(search: Search, winners: Mapping[str, Cell], asked: Asked) -> Confirmation:
    """The grid to confirm, which tells `status` and report how to go on."""
    grid = confirmation(search, winners)
    if asked.storage:
        grid.storage = shown(asked.storage, Store(asked.results / search.name))
    return grid


def _settled(studies: Studies, store: Store) -> dict[str, Cell]:
    """The winners of the last time that the search ended: they stay in the study while more trials are searched."""
    try:
        told = json.loads((store.folder / "trials.json").read_text(encoding="utf-8"))
        numbers = {one["label"]: one["winner"] for one in told["arms"]}
    except (OSError, ValueError, KeyError, TypeError):  # damaged or not there: it is written anew at the end
        return {}
    found = {}
    for arm, point in enumerate(studies.arms):
        number = numbers.get(label(point))
        trials = studies.trials(arm)
        if isinstance(number, int) and number < len(trials) and (winner := best([trials[number]])):
            found[label(point)] = studies.search.values(winner.params)
    return found


def _start(grid: Confirmation, search: Search, asked: Asked) -> tuple[Setting, Share]:
    """As `execute.start`, sharing the machine by the untuned arms alone: it is the same at the beginning and at the end."""
    kind = choose(asked.device).type
    store = Store(asked.results / search.name)
    planned = confirmation(search, {}).runs()
    for data in {run.of.data.name: run.of.data for run in planned}.values():
        prepare(data, asked.directory)
    store.write_study(grid.study())
    store.sweep()
    way = share(asked.jobs, planned, store, kind)
    return Setting(store.folder, asked.directory, kind, way.threads, revision(), grid.probes), way


def _confirm(grid: Grid, store: Store, setting: Setting, way: Share) -> list[str]:
    """Run the winners and the untuned arms as `resbench run` would; returns the status of each."""
    store.write_study(grid.study())
    done = store.done(grid.probes)
    missing = [run for run in grid.runs() if run.id not in done]
    if not missing:
        return []
    again = unprobed(store, grid, missing)
    if again:
        print(again, file=sys.stderr)
    costs = Costs(store, choose(setting.device), setting.threads)
    costs.calibrate(missing)
    work = {run.id: costs.of(run.of).seconds for run in missing}
    print(f"{grid.name}: {len(missing)} runs to confirm with", file=sys.stderr)
    with Live(missing, work) as live:
        drive(missing, Local(way.jobs, missing), setting, live)
    return live.statuses


def _lacking(studies: Studies) -> int:
    return sum(max(0, studies.search.budget - finished(studies.trials(arm))) for arm in range(len(studies.arms)))


def _why(studies: Studies) -> list[str]:
    """What the last failed trial of each arm said."""
    lines = []
    for number, arm in enumerate(studies.arms):
        failed = [one for one in studies.trials(number) if not counts(one)]
        if failed:
            told = failed[-1].user_attrs.get("message", "no reason known")
            lines.append(f"{label(arm)}: {len(failed)} trials failed, the last (number {failed[-1].number}): {told}")
    return lines or ["the workers died one after the other: the search is not complete; the same command goes on"]


def describe(search: Search, asked: Asked) -> str:
    """The search as text: the space, the budget of each arm, how much of it is spent, and the most that is left."""
    store = Store(asked.results / search.name)
    if asked.export:
        check_target(asked.export, search)
    lines = [f"{path}: {_told(path, search)}" for path in search.space]
    try:
        with reachable():
            storage = looked(asked.storage, store)
            if storage:
                refuse_another(search, storage, shown(asked.storage, store))
            found = trials_of(storage, [search.study(arm) for arm in search.points()])
    except Unreachable as error:
        raise UserError(f"--storage {shown(asked.storage, store)}: {error}") from None
    for arm, trials in zip(search.points(), found, strict=True):
        lines.append(f"{label(arm)}: {finished(trials)} of {search.budget} trials done")
    device = choose(asked.device)
    costs = Costs(store, device, 1)
    runs = [Planned(run := search.config(arm), arm, 0, run.id) for arm in search.points()]
    costs.calibrate(runs)
    each = [costs.of(run.of).seconds for run in runs]
    seeds = search.budget * search.seeds + 2 * search.confirm
    lines.append(
        f"{search.name}: {len(runs)} arms with {search.budget} trials of {search.seeds} seeds each ({search.sampler}, "
        f"pruner {search.pruner}), then {2 * search.confirm} runs for each arm; {span(seeds * sum(each))} on one core at "
        f"the most, by {costs.source}; trials in {shown(asked.storage, store)}"
    )
    return "\n".join(lines)


def _told(path: str, search: Search) -> str:
    one = search.space[path]
    untuned = search.untuned(search.points()[0])[path]
    if isinstance(one, Range):
        kind = " on a log scale" if one.log else f" in steps of {one.step}" if one.step else ""
        return f"from {one.low} to {one.high}{kind}; untuned {untuned}"
    return f"one of {', '.join(str(value) for value in one.choices)}; untuned {untuned}"
