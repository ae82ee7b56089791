"""Runs that follow each other in one process: a program that is used again leaves no trace of the run before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.runs import stop_after

from resbench.core.config import flatten, nest
from resbench.core.errors import Stopped
from resbench.training.run import RunConfig
from resbench.training.train import train
from resbench.training.workshop import Kit, Workshop

CPU = torch.device("cpu")
BASE = {
    "model": {"depth": 10, "width": 8, "dropout": 0.2},
    "data": {"train_size": 44, "val_size": 30, "augment": "shift"},
    "recipe": {"epochs": 2, "batch_size": 16, "precision": "bf16", "grad_clip": 0.5, "select": "best_val"},
}


def run_of(seed: int = 0, **change: Any) -> RunConfig:
    return RunConfig.model_validate(nest(flatten(BASE) | change) | {"seed": seed})


class Noting(Workshop):
    """Notes whether a run found what an earlier one had left."""

    def __init__(self, folder: Path) -> None:
        super().__init__(CPU, folder, keeps=True)
        self.found: list[bool] = []

    def take(self, setup: Any) -> Kit | None:
        kit = super().take(setup)
        self.found.append(kit is not None)
        return kit


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adamw"])
def test_the_runs_of_a_cell_have_the_bits_that_they_have_alone(optimizer: str, tmp_path: Path) -> None:
    workshop = Noting(tmp_path)
    for seed in range(3):
        run = run_of(seed, **{"recipe.optimizer": optimizer})
        record = train(run, tmp_path, threads=1, graph="step", workshop=workshop)
        assert record.status == "ok" and record.content() == train(run, tmp_path, threads=1).content()
    assert workshop.found == [False, True, True]


def test_a_run_that_diverged_leaves_no_trace_in_the_next(tmp_path: Path) -> None:
    workshop, wild = (
        Noting(tmp_path),
        {"recipe.lr": 1000.0, "model.norm": "none", "model.dropout": 0.0, "recipe.grad_clip": "none"},
    )
    for seed in range(2):
        run = run_of(seed, **wild)
        record = train(run, tmp_path, threads=1, graph="step", workshop=workshop)
        assert record.status == "diverged" and record.content() == train(run, tmp_path, threads=1).content()
    calm = run_of(0)
    assert (
        train(calm, tmp_path, threads=1, graph="step", workshop=workshop).content()
        == train(calm, tmp_path, threads=1).content()
    )
    assert workshop.found == [False, True, False]


def test_a_run_goes_on_from_its_checkpoint_with_the_program_of_another(tmp_path: Path) -> None:
    workshop, saved = Noting(tmp_path), tmp_path / "x.ckpt"
    train(run_of(0), tmp_path, threads=1, graph="step", workshop=workshop)
    with pytest.raises(Stopped):
        train(run_of(1), tmp_path, threads=1, saved=saved, observer=stop_after(1.3), graph="step", workshop=workshop)
    train(run_of(2), tmp_path, threads=1, graph="step", workshop=workshop)
    record = train(run_of(1), tmp_path, threads=1, saved=saved, graph="step", workshop=workshop)
    assert record.content() == train(run_of(1), tmp_path, threads=1).content()
    assert workshop.found == [False, True, False, True]  # a run that was stopped leaves nothing


def test_other_cells_and_networks_that_grow_have_programs_of_their_own(tmp_path: Path) -> None:
    workshop = Noting(tmp_path)
    grown = {"model.depth": 16, "recipe.grow": [10, 16]}
    for run in (run_of(0), run_of(0, **{"recipe.lr": 0.05}), run_of(0), run_of(0, **grown), run_of(1, **grown)):
        train(run, tmp_path, threads=1, graph="step", workshop=workshop, tested=False)
    assert workshop.found == [False] * 5
