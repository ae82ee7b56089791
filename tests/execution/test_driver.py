"""Scheduling in virtual time: what holds for every schedule holds for the driver's."""

from __future__ import annotations

import collections
import math
from pathlib import Path

import pytest
from benchmarks.simulation import Memory, SimulatedFleet, simulate
from hypothesis import given, settings
from hypothesis import strategies as st

from resbench.grid.grid import PlannedRun
from resbench.records.record import Provenance
from resbench.records.store import Store
from resbench.training.run import RunConfig
from resbench.training.train import empty_record

EPOCHS = 8
OF = RunConfig.model_validate({"recipe": {"epochs": EPOCHS}})
IDEAL = {"start": 0.0, "handling": 0.0}


def runs(count: int) -> list[PlannedRun]:
    return [PlannedRun(OF, {}, seed, run_id) for seed, run_id in enumerate(OF.ids(range(count)))]


@pytest.mark.parametrize(("count", "nodes", "slots"), [(1, 1, 1), (7, 1, 3), (64, 8, 8), (65, 8, 8), (10, 64, 1)])
def test_runs_of_one_length_take_whole_rounds(count: int, nodes: int, slots: int) -> None:
    rounds = math.ceil(count / (nodes * slots))
    assert simulate(runs(count), lambda run: 10.0, SimulatedFleet(nodes, slots, **IDEAL)).wall == pytest.approx(
        10.0 * rounds
    )
    late = SimulatedFleet(nodes, slots, start=2.0, handling=0.0)
    assert simulate(runs(count), lambda run: 10.0, late).wall == pytest.approx(12.0 * rounds)


seconds = st.lists(st.floats(0.1, 1000), min_size=1, max_size=60)


@given(seconds, st.integers(1, 5), st.integers(1, 5))
@settings(deadline=None)
def test_a_schedule_is_never_shorter_than_the_bound_and_grahams_bound_holds(
    each: list[float], nodes: int, slots: int
) -> None:
    result = simulate(runs(len(each)), lambda run: each[run.seed], SimulatedFleet(nodes, slots, **IDEAL))
    part = 1 / (nodes * slots)
    assert result.bound <= result.wall * (1 + 1e-9)
    assert result.wall <= (sum(each) * part + (1 - part) * max(each)) * (1 + 1e-9)
    assert result.work == pytest.approx(sum(each)) and not result.losses


@given(seconds, st.integers(1, 4), st.integers(0, 2**16), st.floats(50, 5000))
@settings(deadline=None)
def test_failures_lose_less_than_an_epoch_each_and_no_run(
    each: list[float], slots: int, seed: int, between: float
) -> None:
    planned = runs(len(each))
    published: collections.Counter[str] = collections.Counter()
    fleet = SimulatedFleet(3, slots, between=between, repair=20.0, notice=5.0, seed=seed, **IDEAL)
    records = Memory()

    def publish(run: PlannedRun) -> None:
        published[run.id] += 1
        records.add(empty_record(run.config, "ok", Provenance({}), None))

    result = simulate(planned, lambda run: each[run.seed], fleet, records, publish)
    assert set(published.values()) <= {1} and len(published) + result.failed == len(planned)
    assert result.wasted <= result.losses * max(each) / EPOCHS * (1 + 1e-9)
    if not result.failed:
        assert result.bound <= result.wall * (1 + 1e-9)


@given(seconds, st.integers(0, 2**16), st.floats(50, 5000))
@settings(deadline=None)
def test_failures_only_lengthen_what_one_slot_does(each: list[float], seed: int, between: float) -> None:
    calm = simulate(runs(len(each)), lambda run: each[run.seed], SimulatedFleet(1, 1, **IDEAL))
    fleet = SimulatedFleet(1, 1, between=between, repair=20.0, notice=5.0, seed=seed, **IDEAL)
    result = simulate(runs(len(each)), lambda run: each[run.seed], fleet)
    if not result.failed:
        assert result.wall >= calm.wall + result.wasted - 1e-6


def test_a_run_that_never_ends_an_epoch_before_its_node_fails_is_given_up() -> None:
    result = simulate(runs(2), lambda run: 1e6, SimulatedFleet(1, 2, between=100.0, repair=1.0, notice=1.0))
    assert result.failed == 2 and result.losses == 2 * 6


def test_a_run_that_comes_further_between_failures_is_not_given_up() -> None:
    long = OF.model_copy(update={"recipe": OF.recipe.model_copy(update={"epochs": 200})})
    result = simulate([PlannedRun.of(long)], lambda run: 200_000.0, SimulatedFleet(1, 1, between=5000.0))
    assert result.losses > 20 and not result.failed


def test_a_slow_driver_is_the_limit_of_short_runs_and_nothing_to_long_ones() -> None:
    slow = {"start": 0.0, "handling": 0.01}
    assert simulate(runs(1000), lambda run: 0.1, SimulatedFleet(64, 1, **slow)).wall == pytest.approx(10.0, rel=0.02)
    long = simulate(runs(1000), lambda run: 600.0, SimulatedFleet(64, 1, **slow))
    assert long.wall == pytest.approx(600.0 * math.ceil(1000 / 64), rel=0.001)


def test_real_records_give_the_schedule_of_those_in_memory(tmp_path: Path) -> None:
    store = Store(tmp_path / "study")
    store.open()

    def publish(run: PlannedRun) -> None:
        store.add(empty_record(run.config, "ok", Provenance({"device": "cpu", "threads": 1}), None))

    fleet = SimulatedFleet(2, 3, between=100.0, repair=20.0, notice=5.0)
    planned = runs(40)
    result = simulate(planned, lambda run: 10.0 + run.seed, fleet, store, publish)
    assert result == simulate(planned, lambda run: 10.0 + run.seed, fleet) and result.losses
    assert store.done() == {run.id for run in planned}
