"""Runs side by side: which numbers are tried, which is taken, and that a study keeps its number of threads."""

from pathlib import Path

import pytest

from resbench.execution import concurrency as sharing
from resbench.execution.concurrency import Share, candidates, faster, share, together
from resbench.grid.grid import Grid
from resbench.records.store import Store
from resbench.training.device import cores
from resbench.training.run import RunConfig

GRID = """name: some
base:
  model: {width: 8, depth: 10}
  data: {train_size: 100, val_size: 20}
  recipe: {epochs: EPOCHS, batch_size: 16}
seeds: 6
"""


def runs(folder: Path, epochs: int) -> list[object]:
    (folder / "some.yaml").write_text(GRID.replace("EPOCHS", str(epochs)))
    return Grid.load(folder / "some.yaml").runs()  # type: ignore[return-value]


@pytest.mark.parametrize(("most", "tried"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (64, [1, 2, 4, 8, 16, 32, 64])])
def test_powers_of_two_and_the_most_are_tried(most: int, tried: list[int]) -> None:
    assert candidates(most) == tried


def test_the_fastest_way_wins_and_a_draw_goes_to_the_most_runs_at_a_time() -> None:
    assert faster({1: 100.0, 2: 150.0, 4: 140.0}) == 2
    assert faster({1: 100.0, 2: 102.0, 4: 100.0}) == 4


def test_a_short_grid_is_not_measured_and_a_number_asked_for_is_kept(tmp_path: Path) -> None:
    planned = runs(tmp_path, epochs=1)
    store = Store(tmp_path / "r")
    assert share(None, planned, store, "cpu") == Share(
        min(cores(), 6), max(1, cores() // min(cores(), 6)), "not measured"
    )
    assert share(3, planned, store, "cpu").jobs == 3
    assert not (store.work / "share.json").exists()


def test_a_long_grid_is_measured_once_and_goes_on_as_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = runs(tmp_path, epochs=10_000)
    store = Store(tmp_path / "r")
    monkeypatch.setattr(sharing, "_SECONDS", 0.1)
    first = share(None, planned, store, "cpu")
    assert first.because.startswith("measured: 1 side by side ")
    assert first.jobs * first.threads <= cores()
    again = share(None, planned, store, "cpu")
    assert (again.jobs, again.threads, again.because) == (first.jobs, first.threads, "as this study was begun")
    (store.work / "share.json").write_text("{")
    assert share(None, planned, store, "cpu").because.startswith("measured")


def test_runs_side_by_side_train_more_images_than_none() -> None:
    run = RunConfig.model_validate({"model": {"depth": 10, "width": 8}, "recipe": {"batch_size": 16}})
    assert together(run, "cpu", 2, seconds=0.1) > 0
