"""Every value of every data and recipe axis trains to other weights, and schedules have their shape."""

from pathlib import Path
from typing import Any

import pytest
from support.axes import EFFECTS

from resbench.core.config import flatten, nest
from resbench.grid.source import FIELDS
from resbench.training.recipe import SCHEDULES, RecipeConfig
from resbench.training.run import RunConfig
from resbench.training.train import train

LEARN = {"model": {"depth": 10, "width": 8}, "data": {"train_size": 256}, "recipe": {"epochs": 1}}


@pytest.mark.parametrize("path", [path for path in EFFECTS if path != "data.name"])
def test_each_value_of_data_and_recipe_trains_to_other_weights(path: str, tmp_path: Path) -> None:
    values, context = EFFECTS[path]
    seen: dict[str | None, Any] = {}
    for value in values:
        run = RunConfig.model_validate(nest(flatten(LEARN) | context | {path: value}))
        record = train(run, tmp_path, threads=1)
        assert record.status == "ok", record.error
        accuracy = record.metrics["test_accuracy"]
        assert accuracy is not None and 0 <= accuracy <= 1
        weights = record.weights_sha256
        assert weights not in seen, f"{path}: {value} and {seen.get(weights)} train to the same weights"
        seen[weights] = value


def test_no_data_or_recipe_field_is_left_out() -> None:
    fields = {path for path in FIELDS if not path.startswith(("model.", "trainer."))}
    assert fields == set(EFFECTS) | {"recipe.select", "data.path"}  # needs files: see tests/data


def test_precision_auto_is_one_of_the_others(tmp_path: Path) -> None:
    records = {
        name: train(RunConfig.model_validate(LEARN | {"recipe": {"epochs": 1, "precision": name}}), tmp_path, threads=1)
        for name in ("auto", "fp32", "bf16")
    }
    assert records["auto"].weights_sha256 == records[records["auto"].provenance.precision].weights_sha256


def test_best_val_takes_the_weights_of_the_best_epoch(tmp_path: Path) -> None:
    recipe = {"epochs": 3, "lr": 2.0, "schedule": "constant", "select": "best_val"}
    record = train(RunConfig.model_validate(LEARN | {"recipe": recipe}), tmp_path, threads=1)
    accuracies = [row["val_accuracy"] or 0.0 for row in record.history]
    assert record.metrics["val_accuracy"] == max(accuracies)
    assert record.metrics["epoch"] == accuracies.index(max(accuracies)) + 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_stay_between_zero_and_the_rate(name: str) -> None:
    recipe = RecipeConfig.model_validate({"epochs": 4, "schedule": name, "lr": 0.5})
    rates = [recipe.lr_at(step, 25) for step in range(100)]
    assert all(0 <= rate <= 0.5 for rate in rates)
    assert max(rates) == pytest.approx(0.5, rel=0.01)


def test_onecycle_has_its_peak_at_30_percent_and_ends_near_zero() -> None:
    recipe = RecipeConfig(epochs=4, lr=1.0, schedule="onecycle")
    rates = [recipe.lr_at(step, 25) for step in range(100)]
    assert rates.index(max(rates)) == 30
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[-1] < 0.002
