"""Probes see a run without being felt, and their results survive whatever happens to it."""

import math
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from support.runs import stop_after
from torch.utils.flop_counter import FlopCounterMode

from resbench.core.errors import Stopped
from resbench.data.loading import load_test, load_train
from resbench.probes import gradients, lesions, subject
from resbench.probes.observer import ProbeObserver
from resbench.probes.subject import moments, training_work
from resbench.probes.table import PROBES
from resbench.records.metrics import PROBED
from resbench.records.record import ProbeResult, Record
from resbench.training.observer import View
from resbench.training.placement import placement_of
from resbench.training.run import RunConfig
from resbench.training.step import initial
from resbench.training.train import train

RUN = RunConfig.model_validate(
    {
        "model": {"depth": 16, "width": 4, "dropout": 0.1},
        "recipe": {"epochs": 3},
        "data": {"train_size": 256, "augment": "shift"},
    }
)
ALL = tuple(PROBES)


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The record of a tiny run with every probe."""
    record = train(RUN, tmp_path_factory.mktemp("data"), threads=1, observer=ProbeObserver(ALL))
    assert record.status == "ok", record.error
    return record


def results(record: Record) -> dict[str, Any]:
    assert record.probes is not None
    return cast("dict[str, Any]", record.probes)


def test_probes_leave_training_as_it_is(probed: Record, tmp_path: Path) -> None:
    bare = train(RUN, tmp_path, threads=1)
    assert bare.probes is None and "probes" not in bare.content()
    content: dict[str, Any] = probed.content()
    content.pop("probes")
    content["metrics"] = {key: value for key, value in content["metrics"].items() if not key.startswith("probe.")}
    assert content == bare.content()


def test_what_the_probes_leave_in_a_record(probed: Record) -> None:
    found, metrics = results(probed), cast("dict[str, float]", probed.metrics)
    layers, units = 1 + 12, 6
    measured = found["gradients"]
    assert len(measured["layers"]) == layers and measured["epochs"] == [0, 1, 2, 3]
    assert [len(row) for row in measured["relative"]] == [layers] * 4
    assert len(measured["correlation"]) == units
    assert len(found["responses"]["deviation"]) == layers
    assert len(found["lesions"]["removed"]) == units and list(found["lesions"]["random"]) == ["2", "4"]
    names = [name for name in metrics if name.startswith("probe.")]
    assert sorted(names) == sorted(name for names in PROBED.values() for name in names)
    assert all(math.isfinite(metrics[name]) for name in names)
    first = measured["relative"][0]
    assert metrics["probe.gradient_ratio"] == pytest.approx(first[0] / first[-1], rel=1e-3)
    rise = [error - found["lesions"]["intact"] for error in found["lesions"]["removed"]]
    assert metrics["probe.lesion_mean"] == pytest.approx(sum(rise) / units, abs=1e-3)
    assert Record.from_json(probed.to_json()) == probed and len(probed.to_json().splitlines()) < 250


def test_numbers_survive_a_stop(probed: Record, tmp_path: Path) -> None:
    saved = tmp_path / "x.ckpt"
    with pytest.raises(Stopped):
        train(RUN, tmp_path, threads=1, saved=saved, observer=stop_after(1.2, ALL))
    assert train(RUN, tmp_path, threads=1, saved=saved, observer=ProbeObserver(ALL)).content() == probed.content()


def test_a_checkpoint_that_was_not_watched_starts_over(probed: Record, tmp_path: Path) -> None:
    saved = tmp_path / "x.ckpt"
    with pytest.raises(Stopped):
        train(RUN, tmp_path, threads=1, saved=saved, observer=stop_after(1.2))
    again = train(RUN, tmp_path, threads=1, saved=saved, observer=ProbeObserver(ALL))
    assert "begun without the probes gradients" in again.provenance.text("warning")
    assert again.content() == probed.content()


def test_a_diverged_run_keeps_what_was_seen(tmp_path: Path) -> None:
    wild = {"model": {"depth": 100, "width": 2, "norm": "none"}, "recipe": {"epochs": 1, "lr": 1000.0, "warmup": 0.0}}
    run = RunConfig.model_validate(wild | {"data": {"train_size": 256, "pixels": "raw"}})
    record = train(run, tmp_path, threads=1, observer=ProbeObserver(("gradients", "lesions")))
    assert record.status == "diverged"
    assert results(record)["gradients"]["epochs"] == [0] and results(record)["lesions"] is None
    assert Record.from_json(record.to_json()) == record


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
    placement = placement_of(run, torch.device("cpu"), 1)
    training, _, normalizer = load_train(run.data, tmp_path, placement.device)
    test = load_test(run.data, tmp_path, placement.device)
    network = initial(run, placement).network
    whole = training_work(run) * run.network_size["flops"]
    assert whole == 3 * run.network_size["flops"] * size * epochs
    monkeypatch.setattr(
        subject, "MIN_IMAGES", 2
    )  # short runs for a quick test, which would pay for the least of images
    monkeypatch.setattr(lesions, "MIN_TESTED", 2)
    monkeypatch.setattr(gradients, "LINE", 4)
    for name, probe in PROBES.items():
        counter = FlopCounterMode(display=False)
        found: dict[str, ProbeResult] = {}
        with counter:
            for epoch in moments(run) if probe.when == "trained" else [epochs]:
                images = test if probe.when == "tested" else training
                view = View(run, network, images, normalizer, placement, epoch, found)
                ProbeObserver([name]).look(probe.when, view)
        assert 0 < counter.get_total_flops() <= 1.02 * probe.share * whole, name
    assert sum(probe.share for probe in PROBES.values()) == pytest.approx(0.05)
