"""Scheduling in virtual time: what holds for every schedule holds for the driver's."""

from __future__ import annotations

import collections
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resbench.execution.simulate import Fleet, Memory, predict
from resbench.grid.grid import Planned
from resbench.records.store import Store
from resbench.training.run import RunConfig
from resbench.training.train import empty

EPOCHS = 8
OF = RunConfig.model_validate({"recipe": {"epochs": EPOCHS}})
IDEAL = {"start": 0.0, "handling": 0.0}


def runs(count: int) -> list[Planned]:
    return [Planned(OF, {}, seed, run_id) for seed, run_id in enumerate(OF.ids(range(count)))]


@pytest.mark.parametrize(("count", "nodes", "slots"), [(1, 1, 1), (7, 1, 3), (64, 8, 8), (65, 8, 8), (10, 64, 1)])
def test_runs_of_one_length_take_whole_rounds(count: int, nodes: int, slots: int) -> None:
    rounds = math.ceil(count / (nodes * slots))
    assert predict(runs(count), lambda run: 10.0, Fleet(nodes, slots, **IDEAL)).wall == pytest.approx(10.0 * rounds)
    late = Fleet(nodes, slots, start=2.0, handling=0.0)
    assert predict(runs(count), lambda run: 10.0, late).wall == pytest.approx(12.0 * rounds)


seconds = st.lists(st.floats(0.1, 1000), min_size=1, max_size=60)


@given(seconds, st.integers(1, 5), st.integers(1, 5))
@settings(deadline=None)
def test_a_schedule_is_never_shorter_than_the_bound_and_grahams_bound_holds(
    each: list[float], nodes: int, slots: int
) -> None:
    found = predict(runs(len(each)), lambda run: each[run.seed], Fleet(nodes, slots, **IDEAL))
    share = 1 / (nodes * slots)
    assert found.bound <= found.wall * (1 + 1e-9)
    assert found.wall <= (sum(each) * share + (1 - share) * max(each)) * (1 + 1e-9)
    assert found.work == pytest.approx(sum(each)) and not found.losses


@given(seconds, st.integers(1, 4), st.integers(0, 2**16), st.floats(50, 5000))
@settings(deadline=None)
def test_failures_lose_less_than_an_epoch_each_and_no_run(
    each: list[float], slots: int, seed: int, between: float
) -> None:
    planned = runs(len(each))
    published: collections.Counter[str] = collections.Counter()
    fleet = Fleet(3, slots, between=between, repair=20.0, notice=5.0, seed=seed, **IDEAL)
    book = Memory()

    def publish(run: Planned) -> None:
        published[run.id] += 1
        book.add({"id": run.id, "status": "ok"})

    found = predict(planned, lambda run: each[run.seed], fleet, book, publish)
    assert set(published.values()) <= {1} and len(published) + found.failed == len(planned)
    assert found.wasted <= found.losses * max(each) / EPOCHS * (1 + 1e-9)
    if not found.failed:
        assert found.bound <= found.wall * (1 + 1e-9)


@given(seconds, st.integers(0, 2**16), st.floats(50, 5000))
@settings(deadline=None)
def test_failures_only_lengthen_what_one_slot_does(each: list[float], seed: int, between: float) -> None:
    calm = predict(runs(len(each)), lambda run: each[run.seed], Fleet(1, 1, **IDEAL))
    fleet = Fleet(1, 1, between=between, repair=20.0, notice=5.0, seed=seed, **IDEAL)
    found = predict(runs(len(each)), lambda run: each[run.seed], fleet)
    if not found.failed:
        assert found.wall >= calm.wall + found.wasted - 1e-6


def test_a_run_that_never_ends_an_epoch_before_its_node_fails_is_given_up() -> None:
    found = predict(runs(2), lambda run: 1e6, Fleet(1, 2, between=100.0, repair=1.0, notice=1.0))
    assert found.failed == 2 and found.losses == 2 * 6


def test_a_run_that_comes_further_between_failures_is_not_given_up() -> None:
    long = OF.model_copy(update={"recipe": OF.recipe.model_copy(update={"epochs": 200})})
    found = predict([Planned(long, {}, 0, long.id)], lambda run: 200_000.0, Fleet(1, 1, between=5000.0))
    assert found.losses > 20 and not found.failed


def test_a_slow_driver_is_the_limit_of_short_runs_and_nothing_to_long_ones() -> None:
    slow = {"start": 0.0, "handling": 0.01}
    assert predict(runs(1000), lambda run: 0.1, Fleet(64, 1, **slow)).wall == pytest.approx(10.0, rel=0.02)
    long = predict(runs(1000), lambda run: 600.0, Fleet(64, 1, **slow))
    assert long.wall == pytest.approx(600.0 * math.ceil(1000 / 64), rel=0.001)


def test_real_records_give_the_schedule_of_those_in_memory(tmp_path: Path) -> None:
    store = Store(tmp_path / "study")
    store.open()

    def publish(run: Planned) -> None:
        store.add(empty(run.config, "ok", {"device": "cpu", "threads": 1}, None))

    fleet = Fleet(2, 3, between=100.0, repair=20.0, notice=5.0)
    planned = runs(40)
    found = predict(planned, lambda run: 10.0 + run.seed, fleet, store, publish)
    assert found == predict(planned, lambda run: 10.0 + run.seed, fleet) and found.losses
    assert store.done() == {run.id for run in planned}
