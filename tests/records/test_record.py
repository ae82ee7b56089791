"""Records: what is written is read again, and what is not whole is refused."""

from __future__ import annotations

import dataclasses
import json
import random
from typing import Any

import numpy as np
import pytest
from support.damage import FLIPS, flipped

from resbench.records.curve import Curve
from resbench.records.record import Predictions, Provenance, Record, RunError


def sample(**changes: Any) -> Record:
    record = Record(
        "0123456789abcdef",
        {"model": {"depth": 10}, "seed": 0},
        "ok",
        Provenance({"device": "cpu", "threads": 1, "versions": {"torch": "2.8"}}),
        metrics={"test_accuracy": 0.9, "val_loss": None, "train_seconds": 1.0},
        history=[{"epoch": 1, "train_loss": 0.5, "seconds": 2.0}, {"epoch": 2, "train_loss": 0.25, "seconds": 2.0}],
        predictions=Predictions(10, "3:1 7:2"),
        weights_sha256="f" * 64,
    )
    return dataclasses.replace(record, **changes)


@pytest.mark.parametrize(
    "record",
    [
        sample(),
        sample(history=[], predictions=None, weights_sha256=None),
        sample(status="diverged", error=RunError("diverged", "not finite", {"step": 3, "last_loss": 2.5})),
        sample(probes={"gradients": {"layers": [1.0, 2.0], "images": 8}, "lesions": None}),
        sample(probes={}),
        sample(curve=Curve(20, 45, (2.303, None, 0.5))),
        sample(kind="bench", run="0" * 16),
        sample(kind="bench"),
        sample(extra={"later": {"a": [1, None]}}),
        sample(config={"model": {"history": "@", "probes": "@"}, "seed": 0}, probes={"gradients": None}),
    ],
)
def test_what_is_written_is_read_again(record: Record) -> None:
    text = record.to_json()
    assert Record.from_json(text) == record
    assert Record.from_json(text).to_json() == text
    assert Record.from_json(json.dumps({**json.loads(text), "sha256": None})) == record  # as records were before


def test_a_record_is_readable_by_a_person() -> None:
    lines = sample(probes={"gradients": {"layers": [1.0, 2.0], "images": 8}}).to_json().splitlines()
    assert '  {"epoch": 2, "train_loss": 0.25, "seconds": 2.0}' in lines
    assert '   "layers": [1.0, 2.0],' in lines
    assert lines[-2].startswith(' "sha256": "') and lines[-1] == "}"


def test_a_checksum_that_is_not_the_last_line_cannot_be_checked() -> None:
    with pytest.raises(ValueError, match="not its last line"):
        Record.from_json(json.dumps(json.loads(sample().to_json())))
    with pytest.raises(ValueError, match="differs from its checksum"):
        Record.from_json(sample().to_json().replace('"depth": 10', '"depth": 16'))


def test_a_flipped_bit_is_noticed_or_changes_nothing() -> None:
    whole, draw, noticed = sample().to_json().encode(), random.Random(7), 0
    for _ in range(FLIPS):
        try:
            record = Record.from_json(flipped(whole, draw).decode())
        except ValueError:
            noticed += 1
        else:  # a bit of the name `sha256`, which is a key of a later version then
            assert dataclasses.replace(record, extra={}) == sample()
    assert noticed > 0.95 * FLIPS


def test_predictions_keep_every_error_and_stay_small() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 10_000)
    predicted = np.where(rng.random(10_000) < 0.01, (labels + 1) % 10, labels)
    predictions = Predictions.of(predicted, labels)
    assert (predictions.errors() == (predicted != labels)).all()
    assert predictions.classes() == {index: predicted[index] for index in np.flatnonzero(predicted != labels)}
    whole = sample(predictions=predictions, history=[{"epoch": n, "train_loss": 0.123456789} for n in range(30)])
    assert len(whole.to_json()) < 20_000


def test_content_leaves_out_the_clock_and_the_machine_alone() -> None:
    slow = sample(provenance=Provenance({"device": "cuda"}))
    slow.metrics["train_seconds"] = slow.history[0]["seconds"] = 9.0
    assert slow.content() == sample().content()
    slow.history[0]["train_loss"] = 0.4
    assert slow.content() != sample().content()


def test_what_is_finished_and_what_is_complete() -> None:
    assert sample().finished and sample(status="diverged").finished and not sample(status="failed").finished
    probed = sample(probes={"gradients": None, "lesions": {"images": 9}})
    assert probed.complete(["gradients", "lesions"]) and not probed.complete(["responses"])
    assert sample().complete() and not sample().complete(["gradients"])
    assert not sample(status="failed").complete()


def test_facts_of_provenance_by_name() -> None:
    facts = sample().provenance
    assert (facts.device, facts.threads, facts.text("versions.torch"), facts.precision) == ("cpu", 1, "2.8", "")
    assert facts.test_sha256 is None and facts.with_facts(test_sha256="e").test_sha256 == "e"


def test_texts_of_a_record_can_be_made_harmless() -> None:
    odd = sample(
        config={"recipe": {"a\x1b": "b\0"}},
        provenance=Provenance({"x": "\x07"}),
        error=RunError("\x1b", "\0", {"t": "\0"}),
    )
    assert odd.sanitised().to_json().count("\ufffd") == 6 and odd.sanitised().config == {
        "recipe": {"a\ufffd": "b\ufffd"}
    }
    assert odd.sanitised().metrics == odd.metrics


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 99}', "null", "NaN", "3", "[" * 100_000])
def test_what_is_not_a_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"without|not a record|Expecting|nested"):
        Record.from_json(text)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"config": []}, "config is no mapping"), ({"config": {"model": 3}}, "section that is no mapping"),
        ({"metrics": []}, "metrics is no mapping"), ({"metrics": {"test_error": "x"}}, "'test_error' is no number"),
        ({"metrics": {"test_error": [1]}}, "is no number"), ({"metrics": {"test_error": 10**400}}, "is no number"),
        ({"history": {}}, "history is no list"), ({"history": [3]}, "no mapping"), ({"history": [{"epoch": "x"}]}, "no number"),
        ({"provenance": None}, "provenance is no mapping"), ({"probes": [1]}, "probes is no mapping"),
        ({"probes": {"lesions": [1]}}, "probes hold"), ({"error": "text"}, "error is no mapping"), ({"status": []}, "unknown status"),
        ({"status": "fine"}, "unknown status"), ({"schema": "1"}, "no schema"), ({"schema": None}, "no schema"),
        ({"schema": True}, "no schema"), ({"schema": 99}, "newer than this resbench reads"), ({"weights_sha256": 3}, "is no text"),
        ({"kind": {}}, "kind is no text"), ({"run": [1]}, "run is no text"), ({"predictions": 3}, "predictions cannot be read"),
        ({"predictions": {"images": 10**12, "wrong": ""}}, "predictions"), ({"predictions": {"images": 10, "wrong": "10:1"}}, "predictions"),
        ({"predictions": {"images": 10, "wrong": "-1:1"}}, "predictions"), ({"predictions": {"images": 10, "wrong": "x"}}, "predictions"),
        ({"error": {"message": "\ud800"}}, "half a character"), ({"config": [[[[[[[[[[[[[]]]]]]]]]]]]]}, "no mapping"),
        ({"provenance": {"a": [[[[[[[[[[[[[]]]]]]]]]]]]]}}, "nested too deeply"),
    ],
)  # fmt: skip
def test_records_of_another_shape_are_refused(change: dict[str, Any], reason: str) -> None:
    values = json.loads(sample().to_json())
    del values["sha256"]
    with pytest.raises(ValueError, match=reason):
        Record.from_json(json.dumps(values | change))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", "[" * 400 + "]" * 400, '"\\ud800"', "9" * 5000])
@pytest.mark.parametrize("place", ["metrics", "provenance"])
def test_values_that_no_json_should_have_are_refused(text: str, place: str) -> None:
    values = json.loads(sample().to_json())
    del values["sha256"]
    values[place] |= {"odd": "@"}
    if (text, place) == ("1e999", "provenance"):
        pytest.skip("is shown as what it is, an infinity")
    with pytest.raises(ValueError, match=r".+"):
        Record.from_json(json.dumps(values).replace('"@"', text))
