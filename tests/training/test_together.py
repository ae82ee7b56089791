"""Several runs in lock-step: each leaves the record that it leaves alone, whatever becomes of the others."""

from pathlib import Path
from typing import Any

import pytest
import torch
from support.runs import stop_after

from resbench.core.config import flatten, nest
from resbench.core.errors import Stopped, UserError
from resbench.records.record import Record
from resbench.training.course import Conditions, Job, course
from resbench.training.lockstep import Lockstep
from resbench.training.replay import Body, Kind, Replayer, Work
from resbench.training.run import RunConfig
from resbench.training.train import joins, train, train_together
from resbench.training.workshop import Workshop

BASE: dict[str, Any] = {
    "model": {"depth": 10, "width": 4},
    "data": {"train_size": 100, "val_size": 30, "augment": "shift"},
    "recipe": {"epochs": 2, "batch_size": 32},
}
# cells of other architecture, recipe, length; one that grows, one that diverges, two that draw dropout
CHANGES: list[dict[str, Any]] = [
    {},
    {"model.depth": 16, "model.shortcut": "none"},
    {"recipe.optimizer": "adamw", "recipe.lr": 0.01, "recipe.precision": "bf16"},
    {"recipe.epochs": 3, "data.train_size": 70, "data.val_size": 0, "data.augment": "affine"},
    {"model.depth": 16, "recipe.grow": [10, 16]},
    {"recipe.lr": 1000.0, "model.norm": "none"},
    {"model.dropout": 0.5},
    {"model.drop_path": 0.5, "seed": 3},
]
RUNS = [RunConfig.model_validate(nest(flatten(BASE) | change)) for change in CHANGES]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    return [train(run, tmp_path_factory.mktemp("data"), threads=1) for run in RUNS]


def test_eight_runs_together_leave_the_records_of_each_alone(alone: list[Record], tmp_path: Path) -> None:
    outcomes = train_together([Job(run) for run in RUNS], tmp_path, threads=1)
    assert [one.status for one in outcomes if isinstance(one, Record)] == [*["ok"] * 5, "diverged", "ok", "ok"]
    for before, outcome in zip(alone, outcomes, strict=True):
        assert isinstance(outcome, Record)
        assert outcome.content() == before.content() and outcome.weights_sha256 == before.weights_sha256
    assert [joins(run) for run in RUNS] == [*[True] * 6, False, False]


def test_seeds_of_one_cell_are_in_step_and_on_the_cpu_nothing_is_noted(tmp_path: Path) -> None:
    runs = [RUNS[0].with_seed(seed) for seed in range(3)]
    outcomes = train_together([Job(run) for run in runs], tmp_path, threads=1)
    for run, outcome in zip(runs, outcomes, strict=True):
        before = train(run, tmp_path, threads=1)
        assert isinstance(outcome, Record) and outcome.content() == before.content()
        assert outcome.provenance.facts == before.provenance.facts


def test_one_that_is_stopped_leaves_and_goes_on_later_with_others(alone: list[Record], tmp_path: Path) -> None:
    files = [tmp_path / f"{place}.ckpt" for place in range(3)]
    stopped = Job(RUNS[1], files[1], stop_after(0.6))
    outcomes = train_together([Job(RUNS[0], files[0]), stopped, Job(RUNS[2], files[2])], tmp_path, threads=1)
    assert isinstance(outcomes[1], Stopped)
    for place in (0, 2):
        outcome = outcomes[place]
        assert isinstance(outcome, Record) and outcome.content() == alone[place].content()
    first, second = train_together([Job(RUNS[0]), Job(RUNS[1], files[1])], tmp_path, threads=1)
    assert isinstance(first, Record) and first.content() == alone[0].content()
    assert isinstance(second, Record) and second.content() == alone[1].content()


def test_a_run_keeps_the_number_of_threads_that_it_was_begun_with(tmp_path: Path) -> None:
    saved, before = tmp_path / "x.ckpt", torch.get_num_threads()
    small = {"recipe.epochs": 1, "data.train_size": 20, "data.val_size": 0, "recipe.batch_size": 10}
    short = RunConfig.model_validate(nest(flatten(BASE) | small))
    with pytest.raises(Stopped):
        train(short, tmp_path, threads=1, saved=saved, observer=stop_after(0))
    try:
        outcomes = train_together([Job(short.with_seed(1)), Job(short, saved)], tmp_path, threads=2, tested=False)
    finally:
        torch.set_num_threads(before)
    threads = [one.provenance.threads for one in outcomes if isinstance(one, Record)]
    assert threads == [2, 1] and isinstance(outcomes[1], Record)
    assert outcomes[1].content() == train(short, tmp_path, threads=1, tested=False).content()


def test_what_a_user_did_wrong_in_one_run_is_its_outcome(alone: list[Record], tmp_path: Path) -> None:
    missing = RunConfig.model_validate(nest(flatten(BASE) | {"data.name": "cifar10"}))
    first, second = train_together([Job(missing), Job(RUNS[0])], tmp_path, threads=1)
    assert isinstance(first, UserError)
    assert isinstance(second, Record) and second.content() == alone[0].content()


class Joint(Replayer):
    """Notes the kinds of works that it is given at once, as on CUDA, and does them one after the other."""

    seen: list[tuple[Kind, ...]]

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.joins, self.seen = True, []

    def __call__(self, *works: Work) -> None:
        self.seen.append(tuple(work.kind for work in works if isinstance(work, Body)))
        for work in works:
            work()


def test_runs_that_stand_at_different_places_soon_do_the_same_at_once(tmp_path: Path) -> None:
    saved, cpu = tmp_path / "x.ckpt", torch.device("cpu")
    with pytest.raises(Stopped):
        train(RUNS[0], tmp_path, threads=1, saved=saved, observer=stop_after(0.3))  # after 2 of 4 steps
    conditions = Conditions(tmp_path, cpu, 1, None, tested=True, save_every=0.0, graph="step", together=2)
    replayer, workshop = Joint(cpu), Workshop(cpu, tmp_path)
    courses = [course(job, conditions, workshop) for job in (Job(RUNS[0], saved), Job(RUNS[0].with_seed(1)))]
    with torch.random.fork_rng([]):
        outcomes = Lockstep(courses, replayer).outcomes()
    assert all(isinstance(one, Record) and one.status == "ok" for one in outcomes)
    rest = [Kind.LAST_STEP, Kind.REFRESH, Kind.LAST_EVALUATION]
    first = [(Kind.STEP, Kind.STEP), (Kind.STEP,), (Kind.STEP,)]
    assert replayer.seen == first + [(kind, kind) for kind in [*rest, *[Kind.STEP] * 3, *rest]]
