"""The identity of a run: ids of earlier versions stay valid, and what has no effect leaves no trace."""

from typing import Any

import pytest

from resbench.core.config import nest
from resbench.training.run import RunConfig

# Every field at another value than its default. Records carry these ids: they must never change.
IDS: list[tuple[dict[str, Any], str]] = [
    ({}, "e80372febfd77a58"),
    ({"seed": 7}, "f71179bd06669cc7"),
    ({"model.depth": 100, "model.width": 8, "model.shortcut": "none", "recipe.lr": 0.05}, "759d3167e0e21db5"),
    (
        {
            "model.family": "cifar",
            "model.depth": 20,
            "model.shortcut": "zero_pad",
            "data.name": "cifar10",
            "data.augment": "crop_flip",
            "seed": 2,
        },
        "bd18e0236b19d37c",
    ),
    (
        {"model.shortcut": "scaled", "model.shortcut_scale": 0.7, "model.branch_scale": 0.5, "seed": 1},
        "18d85abc21c21c11",
    ),
    ({"model.shortcut": "exclusive_gate", "model.gate_bias": -3.0}, "5594b963a4271130"),
    ({"model.shortcut": "dropout", "model.shortcut_dropout": 0.2, "model.projection_norm": False}, "cd915bf723da1d6f"),
    (
        {"model.norm": "none", "model.branch": "fixup", "model.init": "dirac", "model.unit": "preact"},
        "5371bcc397a1d93a",
    ),
    (
        {
            "model.convs_per_unit": 3,
            "model.depth": 13,
            "model.conv_bias": "always",
            "model.head": "max_linear",
            "model.downsample": "max_pool",
        },
        "135a5703c5f00564",
    ),
    (
        {
            "model.dropout": 0.3,
            "model.dropout_at": "unit",
            "model.drop_path": 0.2,
            "model.branch": "layerscale",
            "model.branch_scale": 0.1,
        },
        "c4f8cbdcb7a0c77e",
    ),
    (
        {
            "recipe.optimizer": "adamw",
            "recipe.schedule": "inverse_time",
            "recipe.lr_decay": 0.001,
            "recipe.loss": "mean_over_batch",
            "recipe.grad_clip": 1.0,
        },
        "42c7aed18e079b94",
    ),
    (
        {
            "recipe.epochs": 4,
            "recipe.batch_size": 64,
            "recipe.momentum": 0.8,
            "recipe.weight_decay": 0.001,
            "recipe.label_smoothing": 0.1,
            "recipe.schedule": "cosine",
            "recipe.warmup": 1.0,
        },
        "b51d473d0ab07c2a",
    ),
    (
        {
            "recipe.grow": [10, 22, 34],
            "recipe.select": "best_val",
            "recipe.precision": "bf16",
            "data.train_size": 1000,
            "data.val_size": 500,
            "data.order": "file",
            "data.pixels": "raw",
        },
        "b6e8c80f928a6a98",
    ),
]
INACTIVE: list[dict[str, Any]] = [
    {"model.shortcut_scale": 0.7},
    {"model.shortcut_dropout": 0.1},
    {"model.gate_bias": 1.0},
    {"model.branch_scale": 0.5},
    {"model.dropout_at": "unit"},
    {"recipe.lr_decay": 0.5},
]


def normalised(values: dict[str, Any]) -> RunConfig:
    return RunConfig.model_validate(nest(values)).normalised()


@pytest.mark.parametrize(("values", "run_id"), IDS, ids=[run_id for _, run_id in IDS])
def test_ids_are_those_of_earlier_versions(values: dict[str, Any], run_id: str) -> None:
    assert normalised(values).id == run_id


def test_all_fields_are_among_those_ids() -> None:
    fields = {
        f"{section}.{name}"
        for section, values in RunConfig().model_dump().items()
        if section != "seed"
        for name in values
    }
    assert fields | {"seed"} == {path for values, _ in IDS for path in values} | {"model.width"}


@pytest.mark.parametrize("values", INACTIVE, ids=str)
def test_a_field_without_effect_leaves_no_trace(values: dict[str, Any]) -> None:
    assert normalised(values) == RunConfig()
    assert RunConfig.model_validate(nest(values)) != RunConfig()


@pytest.mark.parametrize(
    ("values", "same"),
    [
        ({"data.train_size": 3600}, {}),
        ({"data.val_size": 400}, {}),
        ({"data.train_size": 3600, "data.val_size": 400}, {}),
        ({"data.train_size": 4000, "data.val_size": 0}, {"data.val_size": 0}),
        ({"data.name": "mnist", "data.train_size": 54_000}, {"data.name": "mnist"}),
        ({"recipe.weight_decay": -0.0}, {"recipe.weight_decay": 0.0}),
        ({"recipe.momentum": -0.0, "recipe.optimizer": "sgd"}, {"recipe.momentum": 0, "recipe.optimizer": "sgd"}),
        ({"model.dropout": -0.0}, {}),
    ],
    ids=str,
)
def test_what_says_the_same_is_the_same_run(values: dict[str, Any], same: dict[str, Any]) -> None:
    assert normalised(values).id == normalised(same).id
    assert repr(normalised(values)) == repr(normalised(same))


def test_sizes_that_are_others_are_other_runs() -> None:
    sizes: list[dict[str, Any]] = [{}, {"data.train_size": 3599}, {"data.train_size": 3600, "data.val_size": 0}]
    sizes += [
        {"data.val_size": 0},
        {"data.val_size": 399},
        {"data.train_size": 54_000, "data.val_size": 0, "data.name": "mnist"},
    ]
    assert len({normalised(values).id for values in sizes}) == len(sizes)


@pytest.mark.parametrize("values", [{"model.shortcut": "none"}, {"model.shortcut": "zero_pad"}, {"model.norm": "none"}])
def test_without_projections_or_norms_their_norm_has_no_effect(values: dict[str, Any]) -> None:
    assert normalised(values | {"model.projection_norm": False}).model.projection_norm
    assert not normalised({"model.projection_norm": False}).model.projection_norm


def test_ids_of_many_seeds_are_those_of_each() -> None:
    run = normalised({"model.depth": 10})
    assert run.ids([0, 3]) == [run.id, run.with_seed(3).id] and RunConfig().ids([7]) == [RunConfig(seed=7).id]


def test_streams_differ_by_purpose_epoch_and_seed() -> None:
    run = RunConfig()
    streams = [run.stream("order"), run.stream("augment"), run.stream("order", 1), run.with_seed(1).stream("order")]
    assert len(set(streams)) == 4 and streams[0] == RunConfig().stream("order")
