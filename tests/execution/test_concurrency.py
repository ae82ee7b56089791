"""How many runs side by side: when that is measured, and that a study keeps what it began with."""

import json
from pathlib import Path

import pytest

from resbench.execution import packing
from resbench.execution.concurrency import (
    Concurrency,
    choose_concurrency,
    load_choice,
    machine,
    save_choice,
)
from resbench.grid.grid import Grid, PlannedRun
from resbench.records.store import Store
from resbench.training.device import cores
from resbench.training.run import RunConfig
from resbench.training.server import Failed


def runs(epochs: int) -> list[PlannedRun]:
    base = {"model.width": 8, "model.depth": 10, "data.train_size": 100, "data.val_size": 20, "recipe.batch_size": 16}
    return Grid("some", base={**base, "recipe.epochs": epochs}, seeds=6).runs()


def test_a_short_grid_is_not_measured_and_a_given_number_is_used(tmp_path: Path) -> None:
    planned = runs(epochs=1)
    store = Store(tmp_path / "r")
    jobs = min(cores(), 6)
    expected = Concurrency(jobs, max(1, cores() // jobs), "not measured")
    assert choose_concurrency(None, planned, store, "cpu") == expected
    assert choose_concurrency(3, planned, store, "cpu").jobs == 3
    assert not (store.work / "share.json").exists()


def test_a_long_grid_is_measured_once_and_goes_on_as_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = runs(epochs=10_000)
    store = Store(tmp_path / "r")
    measured: list[int] = []

    def rate(run: RunConfig, device: str, jobs: int, seconds: float = 5.0) -> float:
        measured.append(jobs)
        return 100.0 * jobs

    monkeypatch.setattr(packing, "combined_rate", rate)
    first = choose_concurrency(None, planned, store, "cpu")
    assert first.reason.startswith("measured: 1 side by side 100 images/s")
    assert first.jobs == min(cores(), 6) and first.threads == max(1, cores() // first.jobs)
    before = list(measured)
    again = choose_concurrency(None, planned, store, "cpu")
    assert (again.jobs, again.threads, again.reason) == (first.jobs, first.threads, "as this study was begun")
    assert measured == before
    (store.work / "share.json").write_text("{")
    assert choose_concurrency(None, planned, store, "cpu").reason.startswith("measured")


def test_a_grid_is_done_one_by_one_where_no_run_can_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rate(run: RunConfig, device: str, jobs: int, seconds: float = 5.0) -> float:
        raise Failed("OutOfMemoryError: CUDA out of memory")

    monkeypatch.setattr(packing, "combined_rate", rate)
    choice = choose_concurrency(None, runs(epochs=10_000), Store(tmp_path / "r"), "cpu")
    reason = "measured: 1 side by side failed (OutOfMemoryError: CUDA out of memory)"
    assert choice == Concurrency(1, cores(), reason)


def test_a_study_of_an_earlier_version_goes_on_as_it_began(tmp_path: Path) -> None:
    store = Store(tmp_path / "r")
    store.open()
    earlier = {machine("cpu"): {"jobs": 2, "threads": 1, "because": "measured: 2 side by side 80 images/s"}}
    (store.work / "share.json").write_text(json.dumps(earlier))
    assert load_choice(store, 6, "cpu") == Concurrency(2, 1, "as this study was begun")


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "3", "{", '{"x": 1}', "[" * 5000, '{"KEY": 3}', '{"KEY": {"threads": 1e999}}']
)
def test_a_damaged_choice_is_as_none(text: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    (store.work / "share.json").write_text(text.replace("KEY", machine("cpu")))
    assert load_choice(store, 4, "cpu") is None
    save_choice(store, Concurrency(2, 1, "measured"), "cpu")
    assert load_choice(store, 4, "cpu") == Concurrency(2, 1, "as this study was begun")
