"""Guards of the goals for training and evaluation: all cores, bfloat16 where the machine computes it, 34 layers."""

from __future__ import annotations

import pytest
from benchmarks.goals.training import CPU, SHARES, evaluation_pass, network
from pytest_benchmark.fixture import BenchmarkFixture

from resbench.training.device import apply_placement, cores
from resbench.training.placement import placement_of
from resbench.training.timing import training_step


@pytest.mark.parametrize("width", SHARES)
def test_training_step_of_a_width(benchmark: BenchmarkFixture, width: int) -> None:
    placement = placement_of(network(width), CPU, cores())
    apply_placement(placement)
    benchmark.pedantic(training_step(network(width), placement), rounds=5, warmup_rounds=2)


def test_evaluation_of_10_000_images(benchmark: BenchmarkFixture) -> None:
    placement = placement_of(network(8), CPU, cores())
    apply_placement(placement)
    benchmark.pedantic(evaluation_pass(network(8), 10_000, placement), rounds=3)
