"""Carry a grid through: what is missing, start, estimate, drive. The command line, Python and tuning all do it here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resbench.core.errors import UserError
from resbench.core.text import duration, plural
from resbench.core.version import revision
from resbench.data.directory import default_directory
from resbench.data.loading import prepare
from resbench.execution.concurrency import Concurrency, RunInputs, choose_concurrency
from resbench.execution.cost import Costs
from resbench.execution.executors import CLUSTERS, MakeEngine, device_of, engine
from resbench.execution.forecast import wall_seconds
from resbench.execution.options import RunOptions as RunOptions
from resbench.execution.saved_weights import check_best, lacking, trained_again, unsaved
from resbench.execution.selection import unprobed
from resbench.execution.setting import Setting
from resbench.grid.grid import Grid, PlannedRun
from resbench.records.command import keep_command
from resbench.records.metrics import probe_code
from resbench.records.record import Status
from resbench.records.store import Store
from resbench.records.study_file import StudyFile
from resbench.records.takeover import check_owner
from resbench.training.cards import cuda_problem, describe_device
from resbench.training.device import cores, nearest_name

if TYPE_CHECKING:
    from resbench.execution.driver import Watcher


@dataclass(frozen=True)
class Estimate:
    """Predicted work.

    Attributes:
        seconds: run id -> seconds of work.
        source: where the prediction comes from, in words.
    """

    seconds: Mapping[str, float]
    source: str

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


class Session:
    """One pass over a grid, in this order: `start`, `estimate`, `drive`.

    Args:
        grid: the question.
        options: how and where it is answered.
        runs: those to do of the grid; all by default.
        forget: those whose records `fresh` removes; by default the same.

    Attributes:
        store: of the study.
        missing: runs without the records that the grid asks for.
        setting, concurrency, forgotten: known after `start`; the last is the number of records that `fresh` removed.
    """

    setting: Setting
    concurrency: Concurrency
    forgotten: int = 0

    def __init__(
        self,
        grid: Grid,
        options: RunOptions | None = None,
        runs: Sequence[PlannedRun] | None = None,
        forget: Sequence[PlannedRun] | None = None,
    ) -> None:
        self.grid, self.options = grid, options or RunOptions()
        self.device = str(device_of(self.options.device, self.options.executor))
        self.runs = list(grid.runs() if runs is None else runs)
        check_best(self.runs, self.options.save_weights)
        self._forget = self.runs if forget is None else forget
        self.store = Store(self.options.results / grid.name)
        done = set() if self.options.fresh else self.store.done(grid.probes)
        self._unsaved = lacking(self.store, done & {run.id for run in self.runs}, self.options.save_weights)
        self.missing = [run for run in self.runs if run.id not in done or run.id in self._unsaved]
        self._make_engine: MakeEngine | None = None
        self._estimate: Estimate | None = None

    @property
    def begun(self) -> set[str]:
        """Ids of the missing runs that go on from a checkpoint."""
        return {run.id for run in self.missing if self.store.checkpoint(run.id).exists()}

    @property
    def notices(self) -> list[str]:
        """What the user should know before anything is done, in lines.

        Raises:
            UserError: the study of this name is that of another grid file.
        """
        self.check_owner()
        name, study, lines = self.grid.name, self.grid.study(), []
        from_file = study.command == "run" and not study.overrides  # the winners of a search may change
        if from_file and (count := self.store.finished_outside(_whole(self.grid, study))):
            lines.append(
                f"{name}: {_done(count)} {'is' if count == 1 else 'are'} no longer in its grid; their records stay"
            )
        known = [] if self.options.fresh else [run for run in self.missing if run.id not in self._unsaved]
        again = unprobed(self.store, self.grid, known)
        weights = trained_again(name, len(self._unsaved))
        return list(filter(None, [*lines, again, weights, self._why_no_card()]))

    def _why_no_card(self) -> str:
        """Why `--device auto` takes no card, if this machine seems to have one."""
        problem = cuda_problem() if self.missing and self.options.device == "auto" else ""
        return f"--device auto takes the {self.device}: {problem}" if problem else ""

    def check_owner(self) -> None:
        """See that the grid does not take the place of another file's, unless that is asked for.

        Raises:
            UserError: it would.
        """
        self.store.check_replaceable()
        if not self.options.take_over:
            check_owner(self.store, self.grid.study())

    def start(self, concurrency: Concurrency | None = None) -> None:
        """Make ready: engine, device, data, study file, and how many runs share the machine.

        Args:
            concurrency: what was chosen before; chosen now by default. On a cluster the number of runs side by side is
                0 if it was not asked for, and the engine finds it.

        Raises:
            UserError: an engine, a device or data that cannot be used.
        """
        options = self.options
        self._make_engine = engine(options.executor, options.cluster, options.workers)
        directory = options.data_dir or default_directory()
        planned = self.grid.runs()
        ours = [run.cell_config.data for run in planned if not run.cell_config.trainer.given]
        for data in {data.files: data for data in ours}.values():
            prepare(data, directory)
        self.keep_study()
        self.store.sweep()
        if self.missing and options.executor == "local" and concurrency is None:
            from resbench.execution.local import prepare_processes

            prepare_processes(self.missing)
        self.concurrency = concurrency or self.choose_concurrency(planned)
        self.setting = Setting(
            self.store.folder,
            directory,
            self.device,
            options.threads or self.concurrency.threads,
            revision(),
            tuple(self.grid.probes),
            options.timeout,
            options.graph,
            self.grid.home,
            options.save_weights,
            probe_code(self.grid.probes),
        )
        if options.fresh:  # only now that the runs can be done again
            self.forgotten = sum(self.store.remove(run.id) for run in self._forget)

    def choose_concurrency(self, planned: Sequence[PlannedRun]) -> Concurrency:
        """How many of these runs side by side, by the options, else by what is fastest here."""
        jobs, threads = self.options.width, self.options.threads
        if self.options.executor in CLUSTERS:
            return Concurrency(jobs or 0, threads or 1, f"{threads or 1} CPU each")
        if threads and not jobs and self.device == "cpu":
            jobs = max(1, cores() // threads)
        inputs = RunInputs(self.options.data_dir or default_directory(), tuple(self.grid.probes))
        return choose_concurrency(jobs, planned, self.store, self.device, inputs)

    @property
    def place(self) -> str:
        """Where the runs compute, in words; of other machines only the kind of device is known."""
        return self.device if self.options.executor in CLUSTERS else describe_device(self.device)

    def keep_study(self) -> bool:
        """Write the grid as the study of its name; returns whether that is new.

        Raises:
            UserError: overrides would take runs that are done out of the study, or it is that of another grid file.
        """
        new = keep_study(self.store, self.grid, self.options.take_over)
        if self.options.command:
            keep_command(self.store, self.options.command, self.grid.file, self.grid.overrides, self.grid.home.plugins)
        return new

    def estimate(self) -> Estimate:
        """The work of the missing runs."""
        if self._estimate is None:
            jobs = 1 if self.options.executor in CLUSTERS else self.concurrency.jobs  # there each run has a card
            costs = Costs(self.store, nearest_name(self.setting.device), self.setting.threads, jobs)
            costs.calibrate(self.missing)
            seconds = {run.id: costs.of(run.cell_config).seconds for run in self.missing}
            costs.keep(timed=False)  # while the processes of runs import what they need
            self._estimate = Estimate(seconds, costs.source)
        return self._estimate

    def drive(self, watcher: Watcher | None = None) -> list[Status]:
        """Do the missing runs; returns the status of each, in the order in which they ended.

        Raises:
            UserError: the cluster is gone, or refuses.
            Unwritable: results cannot be stored.
        """
        from resbench.execution.driver import Watcher, drive

        runs = self.missing
        if self.options.executor in CLUSTERS:  # the most expensive first, so that none is left to end alone
            seconds = self.estimate().seconds
            runs = sorted(runs, key=lambda run: -seconds[run.id])
        if self._make_engine is None:
            raise RuntimeError("drive: call start first")
        return drive(runs, self._make_engine(self.concurrency.jobs, runs), self.setting, watcher or Watcher())

    def unsaved(self) -> list[str]:
        """A line for each run whose weights were to be saved and are not, with the reason."""
        return unsaved(self.store, (run.id for run in self.runs), self.options.save_weights)

    def detach(self) -> str:
        """Submit the missing runs to Slurm and leave them to it; returns what has become of them, in a line.

        Raises:
            UserError: Slurm is not there, or refuses.
        """
        from resbench.execution.slurm.collect import detach

        return detach(self.missing, self.concurrency.jobs, self.options.cluster.slurm, self.setting)

    def summary(self) -> str:
        """What is about to be done, how, and how long it will take."""
        estimate, jobs, missing = self.estimate(), self.concurrency.jobs, len(self.missing)
        begun = f" ({count} of them begun)" if (count := len(self.begun)) else ""
        side_by_side = f"{jobs} at a time" if jobs else "as many at a time as there is room for"
        left = (
            duration(wall_seconds(list(estimate.seconds.values()), jobs))
            if jobs
            else f"{duration(estimate.total)} of work"
        )
        return (
            f"{self.grid.name}: {plural(missing, 'run')} to do{begun}, {len(self.runs) - missing} done; {side_by_side} "
            f"on {self.place} ({self.concurrency.reason}), about {left} by {estimate.source}"
        )


def keep_study(store: Store, grid: Grid, take_over: bool = False) -> bool:
    """Write a grid as the study of its name; returns whether that is new.

    Raises:
        UserError: overrides would take runs that are done out of the study, or it is that of another grid file.
    """
    study = grid.study()
    if not take_over:
        check_owner(store, study)
    if grid.overrides and study.command == "run" and (count := store.finished_outside(_whole(grid, study))):
        raise UserError(
            f"{store.folder}: {' '.join(grid.overrides)} would leave {_done(count)} out of this study: "
            "add name=... for a study of its own"
        )
    return store.write_study(study)


def _whole(grid: Grid, study: StudyFile) -> StudyFile:
    """The study with the runs, too, that are in the grid and are not asked for yet."""
    return study.model_copy(update={"runs": [*study.runs, *grid.whole().study().runs]})


def drive_with_progress(session: Session) -> list[Status]:
    """As `Session.drive`, with progress on stderr, or in the output of a notebook's cell."""
    from resbench.execution.notebook import live

    with live(session.missing, session.estimate().seconds, session.begun) as watcher:
        return session.drive(watcher)


def _done(count: int) -> str:
    return f"{plural(count, 'run')} that {'is' if count == 1 else 'are'} done"
