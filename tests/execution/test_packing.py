"""How many runs a device takes: which numbers are tried, which is taken, what fails, and what a run is measured by."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Barrier

import pytest
import torch

from resbench.execution.packing import (
    candidates,
    combined_rate,
    exercise,
    fastest,
    measure_rates,
    shortened,
)
from resbench.probes.subject import affordable_images, training_work
from resbench.probes.table import PROBES
from resbench.training.run import RunConfig
from resbench.training.server import Failed, in_processes

RUN = RunConfig.model_validate({"model": {"depth": 10, "width": 4}, "recipe": {"epochs": 20, "batch_size": 64}})


@pytest.mark.parametrize(("most", "tried"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (64, [1, 2, 4, 8, 16, 32, 64])])
def test_powers_of_two_and_the_most_are_tried(most: int, tried: list[int]) -> None:
    assert candidates(most) == tried


@pytest.mark.parametrize(
    ("rates", "with_most", "with_fewest"),
    [
        ({1: 100.0, 2: 150.0, 4: 140.0}, 2, 2),
        ({1: 100.0, 2: 102.0, 4: 100.0}, 4, 1),
        ({1: 100.0, 2: 180.0, 4: 185.0}, 4, 2),
        ({1: 100.0, 2: 180.0, 4: 0.0}, 2, 2),  # four failed
        ({1: 0.0}, 1, 1),
        ({}, 1, 1),
    ],
)
def test_the_fastest_number_wins_and_a_draw_goes_to_the_most_or_the_fewest(
    rates: dict[int, float], with_most: int, with_fewest: int
) -> None:
    assert (fastest(rates), fastest(rates, fewest=True)) == (with_most, with_fewest)


def test_more_are_tried_while_that_gains_or_all_are() -> None:
    known = {1: 100.0, 2: 190.0, 4: 195.0, 8: 400.0}
    assert list(measure_rates(known.__getitem__, [1, 2, 4, 8], while_growing=True).images) == [1, 2, 4]
    assert measure_rates(known.__getitem__, [1, 2, 4, 8], while_growing=False).images == known


def rate_below(limit: int, how: str, start: Barrier) -> float:
    """What a process trains, where fewer than `limit` have room."""
    if start.wait() == 0 and start.parties >= limit:
        if how == "dies":
            os._exit(1)
        raise torch.OutOfMemoryError("CUDA out of memory")
    start.wait()
    return 50.0


@pytest.mark.parametrize(
    ("how", "why"), [("dies", "a process died (exit code 1)"), ("raises", "OutOfMemoryError: CUDA out of memory")]
)
def test_a_number_with_a_process_that_fails_has_no_rate_and_is_the_last(how: str, why: str) -> None:
    rates = measure_rates(lambda jobs: sum(in_processes(jobs, 60.0, rate_below, 2, how)), [1, 2, 4], True)
    assert rates.images == {1: 50.0, 2: 0.0} and fastest(rates.images) == 1
    assert str(rates) == f"1 side by side 50 images/s, 2 side by side failed ({why})"


def test_runs_side_by_side_train_images() -> None:
    run = RunConfig.model_validate({"model": {"depth": 10, "width": 8}, "recipe": {"batch_size": 16}})
    assert combined_rate(run, "cpu", 2, seconds=0.1) > 0


def test_a_run_that_cannot_even_begin_is_a_failure_in_a_line() -> None:
    impossible = RUN.model_copy(update={"recipe": RUN.recipe.model_copy(update={"batch_size": 2**45})})
    with pytest.raises(Failed, match=r"^\w+: "):
        combined_rate(impossible, "cpu", 1, seconds=0.1)


def test_memory_is_measured_by_a_run_in_short_whose_batches_and_probes_are_those_of_the_whole(tmp_path: Path) -> None:
    short = shortened(RUN)
    assert short.recipe.epochs == 1 and short.data.sizes[0] < RUN.data.sizes[0] / 10
    assert short.data.sizes[0] % 64 == RUN.data.sizes[0] % 64 and short.data.sizes[0] > 64
    watched = exercise(RUN, tmp_path, torch.device("cpu"), ["lesions", "curvature"])
    images = affordable_images(PROBES["curvature"].share * training_work(RUN), 63)
    assert images > 8  # the least, which the short run alone could afford
    assert watched.peak > 0 and watched.results["curvature"]["images"] == images
    assert "lesions" not in watched.results  # they look at test images


@pytest.mark.parametrize("name", ["mnist", "mnist-5k"])
def test_a_run_in_short_asks_for_no_more_images_than_there_are(name: str) -> None:
    for data in ({}, {"train_size": 10}, {"val_size": 0}, {"train_size": 3000, "val_size": 900}):
        run = RunConfig.model_validate({"data": {"name": name, **data}, "recipe": {"batch_size": 128}})
        short, (train, _) = shortened(run), run.data.sizes
        assert 0 < short.data.sizes[0] <= train and sum(short.data.sizes) <= run.data.dataset.train
        assert short.data.sizes[0] % 128 == train % 128 or train < 128
