"""train(run) -> Record, and train_together for several runs at once; neither knows anything of grids."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from resbench.core.files import user_path
from resbench.core.version import Revision
from resbench.records.record import Record
from resbench.training.course import Conditions, Job, course
from resbench.training.course import empty_record as empty_record
from resbench.training.foreign import train_foreign
from resbench.training.kept import KeptWeights
from resbench.training.lockstep import Lockstep, Outcome
from resbench.training.memory import start_measuring
from resbench.training.observer import Observer
from resbench.training.placement import Graph
from resbench.training.run import RunConfig
from resbench.training.workshop import Workshop

_SAVE_EVERY = {
    "cuda": float(os.environ.get("RESBENCH_SAVE_EVERY", "10"))
}  # seconds; an epoch of a small network takes less than its checkpoint there
_UNWATCHED = Observer()


def train(
    run: RunConfig,
    directory: str | Path,
    device: torch.device | None = None,
    threads: int | None = None,
    saved: Path | None = None,
    observer: Observer = _UNWATCHED,
    code: Revision | None = None,
    tested: bool = True,
    save_every: float | None = None,
    graph: Graph = "network",
    workshop: Workshop | None = None,
    kept: KeptWeights | None = None,
) -> Record:
    """Train and test one run.

    Example:
        >>> run = resbench.RunConfig.model_validate(
        ...     {"model": {"depth": 10, "width": 4}, "data": {"train_size": 256}, "recipe": {"epochs": 1}}
        ... )
        >>> record = resbench.train(run, Path("data"), threads=1)
        >>> record.status, len(record.history)
        ('ok', 1)

    Args:
        run: what to do.
        directory: torchvision data root.
        device: where; the CPU by default.
        threads: of torch on a CPU; a run that continues keeps the number it started with.
        saved: the checkpoint file to continue from and to keep up to date, if any.
        observer: watches the run and may stop it; training is the same with and without.
        code: revision of the code and whether it was changed, for the record; looked up by default.
        tested: False leaves the test set alone: nothing that chooses a recipe may see it.
        save_every: least number of seconds between the checkpoints of two epochs; by default 0, on a GPU 10.
        graph: what is replayed as a CUDA graph: forward and backward pass of the network, or the whole step; with the same
            bits. Elsewhere nothing is replayed, and `step` does the works of whole steps as they are.
        workshop: of a process that trains run after run; by default the run has one of its own.
        kept: asks for the weights of the run, and has them at its end if that is ok.

    Returns:
        The record: ok, diverged, or failed with the traceback. Wrong or missing data raises UserError instead.
    """
    if run.trainer.given:
        number = threads or torch.get_num_threads()
        return train_foreign(run, device or torch.device("cpu"), number, saved, observer, code, tested)
    conditions = _conditions(directory, device, threads, code, tested, save_every, graph)
    (outcome,) = _train([Job(run, saved, observer, kept)], conditions, lambda number, outcome: None, workshop)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def train_together(
    jobs: Sequence[Job],
    directory: str | Path,
    device: torch.device | None = None,
    threads: int | None = None,
    code: Revision | None = None,
    tested: bool = True,
    save_every: float | None = None,
    ended: Callable[[int, Outcome], None] = lambda place, outcome: None,
) -> list[Outcome]:
    """Train and test several runs at once, by whole steps; on CUDA theirs are parallel branches of one graph.

    Each has the bits that it has alone. They may differ in everything; they gain where they have equally many steps per epoch
    and images for validation. One that ends leaves the others to go on; those that draw dropout in a step are trained
    alone, after the others.

    Args:
        jobs: the runs, each with its checkpoint and its observer.
        directory, device, threads, code, tested, save_every: as of `train`.
        ended: called with the place of each run, and what is returned for it, as soon as it has ended.

    Returns:
        For each run its record, or the exception that `train` would have raised.
    """
    # branches are launched from as many queues; read when the process first uses the card
    if device and device.type == "cuda":
        os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")
    able = [place for place, job in enumerate(jobs) if joins(job.run)]
    outcomes: dict[int, Outcome] = {}
    for places in [able, *([place] for place in range(len(jobs)) if place not in able)]:
        conditions = _conditions(directory, device, threads, code, tested, save_every, "step", len(places))

        def note(number: int, outcome: Outcome, places: Sequence[int] = places) -> None:
            outcomes[places[number]] = outcome
            ended(places[number], outcome)

        _train([jobs[place] for place in places], conditions, note)
    return [outcomes[place] for place in range(len(jobs))]


def joins(run: RunConfig) -> bool:
    """Whether a run can be trained together with others: its steps draw from no generator that they share."""
    model = run.model
    return model.replayable and not (model.dropout or model.drop_path or model.shortcut == "dropout")


def _conditions(
    directory: str | Path,
    device: torch.device | None,
    threads: int | None,
    code: Revision | None,
    tested: bool,
    save_every: float | None,
    graph: Graph,
    together: int = 1,
) -> Conditions:
    device = device or torch.device("cpu")
    threads = threads or torch.get_num_threads()
    save_every = _SAVE_EVERY.get(device.type, 0.0) if save_every is None else save_every
    return Conditions(user_path(directory), device, threads, code, tested, save_every, graph, together)


def _train(
    jobs: Sequence[Job],
    conditions: Conditions,
    ended: Callable[[int, Outcome], None],
    given: Workshop | None = None,
) -> list[Outcome]:
    device = conditions.device
    start_measuring(device)
    workshop = given or Workshop(device, conditions.directory)
    workshop.expect(job.run for job in jobs)
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            courses = [course(job, conditions, workshop) for job in jobs]
            return Lockstep(courses, workshop.replayer, ended).outcomes()
    finally:
        if given is None:
            workshop.close()
