"""The plug-ins that come with the example grid: mathematical facts of each."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from support.faults import ROOT
from torch import nn
from torch.nn import functional

from resbench.core.own_code import at_home
from resbench.core.places import Home
from resbench.model import ModelConfig, build, measure
from resbench.model.alike import alike
from resbench.training.recipe import RecipeConfig

PLUGINS = ROOT / "ablations" / "plugins"


@contextlib.contextmanager
def plugin(name: str) -> Iterator[ModuleType]:
    from resbench.core.own_code import load_plugin

    path = PLUGINS / f"{name}.py"
    with at_home(Home(Path(path.parent), (path,))):
        yield load_plugin(str(path)).module


def test_a_learned_scale_of_one_is_the_identity_until_the_first_step() -> None:
    images, labels = torch.randn(8, 1, 28, 28), torch.arange(8)
    outputs = {}
    with plugin("learned_scale"):
        for shortcut in ("identity", "learned_scale"):
            torch.manual_seed(0)
            network = build(ModelConfig(depth=16, width=4, shortcut=shortcut))
            optimizer = torch.optim.SGD(network.parameters(), 0.1)
            before = network(images)
            functional.cross_entropy(before, labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            outputs[shortcut] = before, network(images)
        units = sum(ModelConfig(depth=16).stages)
        sizes = [measure(ModelConfig(depth=16, shortcut=one))["parameters"] for one in ("identity", "learned_scale")]
    (start, after), (own_start, own_after) = outputs["identity"], outputs["learned_scale"]
    assert torch.equal(start, own_start) and not torch.equal(after, own_after)
    assert sizes[1] - sizes[0] == units


def test_no_rule_says_that_a_network_with_parts_of_a_plugin_is_another_one() -> None:
    """At depth 10 identity and projection are one network; of a shortcut that the rules do not know nothing is said."""
    assert [one.field for one in alike(ModelConfig(depth=10, shortcut="projection"))] == ["shortcut"]
    with plugin("learned_scale"):
        assert not list(alike(ModelConfig(depth=10, shortcut="learned_scale", conv_bias="never")))


def test_generalised_means_lie_between_the_mean_and_the_maximum() -> None:
    x = torch.rand(2, 3, 7, 7, dtype=torch.float64) + 0.01
    mean, most = x.mean((2, 3)), x.amax((2, 3))
    with plugin("gem") as gem:
        pooled = [gem.GeM(p).double()(x).flatten(1) for p in (1.0, 3.0, 30.0, 1000.0)]
    torch.testing.assert_close(pooled[0], mean)
    assert all((left < right).all() for left, right in itertools.pairwise(pooled))
    assert (pooled[3] < most).all()
    torch.testing.assert_close(pooled[3], most, rtol=0.005, atol=0)


def test_radam_is_that_of_torch_and_without_variance_a_step_of_momentum() -> None:
    recipe = RecipeConfig(lr=0.01, momentum=0.8, weight_decay=0.1)
    ours, theirs = (nn.Parameter(torch.ones(3)) for _ in range(2))
    with plugin("radam") as module:
        made = module.radam([ours], recipe)
    known = torch.optim.RAdam([theirs], 0.01, (0.8, 0.999), weight_decay=0.1, decoupled_weight_decay=True)
    gradient = torch.tensor([1.0, -2.0, 3.0])
    for step in range(10):
        for parameter, optimizer in ((ours, made), (theirs, known)):
            parameter.grad = gradient.clone()
            optimizer.step()
        if not step:  # of one gradient the variance is not known: the step is not scaled by it
            torch.testing.assert_close(ours.detach(), (1 - 0.01 * 0.1) - 0.01 * gradient)
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(("values", "expected"), [([1.0, 1, 1, 1], 4.0), ([1.0, 0, 0, 0], 1.0), ([2.0, 2, 0, 0], 2.0)])
def test_the_effective_rank_counts_directions_of_equal_strength(values: list[float], expected: float) -> None:
    rotated = torch.linalg.qr(torch.randn(6, 4, dtype=torch.float64)).Q @ torch.diag(torch.tensor(values).double())
    with plugin("effective_rank") as module:
        assert module.rank(rotated) == pytest.approx(expected)


def test_signals_of_planted_sizes_have_their_growth_and_decay() -> None:
    seen = [torch.zeros(2, 4, 8, 8)] * 5 + [torch.zeros(2, 8, 4, 4)] * 3
    with plugin("signals") as module:
        assert module.growth(seen, [1, 2, 4, 8, 16, 7, 14, 28]) == pytest.approx(
            2
        )  # a change of shape counts for nothing
        assert module.decay([0.01, 0.06, 0.125, 0.25, 0.5]) == pytest.approx(0.5, abs=0.01)
        assert module.decay([0.9, 0.01, 0.5]) is None
        assert module.over_last_stage(seen, [0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.3, 0.4]) == pytest.approx(0.5)


def test_the_branch_of_rezero_is_nothing_next_to_its_shortcut() -> None:
    network = build(ModelConfig(depth=22, width=4, norm="none", branch="rezero"))
    with plugin("signals") as module, module.branch_shares(network) as shares, torch.no_grad():
        network(torch.randn(4, 1, 28, 28))
    assert shares == [0.0] * len(network.units)


def test_what_plugins_imported_stays_where_it_was() -> None:
    from resbench.model.branch import Bias, LearnedScale
    from resbench.model.dropout import DropPath
    from resbench.model.shortcut import Gate, NoShortcut, Sum, ZeroPad
    from resbench.model.unit import Unit

    assert all(
        issubclass(one, nn.Module) for one in (Bias, LearnedScale, DropPath, Gate, NoShortcut, Sum, Unit, ZeroPad)
    )
