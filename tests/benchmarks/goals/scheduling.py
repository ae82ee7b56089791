"""What the driver of many machines costs: its bookkeeping on real records, and what that does to a fleet in virtual time."""

from __future__ import annotations

import importlib.util
import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarks.goals.row import Row
from benchmarks.simulation import SimulatedFleet, Simulation, simulate

from resbench.grid.grid import Grid, PlannedRun
from resbench.records.record import Predictions, Provenance, Record
from resbench.records.store import Store
from resbench.training.train import empty_record

COUNTS = (1000, 10_000, 40_000)
NODES, SLOTS = 8, 8


def scheduling(folder: Path) -> Iterator[Row]:
    """Runs a second that the driver can take down, how that grows, and 10,000 runs on 64 workers."""
    each = {count: bookkeeping(folder / str(count), count) for count in COUNTS}
    words = ", ".join(f"{seconds * 1e3:.2f} ms each of {count:,}" for count, seconds in each.items())
    rate = 1 / each[COUNTS[1]]
    yield Row("finished runs a second that the driver takes down", rate, f"{rate:.0f} ({words})", 200, goal="over 200")
    growth = each[COUNTS[-1]] / each[COUNTS[0]]
    words = f"{growth:.2f} times as long for each run with {COUNTS[-1] // COUNTS[0]} times as many"
    yield Row("growth of that bookkeeping", growth, words, most=1.5, goal="linear: at most 1.5 times")
    handling = each[COUNTS[1]]
    if importlib.util.find_spec("ray"):
        carrying = ray_tasks()
        handling += carrying
        yield Row("Ray tasks a second from the driver", 1 / carrying, f"{1 / carrying:.0f} tasks that do nothing")
    planned = planned_runs(COUNTS[1])
    each_run = lengths(planned, 60.0)
    inorder = simulate(planned, lambda run: each_run[run.id], SimulatedFleet(NODES, SLOTS, handling=handling))
    dearest = sorted(planned, key=lambda run: -each_run[run.id])
    yield _cost("64 workers, in the order of the grid", inorder)
    for name, between in (("64 workers", None), ("64 workers on 8 nodes that fail every 6 hours", 21_600.0),
                          ("64 workers on 8 nodes that fail every hour", 3600.0)):  # fmt: skip
        fleet = SimulatedFleet(NODES, SLOTS, handling=handling, between=between)
        yield _cost(f"{name}, the dearest first", simulate(dearest, lambda run: each_run[run.id], fleet))
    limit = next(mean for mean in (0.01 * 1.1**power for power in range(200)) if _loss(planned, mean, handling) < 0.05)
    words = f"below {limit:.2g} s a run; of runs of a minute, beyond {60 / limit * NODES * SLOTS:,.0f} workers"
    yield Row(f"64 workers: where a driver of {handling * 1e3:.1f} ms a run costs 5 %", limit, words)


def _cost(what: str, result: Simulation) -> Row:
    words = (
        f"{100 * (result.wall / result.bound - 1):.1f} % ({result.wall / 3600:.2f} h for {result.bound / 3600:.2f} h"
    )
    if result.losses:
        words += f"; {result.losses} runs lost and resumed, {result.wasted / 60:.0f} min of work done twice"
    what = f"wall time of 10,000 runs of a minute on {what}, above work / workers"
    return Row(what, result.wall / result.bound - 1, f"{words})")


def lengths(planned: list[PlannedRun], mean: float) -> dict[str, float]:
    """Seconds of each run; lognormal, so that a tenth of the runs takes 39 % of the time."""
    draw = random.Random(2016)
    return {run.id: mean * draw.lognormvariate(-0.5, 1.0) for run in planned}


def planned_runs(count: int) -> list[PlannedRun]:
    axes = {"model.depth": [10, 16, 22, 34, 58], "model.shortcut": ["identity", "none"], "recipe.lr": [0.05, 0.1]}
    return Grid("some", base={"model.width": 8, "recipe.epochs": 10}, axes=axes, seeds=count // 20).runs()


def bookkeeping(folder: Path, count: int) -> float:
    """Seconds of the driver for each run: all but the writing of the record, which is done by the run's process."""
    planned = planned_runs(count)
    store = Store(folder / "results")
    store.open()
    like = template(planned[0])
    spent = 0.0

    def publish(run: PlannedRun) -> None:
        nonlocal spent
        began = time.perf_counter()
        settings = empty_record(run.config, "ok", like.provenance, None).config
        store.path(run.id).write_text(replace(like, id=run.id, config=settings).to_json())
        spent += time.perf_counter() - began

    began = time.perf_counter()
    result = simulate(planned, lambda run: 60.0, SimulatedFleet(NODES, SLOTS), store, publish)
    assert not result.failed, store.damaged[:1]
    return (time.perf_counter() - began - spent) / count


def template(run: PlannedRun) -> Record:
    """A record of a plausible size."""
    rows: list[dict[str, float | None]] = [
        {"epoch": n, "lr": 0.1, "train_loss": 0.1, "train_accuracy": 0.9, "seconds": 1.0} for n in range(1, 11)
    ]
    record = empty_record(run.config, "ok", Provenance({"device": "cpu", "threads": 1}), None)
    record.history = rows
    draw = random.Random(0)
    wrong = np.array([draw.random() < 0.02 for _ in range(1000)], dtype=np.int64)
    record.predictions = Predictions.of(wrong, np.zeros(1000, dtype=np.int64))
    record.metrics = {"test_accuracy": 0.98, "train_seconds": 1.0}
    return record


def ray_tasks(count: int = 2000, window: int = 80) -> float:
    """Seconds of the driver for each Ray task that carries a run's text and does nothing."""
    import queue

    import ray

    text = json.dumps({"text": "x" * 1000})
    ended: queue.SimpleQueue[object] = queue.SimpleQueue()
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="CRITICAL")
    try:
        carry = ray.remote(max_retries=0)(lambda text: len(text))  # a nested function travels by value
        ray.get([carry.remote(text) for _ in range(10)])
        began, going = time.perf_counter(), 0
        for done in range(count):
            while going < window and done + going < count:
                carry.remote(text).future().add_done_callback(ended.put)
                going += 1
            ended.get()
            going -= 1
        return (time.perf_counter() - began) / count
    finally:
        ray.shutdown()


def _loss(planned: list[PlannedRun], mean: float, handling: float) -> float:
    """Share by which the driver alone lengthens runs of one length."""
    ideal, real = (
        simulate(planned, lambda run: mean, SimulatedFleet(NODES, SLOTS, start=0.0, handling=one)).wall
        for one in (0.0, handling)
    )
    return real / ideal - 1
