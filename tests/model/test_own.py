"""Networks of the user's own: what is refused before anything runs, what makes a run this run, and that all of resbench works."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from support.commands import call
from support.inprocess import resbench
from torch import nn

from resbench.core.config import nest
from resbench.core.errors import UserError
from resbench.core.places import relative_to
from resbench.grid.filter import filter_runs
from resbench.grid.reader import read_grid
from resbench.model import ModelConfig, build, measure
from resbench.probes.lesions import Lesion, count_wrong
from resbench.records.store import Store
from resbench.training.run import RunConfig
from resbench.training.train import train
from resbench.tuning.reader import load_search

NETWORKS = Path(__file__).parents[2] / "ablations" / "networks"
MLP = (NETWORKS / "residual_mlp.py").read_text()
CODE = """\
import torch
from torch import nn

def make(channels, size, classes, width=4, *, view=True):
    return Net(channels, size, classes, width)

class Net(nn.Module):
    def __init__(self, channels, size, classes, width):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.out = nn.Linear(width * size * size, classes)

    def forward(self, x):
        if x.mean().item() > 1e9:  # cannot be known without numbers
            return x
        return self.out(self.conv(x).view(len(x), -1))

def empty(channels, size, classes):
    return nn.Flatten()

def wide(channels, size, classes, width=4):
    return Net(channels, size, classes + 1, width)

def needy(channels, size, classes, width):
    return Net(channels, size, classes, width)

def bare():
    return None

LIMIT = 3
"""
BASE = "base:\n  model: {family: python, entry: ENTRY}\n  data: {train_size: 64, val_size: 20}\n  recipe: {epochs: 2}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(CODE)
    (tmp_path / "mlp.py").write_text(MLP)
    return tmp_path


def grid_file(folder: Path, entry: str, more: str = "") -> Path:
    path = folder / "own.yaml"
    path.write_text(BASE.replace("ENTRY", entry) + more)
    return path


def run_of(folder: Path, entry: str, **changes: Any) -> RunConfig:
    base = {
        "model.family": "python",
        "model.entry": entry,
        "data.train_size": 64,
        "data.val_size": 20,
        "recipe.epochs": 1,
    }
    with relative_to(folder):
        return RunConfig.model_validate(
            nest(base | {path.replace("__", "."): value for path, value in changes.items()})
        )


@pytest.mark.parametrize(
    ("entry", "more", "words"),
    [
        ("net.py:make", "axes: {model.args.widht: [1, 2]}", r"5: model.args.widht: is no argument of make(channels, size, "),
        ("net.py:make", "axes: {model.args.widht: [1, 2]}", "(did you mean 'width'?)"),
        ("net.py:make", "axes: {model.args.size: [1, 2]}", "5: model.args.size: is what resbench gives make(channels"),
        ("net.py:make", "axes: {model.args.width: [1, -1]}", "5: model.args.width: {}/net.py:10: RuntimeError: "),
        ("net.py:make", "axes: {model.args.width: [1, {a: 2}]}", "5: model.args.width: {{'a': 2}} is not allowed: it should be"),
        ("net.py:make", "axes: {model.depth: [10, 16]}", "5: model.depth: does not apply to family python: its network"),
        ("net.py:make", "axes: {model.arg.width: [1, 2]}", "5: model.arg.width: unknown field (did you mean"),
        ("net.py:make", "axes: {recipe.grow: [none, [10, 16]]}", "5: recipe.grow: [10, 16] cannot be grown: resbench cannot"),
        ("net.py:make", "probes: [gradients, lesions]", "5: probes: gradients and lesions look at the units of a network: net"),
        ("net.py:mak", "", "2: model.entry: {}/net.py: it has no mak"),
        ("net.py:LIMIT", "", "2: model.entry: {}/net.py: LIMIT is no function"),
        ("net.py:needy", "", "2: model.entry: is missing: needy(channels, size, classes, width) of {}/net.py has no default for"),
        ("net.py:bare", "", "2: model.entry: bare() of {}/net.py should take channels, size, classes first"),
        ("net.py:wide", "", "2: model.entry: {}/net.py: the network returns (1, 11) and should return logits of shape (n, 10)"),
        ("net.py:empty", "", "2: model.entry: empty(channels, size, classes) of {}/net.py returns a network without weights"),
        ("nets.py:make", "", "2: model.entry: {}/nets.py: cannot be read: No such file"),
        ("net.py", "", "2: model.entry: 'net.py' should name a function, as in net.py:NAME or "),
        ("no_such_package:make", "", "2: model.entry: no_such_package: cannot be imported: No module named"),
        ("json:dumps", "", "2: model.entry: dumps(obj, *, skipkeys=False"),
        ("net.py:make@0123456789abcdef", "", "2: model.entry: {}/net.py: has changed since the run was planned"),
        ("none", "", "2: model.family: python needs model.entry"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(folder: Path, entry: str, more: str, words: str) -> None:
    with pytest.raises(UserError) as refused:
        read_grid(grid_file(folder, entry, more))
    (line,) = refused.value.lines
    assert f"own.yaml:{words.format(folder)}" in line or words in line


def test_arguments_without_the_family_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("base: {model: {args: {width: 3}}}\n")
    with pytest.raises(UserError, match=r"1: model.args.width: applies to model.family python alone"):
        read_grid(path)


def test_a_run_is_known_by_what_is_in_the_file_and_not_by_where_it_is(folder: Path) -> None:
    run = run_of(folder, "net.py:make", model__args={"width": 3})
    (folder / "nets").mkdir()
    (folder / "nets" / "other.py").write_text(CODE)
    assert run_of(folder, "nets/other.py:make", model__args={"width": 3}).id == run.id
    assert run_of(folder, "net.py:make").id == run_of(folder, "net.py:make", model__args={"width": 4}).id != run.id
    assert RunConfig.model_validate(json.loads(run.model_dump_json())).id == run.id  # from anywhere, once it is loaded
    (folder / "net.py").write_text(CODE + "\n")
    assert run_of(folder, "net.py:make", model__args={"width": 3}).id != run.id
    written = run.model_dump()["model"]
    assert written.keys() == {"family", "entry", "args"} and written["args"] == {"width": 3, "view": True}


def test_its_size_is_counted_and_it_trains_in_every_precision(folder: Path) -> None:
    for precision in ("fp32", "bf16"):  # `view` fails on images that are channels last
        run = run_of(folder, "net.py:make", recipe__precision=precision, model__args={"width": 2})
        record = train(run, folder, threads=1)
        assert (record.status, record.error) == ("ok", None)
        assert record.metrics["parameters"] == 2 * 9 + 2 + 2 * 2 + 2 * 784 * 10 + 10
        assert record.metrics["flops"] == 2 * (784 * 2 * 9 + 2 * 784 * 10)


def test_an_installed_package_has_networks_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "own_package").mkdir()
    (folder / "own_package" / "__init__.py").write_text("from own_package.nets import make\n")
    (folder / "own_package" / "nets.py").write_text(CODE)
    monkeypatch.syspath_prepend(folder)
    run = run_of(folder, "own_package:make")
    assert run.id == run_of(folder, "net.py:make").id
    ids = set()
    for number in "12":  # what it imports from its package, by the name of that, belongs to it
        parts = folder / number / "own_parts"
        parts.mkdir(parents=True)
        (parts / "__init__.py").write_text("")
        (parts / "width.py").write_text(f"WIDTH = {number}\n")
        (parts / "nets.py").write_text(f"from own_parts.width import WIDTH\n{CODE}")
        monkeypatch.syspath_prepend(folder / number)
        for name in [name for name in sys.modules if name.startswith("own_parts")]:
            monkeypatch.delitem(sys.modules, name)
        ids.add(run_of(folder, "own_parts.nets:make").id)
    assert len(ids) == 2
    with relative_to(NETWORKS):
        config = ModelConfig(family="python", entry="resnet18.py:make")
    assert measure(config, 3, 224, 1000)["parameters"] == 11_689_512  # as torchvision documents it


def test_a_file_that_is_not_what_it_was_is_not_executed(folder: Path) -> None:
    record = run_of(folder, "net.py:make").model_dump(mode="json")
    (folder / "net.py").write_text(f"open('{folder}/executed', 'w')\n{CODE}")
    with relative_to(folder), pytest.raises(ValidationError, match=r"net\.py: has changed since"):
        RunConfig.model_validate(record | {"model": record["model"] | {"entry": "net.py:make@0123456789abcdef"}})
    assert not (folder / "executed").exists()


def test_a_unit_is_removed_by_passing_on_what_enters_it(folder: Path) -> None:
    run = run_of(folder, "mlp.py:make", model__args={"depth": 3, "width": 8})
    torch.manual_seed(0)
    network: Any = build(run.model).eval()
    images, labels = torch.randn(64, 1, 28, 28), torch.arange(64) % 10
    (damaged,) = count_wrong(network, images, labels, [Lesion((0, 1, 2), frozenset({1}))])
    assert len(network.units) == 3
    nn.init.zeros_(network.units[1].branch[-1].weight)
    with torch.no_grad():
        assert damaged == int((network(images).argmax(1) != labels).sum())


def test_a_study_of_ones_own_network(folder: Path) -> None:
    more = "axes: {model.args.residual: [true, false], model.args.depth: [1, 2]}\nseeds: 1\nprobes: [gradients, responses, lesions]\n"
    more += (
        "baseline: {model.args.residual: false}\nclaims:\n  - {says: it helps, compare: {model.args.residual: true}, "
    )
    more += "to: {model.args.residual: false}, expect: lower}\n"
    grid = grid_file(folder, "mlp.py:make", more)
    places = ("--results", folder / "results", "--reports", folder / "reports")
    done = call("run", grid, "-j", "2", "--device", "cpu", "--only", "model.args.depth==2", *places, cwd=folder / "..")
    assert done.returncode == 0, done.stderr
    records = [*Store(folder / "results" / "own").records()]
    assert [record.status for record in records] == ["ok", "ok"] and all(record.whole for record in records)
    assert all(record.metrics["probe.lesion_mean"] is not None for record in records)
    assert "residual, depth 2" in (folder / "reports" / "own" / "report.md").read_text()
    (folder / "mlp.py").rename(folder / "other.py")
    grid_file(folder, "other.py:make", more)
    code, _, err = resbench("plan", grid, *places[:2])
    assert code == 0, err
    assert {run.id for run in filter_runs(["model.args.depth>1"], read_grid(grid).runs())} == {
        one.id for one in records
    }


def test_arguments_are_searched(folder: Path) -> None:
    path = folder / "search.yaml"
    path.write_text(
        BASE.replace("ENTRY", "mlp.py:make")
        + "arms: {model.args.residual: [true, false]}\nsearch: {model: {args: {width: {low: 4, high: 8}}}}\n"
    )
    search = load_search(path)
    arm = search.points()[0]
    assert search.untuned(arm) == {"model.args.width": 64}
    assert search.config(arm, {"model.args.width": 5}).model.arguments["width"] == 5
    before = search.identity(arm)
    (folder / "mlp.py").write_text(MLP + "\n")
    assert load_search(path).differences(arm, before) == ["own_code"]


@pytest.mark.parametrize("path", sorted(NETWORKS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_are_sound(path: Path) -> None:
    grid = read_grid(path)
    assert grid.claims and len(grid.runs()) >= 10
