"""Growing: added units are the identity, nothing is lost, and a run goes on where it was killed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from support.runs import stop_after

from resbench.core.config import explain
from resbench.core.errors import Stopped
from resbench.model import ModelConfig, measure
from resbench.probes.observer import ProbeObserver
from resbench.training.depths import at_depth, depth_in, spans, stages
from resbench.training.device import Placement
from resbench.training.growth import deep_name, grow, positions
from resbench.training.run import RunConfig
from resbench.training.step import initial, stepper
from resbench.training.train import train

CPU = Placement(torch.device("cpu"), 1, bf16=False, channels_last=False)


def growing(model: dict[str, Any] | None = None, **recipe: Any) -> RunConfig:
    return RunConfig.model_validate(
        {
            "model": {"depth": 22, "width": 4} | (model or {}),
            "recipe": {"epochs": 3, "grow": [10, 16, 22]} | recipe,
            "data": {"train_size": 128, "val_size": 100},
        }
    )


def test_epochs_are_divided_evenly() -> None:
    run = growing(epochs=8)
    assert stages(run) == [(0, 10), (2, 16), (5, 22)] and spans(run) == [(2, 10), (3, 16), (3, 22)]
    assert [depth_in(run, epoch) for epoch in range(8)] == [10, 10, 16, 16, 16, 22, 22, 22]
    assert depth_in(run, -1) == 10
    assert stages(RunConfig()) == [(0, 34)]


def test_new_units_stand_behind_those_of_their_stage() -> None:
    assert ModelConfig(depth=10).stages == [0, 1, 1, 1] and ModelConfig(depth=22).stages == [2, 3, 3, 1]
    places = positions(ModelConfig(depth=10), ModelConfig(depth=22))
    assert places == [2, 5, 8]
    assert deep_name("units.1.branch.0.weight", places) == "units.5.branch.0.weight"
    assert deep_name("stem.0.weight", places) == "stem.0.weight"


KINDS: list[dict[str, Any]] = [
    {},
    {"unit": "preact"},
    {"unit": "relu_only_preact"},
    {"shortcut": "zero_pad"},
    {"norm": "group"},
    {"norm": "none"},
    {"norm": "none", "branch": "fixup"},
    {"branch": "zero_gamma"},
    {"branch": "skipinit"},
    {"branch": "rezero"},
    {"branch": "layerscale", "unit": "preact"},
    {"family": "cifar", "depth": 20},
    {"convs_per_unit": 3, "depth": 31},
    {"conv_bias": "always", "unit": "preact", "init": "torch7"},
    {"dropout": 0.2, "dropout_at": "unit", "drop_path": 0.2},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_inserted_units_are_the_identity_and_learn(kind: dict[str, Any]) -> None:
    depths = {20: [8, 20], 31: [13, 31]}.get(kind.get("depth", 22), [10, 22])
    run = growing(kind, grow=depths, epochs=2)
    state = initial(at_depth(run, depths[0]), CPU)
    torch.manual_seed(1)
    inputs, labels = torch.randn(4, 1, 28, 28), torch.arange(4)
    shallow = state.network
    for _ in range(2):  # so that nothing is at its start, and a momentum is there
        stepper(state, run, CPU)(inputs, labels)
    with torch.no_grad():
        expected = shallow.eval()(inputs)
    momenta = {name: state.optimizer.state[p]["momentum_buffer"].clone() for name, p in shallow.named_parameters()}
    state.epoch = 1
    assert grow(state, run, CPU, inputs)
    with torch.no_grad():
        assert torch.allclose(state.network.eval()(inputs), expected, atol=1e-5, rtol=1e-4)
    places = positions(at_depth(run, depths[0]).model, run.model)
    parameters = dict(state.network.named_parameters())
    old = {deep_name(name, places): buffer for name, buffer in momenta.items()}
    for name, parameter in parameters.items():
        if name in old:
            assert torch.equal(state.optimizer.state[parameter]["momentum_buffer"], old[name])
        else:
            assert parameter not in state.optimizer.state
    before = {name: parameter.detach().clone() for name, parameter in parameters.items() if name not in old}
    state.network.train()
    for _ in range(3):
        stepper(state, run, CPU)(inputs, labels)
    added = [index for index in range(sum(run.model.stages)) if index not in places]
    for index in added:
        moved = [n for n, b in before.items() if n.startswith(f"units.{index}.branch.") and n.endswith("weight")]
        assert all(not torch.equal(parameters[name], before[name]) for name in moved), index


def test_a_run_that_grows_counts_its_work_and_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    run = growing()
    probes = ("gradients",)
    whole = train(run, tmp_path, threads=1, observer=ProbeObserver(probes))
    assert whole.status == "ok" and whole.probes, whole.error
    assert [row["depth"] for row in whole.history] == [10, 16, 22]
    flops = [measure(ModelConfig(depth=depth, width=4))["flops"] for depth in (10, 16, 22)]
    assert whole.metrics["training_flops"] == 3 * 128 * sum(flops)
    assert whole.metrics["flops"] == flops[-1]
    gradients: Any = whole.probes["gradients"]
    assert [sum(value is not None for value in row) for row in gradients["relative"]] == [7, 7, 13, 19]
    for stop_at in (0.5, 1.5, 2.5):
        saved = tmp_path / f"{stop_at}.ckpt"
        with pytest.raises(Stopped):
            train(run, tmp_path, threads=1, saved=saved, observer=stop_after(stop_at, probes))
        again = train(run, tmp_path, threads=1, saved=saved, observer=ProbeObserver(probes))
        assert again.content() == whole.content()
    recipe = run.recipe.model_copy(update={"grow": "none"})
    straight = train(run.model_copy(update={"recipe": recipe}), tmp_path, threads=1)
    assert straight.weights_sha256 != whole.weights_sha256


def test_the_best_epoch_is_one_of_full_depth(tmp_path: Path) -> None:
    record = train(growing(select="best_val"), tmp_path, threads=1)
    assert record.status == "ok", record.error
    assert record.metrics["epoch"] == 3


@pytest.mark.parametrize(
    ("model", "recipe", "part"),
    [
        ({}, {"grow": [22]}, "two depths or more"),
        ({}, {"grow": [22, 16]}, "each deeper than the one before"),
        ({}, {"grow": [10, 16]}, "does not end at model.depth, which is 22"),
        ({}, {"grow": [11, 22]}, "11 is not a depth of the family seed"),
        ({}, {"epochs": 2}, "3 depths need as many epochs"),
        ({"shortcut": "none"}, {}, "a plain network has no shortcut"),
        ({"shortcut": "exclusive_gate"}, {}, "shortcut exclusive_gate changes x"),
        ({"unit": "seed"}, {}, "passes no gradient at zero"),
        ({"unit": "relu_before_add"}, {}, "passes no gradient at zero"),
        ({"unit": "bn_after_add"}, {}, "the norm behind the addition"),
    ],
)
def test_what_cannot_be_grown_is_refused_in_a_line(model: dict[str, Any], recipe: dict[str, Any], part: str) -> None:
    with pytest.raises(ValidationError) as caught:
        growing(model, **recipe)
    [(_, text, _)] = explain(caught.value)
    assert part in text and "\n" not in text


def test_growing_is_part_of_a_run_and_its_default_leaves_no_trace() -> None:
    run = growing()
    assert run.id != at_depth(run, 22).model_copy(update={"recipe": run.recipe.model_copy(update={"grow": "none"})}).id
    assert RunConfig().id == RunConfig.model_validate({"recipe": {"grow": "none"}}).id
