"""Probes: closed forms, and that they see without being felt."""

import csv
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from test_commands import call
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from resbench.core.errors import UserError
from resbench.execution.session import run as run_grid
from resbench.grid.grid import Grid
from resbench.model import ModelConfig, build
from resbench.model.fold import folded
from resbench.model.shortcut import Sum
from resbench.model.unit import Unit
from resbench.probes import observer as probing
from resbench.probes import table as probe
from resbench.probes.layers import decades, ratio, relative_gradients, responses, sharpness, similarity
from resbench.probes.lesions import Lesion, passes, removable, sets, shapes, swapped, swaps, wrong
from resbench.probes.table import PROBES, moments, work
from resbench.records.claim import METRICS, PROBED
from resbench.records.record import content, dump, parse
from resbench.records.store import Store
from resbench.training.run import RunConfig
from resbench.training.train import Stopped, train

TINY: dict[str, Any] = {
    "model": {"depth": 16, "width": 4, "dropout": 0.1},
    "recipe": {"epochs": 3},
    "data": {"train_size": 256, "augment": "shift"},
}
ALL = tuple(PROBES)


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of a tiny run with every probe."""
    record = train(RunConfig.model_validate(TINY), tmp_path_factory.mktemp("data"), threads=1, probes=ALL)
    assert record["status"] == "ok", record["error"]
    return record


def chain(*weights: float) -> nn.Module:
    """y = w_n ... w_1 x of one pixel, each w in the middle of a 3x3 convolution, in the places of units."""
    convolutions = [nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in weights]
    for convolution, weight in zip(convolutions, weights, strict=True):
        nn.init.zeros_(convolution.weight)
        with torch.no_grad():
            convolution.weight[0, 0, 1, 1] = weight
    network = nn.Module()
    network.stem = nn.Sequential(convolutions[0])
    network.units = nn.Sequential(
        *(Unit(nn.Identity(), nn.Sequential(one), Sum(nn.Identity(), 0.0), nn.Identity()) for one in convolutions[1:])
    )
    network.forward = lambda x: network.units(network.stem(x))
    return network


def test_gradients_of_a_linear_chain_in_closed_form() -> None:
    """d(w1 w2 w3 x)/dwi = y / wi, so relative to the weight it is y / wi^2, and the ratio first to last (w3 / w1)^2."""
    network = chain(2.0, 3.0, 5.0)
    found = relative_gradients(network, network(torch.ones(1, 1, 1, 1)).sum())
    assert list(found) == ["stem.0", "units.0.branch.0", "units.1.branch.0"]
    assert list(found.values()) == pytest.approx([30 / 4, 30 / 9, 30 / 25])
    assert ratio(list(found.values())) == pytest.approx((5 / 2) ** 2)
    assert network.stem[0].weight.grad is None


def test_ratio_and_decades() -> None:
    assert ratio([None, 4.0, 1.0, 2.0, None]) == 2.0
    assert ratio([1.0]) is None and ratio([1.0, 0.0]) is None and decades(None) is None
    assert decades(100.0) == decades(0.01) == 2.0
    assert decades(0.0) == 38.0


def test_similarity_of_neighbours() -> None:
    assert similarity(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])) == pytest.approx(0.5)
    assert abs(similarity(torch.randn(50, 10_000, generator=torch.Generator().manual_seed(0)))) < 0.01


def test_a_linear_network_is_not_shattered_and_noise_is() -> None:
    from resbench.probes.layers import gradient_similarity

    network = chain(2.0, 3.0)
    line = torch.linspace(0, 1, 8).reshape(-1, 1, 1, 1)

    def forward(x: torch.Tensor) -> torch.Tensor:
        return network(x).flatten(1)

    assert gradient_similarity(network, forward, line) == pytest.approx([1.0])


def test_responses_of_a_layer_with_known_output() -> None:
    """Batch norm in training mode has deviation 1 times its scale; without a norm it is the convolution's own."""
    torch.manual_seed(0)
    network = build(ModelConfig(depth=10, width=4))
    nn.init.constant_(network.units[0].branch[1].weight, 3.0)
    found = responses(network.train(), network, torch.randn(16, 1, 28, 28))
    assert list(found)[:2] == ["stem.0", "units.0.branch.0"]
    assert found["stem.0"] == pytest.approx(1, abs=1e-3)
    assert found["units.0.branch.0"] == pytest.approx(3, abs=1e-2)
    bare = chain(2.0, 3.0)
    x = torch.randn(16, 1, 5, 5)
    found = responses(bare, bare, x)
    assert found["units.0.branch.0"] == pytest.approx(6 * float(x.std(correction=0)), rel=1e-5)


def test_sharpness_of_a_quadratic() -> None:
    """L = x.Ax / 2 + y^2 with eigenvalues 5, 2 and 2; a curved term of a ReLU adds nothing where it is flat."""
    a = torch.tensor([[3.5, 1.5], [1.5, 3.5]])
    x, y = nn.Parameter(torch.tensor([1.0, -2.0])), nn.Parameter(torch.tensor([[0.5]]))
    loss = x @ a @ x / 2 + (y**2).sum()
    found = sharpness(loss, [x, y], [torch.tensor([1.0, 0.3]), torch.ones(1, 1)], 30)
    assert found[-1] == pytest.approx(5, rel=1e-5)
    negative = sharpness(-3 * (x**2).sum(), [x], [torch.ones(2)], 2)
    assert negative == pytest.approx([-6, -6])
    a = torch.tensor([-10.0, 2.0, -1.0])  # the largest is not that of largest magnitude
    x = nn.Parameter(torch.ones(3))
    assert sharpness((a * x**2).sum() / 2, [x], [torch.ones(3)], 40)[-1] == pytest.approx(2, rel=1e-3)


def varied(network: Any, x: torch.Tensor) -> Any:
    """The network in evaluation mode with logits of mean zero over the images, so that it tells them apart."""
    network.eval()
    with torch.no_grad():
        network.classify[-1].bias -= network(x).mean(0)
    return network


@pytest.mark.parametrize("unit", ["original", "preact"])
def test_a_lesion_of_a_unit_whose_branch_is_zero_changes_nothing(unit: str) -> None:
    torch.manual_seed(0)
    network = build(ModelConfig(depth=16, width=4, unit=unit))
    for index in (0, 2):
        last = [m for m in network.units[index].branch if isinstance(m, nn.BatchNorm2d | nn.Conv2d)][-1]
        nn.init.zeros_(last.weight)
    x = torch.randn(64, 1, 28, 28)
    twin: Any = folded(varied(network, x))
    labels = twin(x).argmax(1)
    units = len(network.units)
    lesions = [Lesion(tuple(range(units)), frozenset(gone)) for gone in ([], [0], [2], [0, 2], [1])]
    counts = wrong(twin, x, labels, lesions)
    assert counts[:4] == [0, 0, 0, 0] and counts[4] > 0


def test_a_lesion_computes_the_network_without_the_unit() -> None:
    torch.manual_seed(0)
    x = torch.randn(32, 1, 28, 28)
    network = varied(build(ModelConfig(depth=34, width=4)), x)
    labels = network(x).argmax(1)
    whole = tuple(range(len(network.units)))
    [swap, gone] = wrong(network, x, labels, [swapped((1, 3), len(whole)), Lesion(whole, frozenset({2}))])
    units = list(network.units)
    units[1], units[3] = units[3], units[1]
    network.units = nn.Sequential(*units)
    assert 0 < swap == int((network(x).argmax(1) != labels).sum())
    units[1], units[3] = units[3], units[1]
    network.units = nn.Sequential(*units[:2], *units[3:])  # after a ReLU the unit without its branch is the identity
    assert 0 < gone == int((network(x).argmax(1) != labels).sum())


def test_plain_units_that_change_the_shape_cannot_be_removed() -> None:
    network = build(ModelConfig(depth=16, width=4, shortcut="none")).eval()
    sizes = shapes(network, torch.randn(2, 1, 28, 28))
    assert removable(network, sizes) == [0, 2, 4]
    draw = torch.Generator().manual_seed(0)
    assert swaps(sizes, draw) == []
    network = build(ModelConfig(depth=16, width=4)).eval()
    assert removable(network, sizes) == [0, 1, 2, 3, 4, 5]
    drawn = sets(range(9), draw)
    assert list(drawn) == [2, 4, 8] and all(len(one) == 4 for one in drawn[4])
    assert all(small <= large for small, large in zip(drawn[2], drawn[4], strict=True))


def test_probes_leave_training_as_it_is(probed: dict[str, Any], tmp_path: Path) -> None:
    bare = train(RunConfig.model_validate(TINY), tmp_path, threads=1)
    assert "probes" not in bare
    assert bare["weights_sha256"] == probed["weights_sha256"]
    assert bare["predictions"] == probed["predictions"]
    kept = content(probed)
    kept.pop("probes")
    kept["metrics"] = {key: value for key, value in kept["metrics"].items() if not key.startswith("probe.")}
    assert kept == content(bare)


def test_what_the_probes_leave_in_a_record(probed: dict[str, Any]) -> None:
    found = probed["probes"]
    layers, units = 1 + 12, 6
    gradients = found["gradients"]
    assert len(gradients["layers"]) == layers and gradients["epochs"] == [0, 1, 2, 3]
    assert [len(row) for row in gradients["relative"]] == [layers] * 4
    assert len(gradients["correlation"]) == units
    assert len(found["responses"]["deviation"]) == layers
    assert len(found["lesions"]["removed"]) == units and list(found["lesions"]["random"]) == ["2", "4"]
    names = [name for name in probed["metrics"] if name.startswith("probe.")]
    assert sorted(names) == sorted(name for names in PROBED.values() for name in names)
    assert all(math.isfinite(probed["metrics"][name]) for name in names)
    first = gradients["relative"][0]
    assert probed["metrics"]["probe.gradient_ratio"] == pytest.approx(first[0] / first[-1], rel=1e-3)
    rise = [error - found["lesions"]["intact"] for error in found["lesions"]["removed"]]
    assert probed["metrics"]["probe.lesion_mean"] == pytest.approx(sum(rise) / units, abs=1e-3)
    assert parse(dump(probed)) == probed and len(dump(probed).splitlines()) < 250


def test_numbers_survive_kill_and_resume(probed: dict[str, Any], tmp_path: Path) -> None:
    run = RunConfig.model_validate(TINY)

    def stop(done: float) -> None:
        if done > 1.2:
            raise Stopped

    saved = tmp_path / "x.ckpt"
    with pytest.raises(Stopped):
        train(run, tmp_path, threads=1, saved=saved, progress=stop, probes=ALL)
    assert content(train(run, tmp_path, threads=1, saved=saved, probes=ALL)) == content(probed)


def test_a_checkpoint_that_was_not_watched_starts_over(probed: dict[str, Any], tmp_path: Path) -> None:
    run = RunConfig.model_validate(TINY)

    def stop(done: float) -> None:
        if done > 1.2:
            raise Stopped

    saved = tmp_path / "x.ckpt"
    with pytest.raises(Stopped):
        train(run, tmp_path, threads=1, saved=saved, progress=stop)
    again = train(run, tmp_path, threads=1, saved=saved, probes=ALL)
    assert "begun without the probes gradients" in again["provenance"]["warning"]
    assert content(again) == content(probed)


def test_a_diverged_run_keeps_what_was_seen(tmp_path: Path) -> None:
    wild = {"model": {"depth": 100, "width": 2, "norm": "none"}, "recipe": {"epochs": 1, "lr": 1000.0, "warmup": 0.0}}
    run = RunConfig.model_validate(wild | {"data": {"train_size": 256, "pixels": "raw"}})
    record = train(run, tmp_path, threads=1, probes=("gradients", "lesions"))
    assert record["status"] == "diverged"
    assert record["probes"]["gradients"]["epochs"] == [0] and record["probes"]["lesions"] is None
    parse(dump(record))


@pytest.mark.parametrize(
    ("depth", "shortcut", "epochs", "size"),
    [(16, "identity", 4, 1024), (34, "none", 1, 3600), (22, "identity", 9, 512)],
)
def test_probes_cost_at_most_a_twentieth_of_the_work(
    depth: int, shortcut: str, epochs: int, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted by torch: every convolution and matrix product of every probe, against those of training."""
    run = RunConfig.model_validate(
        {"model": {"depth": depth, "width": 2, "shortcut": shortcut}, "recipe": {"epochs": epochs}}
        | {"data": {"train_size": size}}
    )
    from resbench.data.loading import load_test, load_train
    from resbench.model import measure
    from resbench.training.step import initial, placed

    placement = placed(run, torch.device("cpu"), 1)
    training, _, pixels = load_train(run.data, tmp_path, placement.device)
    test = load_test(run.data, tmp_path, placement.device)
    network = initial(run, placement).network
    whole = work(run) * measure(run.model)["flops"]
    assert whole == 3 * measure(run.model)["flops"] * size * epochs
    monkeypatch.setattr(probe, "_LEAST", 2)  # short runs for a quick test, which would pay for the least of images
    monkeypatch.setattr(probe, "_LEAST_TESTED", 2)
    monkeypatch.setattr(probe, "_LINE", 4)
    for name, one in PROBES.items():
        counter = FlopCounterMode(display=False)
        found: dict[str, Any] = {}
        with counter:
            for epoch in moments(run) if one.when == "trained" else [epochs]:
                images = test if one.when == "tested" else training
                probing.look(one.when, [name], run, network, images, pixels, placement, epoch, found)
        assert 0 < counter.get_total_flops() <= 1.02 * one.share * whole, name
    assert sum(one.share for one in PROBES.values()) == pytest.approx(0.05)


def test_half_a_pass_for_each_unit() -> None:
    assert passes(16) == 1 + 8 + 3 * 4 + 3


GRID = """name: seen
base:
  model: {depth: 10, width: 2}
  data: {train_size: 64, val_size: 0}
  recipe: {epochs: 1}
axes:
  model.shortcut: [identity, none]
seeds: 1
"""
CLAIM = """claims:
- {says: gradients reach the start, compare: {model.shortcut: identity}, to: {model.shortcut: none},
   on: ON, expect: lower}
"""


def load(text: str, tmp_path: Path, *overrides: str) -> Grid:
    (tmp_path / "seen.yaml").write_text(text)
    return Grid.load(tmp_path / "seen.yaml", list(overrides))


def test_a_finished_run_that_lacks_a_probe_is_trained_again_and_loses_none(tmp_path: Path) -> None:
    store = Store(tmp_path / "r" / "seen")
    run_grid(load(GRID, tmp_path), results=tmp_path / "r")
    bare = {record["id"]: record["weights_sha256"] for record in store.records()}
    responses_too = load(GRID + "probes: [responses]\n", tmp_path)
    assert store.done() == bare.keys() and store.done(responses_too.probes) == set()
    (tmp_path / "seen.yaml").write_text(GRID + "probes: [responses]\n")
    told = call("plan", "seen.yaml", "--results", tmp_path / "r", cwd=tmp_path).stdout
    assert "2 finished runs lack some of the probes responses" in told and "2 to do" in told
    run_grid(responses_too, results=tmp_path / "r")
    run_grid(load(GRID + "probes: [gradients]\n", tmp_path), results=tmp_path / "r")
    assert {record["id"]: record["weights_sha256"] for record in store.records()} == bare
    assert all(list(record["probes"]) == ["gradients", "responses"] for record in store.records())
    times = {path: path.stat().st_mtime_ns for path in store.folder.glob("*.json")}
    run_grid(responses_too, results=tmp_path / "r")
    assert {path: path.stat().st_mtime_ns for path in store.folder.glob("[0-9a-f]*.json")}.items() <= times.items()


def test_claims_on_probes_are_read(tmp_path: Path) -> None:
    assert set(PROBED) == set(PROBES)
    for name, metrics in PROBED.items():
        for on in metrics:
            assert on in METRICS
            grid = load(GRID + f"probes: [{name}]\n" + CLAIM.replace("ON", on), tmp_path)
            assert grid.claims[0]["on"] == on and grid.probes == (name,)
    with pytest.raises(
        UserError, match=r"seen.yaml:\d+: claims: on: probe.sharpness is measured by the probe curvature"
    ):
        load(GRID + "probes: [lesions]\n" + CLAIM.replace("ON", "probe.sharpness"), tmp_path)
    assert load(GRID + "probes: [curvature]\n" + CLAIM.replace("ON", "probe.sharpness"), tmp_path, "probes=none").claims


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("probes: [gradient]", "probes: 'gradient' is not one of gradients, .*did you mean 'gradients'"),
        ("probes: gradients", "should be a list of gradients, responses, curvature, lesions, or none"),
        (CLAIM.replace("ON", "probe.gradient"), "did you mean 'probe.gradient_ratio'"),
    ],
)
def test_mistakes_are_one_line(text: str, part: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=part) as caught:
        load(GRID + text + "\n", tmp_path)
    assert len(caught.value.lines) == 1


def test_probes_are_no_part_of_a_run(tmp_path: Path) -> None:
    with_probes = load(GRID + "probes: [lesions, gradients]\n", tmp_path)
    assert with_probes.probes == ("gradients", "lesions") and with_probes.study()["probes"] == ["gradients", "lesions"]
    without = load(GRID, tmp_path)
    assert [run.id for run in with_probes.runs()] == [run.id for run in without.runs()]
    assert "probes" not in without.study()


def test_ids_of_records_are_as_they_were() -> None:
    for record in Store(Path("results/precision")).records()[:5]:
        assert RunConfig.model_validate(record["config"]).id == record["id"]


def test_signal_measures_depth_before_training(tmp_path: Path) -> None:
    (tmp_path / "seen.yaml").write_text(GRID.replace("seeds: 1", "seeds: 3"))
    done = call("signal", "seen.yaml", "model.depth=[10,100]", "model.norm=none", cwd=tmp_path)
    assert done.stdout.startswith("cell")
    with (tmp_path / "results" / "seen" / "signal.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["model.shortcut"], row["model.depth"]) for row in rows] == [
        ("identity", "10"), ("identity", "100"), ("none", "10"), ("none", "100"),
    ]  # fmt: skip
    assert float(rows[1]["activation_last"]) > 1e3 > float(rows[3]["activation_last"])
    assert "not available" in call("signal", "seen.yaml", "--device", "tpu", cwd=tmp_path, check=2).stderr
    assert not list((tmp_path / "results" / "seen").glob("*.json"))


def test_signal_of_one_network_in_closed_form() -> None:
    """A chain of Dirac kernels without norms passes what it is given: shortcuts double it in each unit."""
    from resbench.probes.initialisation import measure

    run = RunConfig.model_validate(
        {"model": {"family": "cifar", "depth": 20, "width": 2, "norm": "none", "init": "dirac", "unit": "original"}}
    )
    found = measure(run, torch.device("cpu"))
    assert found["activation_last"] is not None and found["activation_first"] is not None
    assert found["activation_last"] > 2 * found["activation_first"]


def test_ls_probes_says_what_each_costs(tmp_path: Path) -> None:
    told = call("ls", "probes", cwd=tmp_path).stdout
    assert all(name in told for name in [*PROBES, *METRICS[-3:]]) and "% of the training work" in told
