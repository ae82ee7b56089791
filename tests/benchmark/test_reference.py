"""Models that a reader knows: they are what their papers say, and are measured as the study's own."""

import pytest

from resbench.benchmark import reference
from resbench.benchmark.reference import REFERENCES, SHAPE, measure_reference
from resbench.model import tally
from resbench.records.record import Record
from resbench.training.timing import Protocol


def test_a_reference_model_has_its_published_size() -> None:
    """He et al. 2015, table 1: 1.8 G multiply-adds; torchvision's documentation: 11,689,512 parameters."""
    size = tally(REFERENCES["torchvision resnet18"], SHAPE)
    assert size["parameters"] == 11_689_512
    assert size["flops"] / 2 == pytest.approx(1.81e9, rel=0.01)


def test_its_record_belongs_to_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "BATCH", 2)
    record = measure_reference("torchvision resnet18", Protocol("cpu", 1, seconds=0.0, least=2))
    assert (record.kind, record.run, record.config["known"]) == ("bench", None, "torchvision resnet18")
    assert record.metrics["train_images_per_second"] and Record.from_json(record.to_json()) == record
