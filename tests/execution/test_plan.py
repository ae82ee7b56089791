"""What a plan says, for this machine and for many; the formula for many against a simulation with the real driver."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from benchmarks.simulation import SimulatedFleet, simulate

from resbench.core.errors import UserError
from resbench.core.text import duration
from resbench.execution.forecast import HANDLING, PAGE, START, Fleet, Forecast, forecast
from resbench.execution.plan import plan
from resbench.grid.grid import Grid

EPOCHS = 10


def test_a_plan_counts_runs_and_names_what_is_excluded(tmp_path: Path) -> None:
    grid = Grid("some", base={"model.width": 4}, axes={"model.depth": [10, 16]}, seeds=3)
    made = plan(grid, tmp_path)
    assert (made.done, made.missing, made.jobs) == (0, 6, made.jobs)
    assert [cell.label for cell in made.cells] == ["model.depth=10", "model.depth=16"]
    assert made.cells[0].cost.flops < made.cells[1].cost.flops
    assert str(made).splitlines()[-1].startswith("some: 2 cells, 6 runs: 0 done, 6 to do, 0 cells excluded; ")
    assert plan(grid, tmp_path, only=["seed<1"], shard="2/2").missing == 1


def test_a_plan_counts_what_is_not_training(tmp_path: Path) -> None:
    base = {"model.width": 4, "model.depth": 10, "data.train_size": 64, "recipe.epochs": 1}
    made = plan(Grid("some", base=base, seeds=24), tmp_path, jobs=2)
    assert made.seconds > 24 / 2 * START + PAGE  # each run has a process, and the command writes a page
    # a tenth of the images validates, and the test has 1,000
    assert made.evaluation == pytest.approx(1 - 64 / (64 + (6 + 1000) / 3), rel=0.01)
    assert str(made).endswith(f"; evaluation: {100 * made.evaluation:.0f} % of the time")


def test_a_plan_for_many_machines_says_what_fails(tmp_path: Path) -> None:
    grid = Grid("some", base={"model.width": 4, "model.depth": 10}, seeds=40)
    calm = plan(grid, tmp_path, executor="ray", fleet=Fleet(8, 4))
    assert calm.jobs == 32 and "8 nodes with 4 runs side by side: about " in str(calm)
    rough = plan(grid, tmp_path, executor="ray", fleet=Fleet(8, 4, mtbf=120.0))
    assert rough.seconds > calm.seconds and f"a node fails every {duration(120.0)}" in str(rough)


def simulated(each: list[float], fleet: Fleet) -> Forecast:
    """What a simulation makes of runs that begin in this order, in the mean over failures."""
    made = Grid("some", base={"recipe.epochs": EPOCHS}, seeds=len(each)).runs()
    draws = 1 if fleet.mtbf is None else 5
    results = [
        simulate(
            made,
            lambda run: each[run.seed],
            SimulatedFleet(fleet.nodes, fleet.slots, START, HANDLING, between=fleet.mtbf, seed=seed),
        )
        for seed in range(draws)
    ]
    assert not any(result.failed for result in results)
    wall, lost, wasted = (
        sum(values) / draws
        for values in zip(*((result.wall, result.losses, result.wasted) for result in results), strict=True)
    )
    return Forecast(wall, results[0].bound, lost, wasted)


def lengths(count: int, mean: float) -> list[float]:
    draw = random.Random(2016)
    return sorted((mean * draw.lognormvariate(-0.5, 1.0) for _ in range(count)), reverse=True)


@pytest.mark.parametrize(
    ("each", "fleet"),
    [
        (lengths(2000, 60.0), Fleet(8, 8)),
        (lengths(500, 600.0), Fleet(2, 4)),
        (lengths(40, 60.0), Fleet(8, 8)),  # the longest run decides
        ([0.01] * 5000, Fleet(64, 64)),  # the driver decides
        (lengths(2000, 600.0), Fleet(4, 8, mtbf=21_600.0)),
        (lengths(2000, 600.0), Fleet(4, 8, mtbf=3600.0)),
    ],
)
def test_the_formula_agrees_with_a_simulation(each: list[float], fleet: Fleet) -> None:
    expected, seen = forecast(each, [EPOCHS] * len(each), fleet), simulated(each, fleet)
    assert expected.bound == pytest.approx(seen.bound)
    assert expected.wall == pytest.approx(seen.wall, rel=0.1)
    assert expected.lost == pytest.approx(seen.lost, rel=0.25)
    assert expected.repeated == pytest.approx(seen.repeated, rel=0.35)


def test_nodes_that_fail_before_an_epoch_ends_finish_nothing() -> None:
    with pytest.raises(UserError, match="nodes fail every 10 s"):
        forecast([1000.0], [10], Fleet(1, mtbf=10.0))
    assert forecast([], [], Fleet(3)) == Forecast(0.0, 0.0)
