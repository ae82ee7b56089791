"""What a run leaves behind: one JSON document, readable by a person and safe in git."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

SCHEMA = 1
STATUSES = ("ok", "diverged", "failed")
# What differs between two passes of the same run: the clock and the machine, never the mathematics.
MEASURED = ("train_seconds", "run_seconds", "images_per_second", "peak_memory", "seconds")

Record = dict[str, Any]


def pack(predicted: npt.NDArray[np.integer[Any]], labels: npt.NDArray[np.integer[Any]]) -> dict[str, Any]:
    """Per-image predictions as the exceptions: `index:class` for every image that is not classified as its label.

    Args:
        predicted, labels: classes, both `(n,)`.
    """
    wrong = np.flatnonzero(predicted != labels)
    return {"images": len(labels), "wrong": " ".join(f"{index}:{predicted[index]}" for index in wrong)}


def errors(predictions: dict[str, Any]) -> npt.NDArray[np.bool_]:
    """Whether each test image was misclassified, `(n,)`."""
    out = np.zeros(predictions["images"], dtype=np.bool_)
    for item in predictions["wrong"].split():
        out[int(item.partition(":")[0])] = True
    return out


def content(record: Record) -> Record:
    """The record without what the clock and the machine put into it: equal for two passes of the same run."""
    kept = {key: value for key, value in record.items() if key != "provenance"}
    kept["metrics"] = _without_measured(record["metrics"])
    kept["history"] = [_without_measured(epoch) for epoch in record["history"]]
    return kept


def _without_measured(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in MEASURED}


def complete(record: Record | None, probes: Iterable[str] = ()) -> bool:
    """Whether a run with this record need not be done again: it is ok or diverged, and was probed as asked."""
    if record is None:
        return False
    probed: dict[str, Any] = record.get("probes", {})
    return bool(record["status"] != "failed") and set(probes) <= probed.keys()


def dump(record: Record) -> str:
    """JSON with one line per entry, per epoch of the history, and per quantity of each probe."""
    held = {"history": "@history@"} | ({"probes": "@probes@"} if "probes" in record else {})
    text = json.dumps(record | held, indent=1, ensure_ascii=False, allow_nan=False)
    rows = ",\n  ".join(json.dumps(epoch, allow_nan=False) for epoch in record["history"])
    text = text.replace('"@history@"', f"[\n  {rows}\n ]" if rows else "[]", 1)
    probes = ",\n  ".join(f"{json.dumps(name)}: {_probe(found)}" for name, found in record.get("probes", {}).items())
    return text.replace('"@probes@"', f"{{\n  {probes}\n }}", 1) + "\n"


def _probe(found: dict[str, Any] | None) -> str:
    if not found:
        return json.dumps(found)
    return (
        "{\n   " + ",\n   ".join(f"{json.dumps(k)}: {json.dumps(v, allow_nan=False)}" for k, v in found.items()) + "}"
    )


def parse(text: str) -> Record:
    """The inverse of `dump`.

    Raises:
        ValueError: the text is not a whole record of this schema.
    """
    record = json.loads(text)
    if not isinstance(record, dict):
        raise ValueError("not a record")
    missing = {"schema", "id", "config", "status", "metrics", "history", "provenance"} - record.keys()
    if missing:
        raise ValueError(f"without {', '.join(sorted(missing))}")
    if record["schema"] > SCHEMA:
        raise ValueError(f"of schema {record['schema']}, newer than this resbench reads ({SCHEMA}): upgrade resbench")
    if record["status"] not in STATUSES:
        raise ValueError(f"of unknown status {record['status']!r}")
    return record
