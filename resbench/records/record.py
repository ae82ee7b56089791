"""What a run leaves behind: one JSON document, readable by a person and safe in git.

Its last entry is the SHA-256 of the lines before it, so that a digit which flips on a disk is noticed:
`head -n -2 record.json | sha256sum`. Records without it, from before there was one, are read as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

SCHEMA = 1
STATUSES = ("ok", "diverged", "failed")
# What differs between two passes of the same run: the clock and the machine, never the mathematics.
MEASURED = ("train_seconds", "run_seconds", "images_per_second", "peak_memory", "seconds")
_SHAPE = {"config": dict, "metrics": dict, "history": list, "provenance": dict, "probes": dict}
_MOST = 1e300
_MOST_IMAGES = 10_000_000
_DEEPEST = 10
_WRONG = re.compile(r"[0-9]{1,8}:[0-9]{1,8}( [0-9]{1,8}:[0-9]{1,8})*+", re.ASCII)
_INDEX = re.compile(r"([0-9]+):")
_CHECKSUM = re.compile(r' "sha256": "([0-9a-f]{64})"\n\}\n?\Z')

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
    """JSON with one line per entry, per epoch of the history, and per quantity of each probe; then its checksum."""
    held = {"history": "@history@"} | ({"probes": "@probes@"} if "probes" in record else {})
    text = json.dumps(record | held, indent=1, ensure_ascii=False, allow_nan=False)
    rows = ",\n  ".join(json.dumps(epoch, allow_nan=False) for epoch in record["history"])
    text = text.replace('"@history@"', f"[\n  {rows}\n ]" if rows else "[]", 1)
    probes = ",\n  ".join(f"{json.dumps(name)}: {_probe(found)}" for name, found in record.get("probes", {}).items())
    text = text.replace('"@probes@"', f"{{\n  {probes}\n }}", 1)
    lines = text.removesuffix("\n}") + ",\n"
    return f'{lines} "sha256": "{_digest(lines)}"\n}}\n'


def _probe(found: dict[str, Any] | None) -> str:
    if not found:
        return json.dumps(found)
    return (
        "{\n   " + ",\n   ".join(f"{json.dumps(k)}: {json.dumps(v, allow_nan=False)}" for k, v in found.items()) + "}"
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def parse(text: str) -> Record:
    """The inverse of `dump`; the checksum is checked and left out.

    Raises:
        ValueError: the text is not a whole record of this schema, or not the one that was written.
    """
    record = read_json(text)
    if not isinstance(record, dict):
        raise ValueError("not a record")
    missing = {"schema", "id", "config", "status", "metrics", "history", "provenance"} - record.keys()
    if missing:
        raise ValueError(f"without {', '.join(sorted(missing))}")
    if type(record["schema"]) is not int:
        raise ValueError(f"of no schema: {record['schema']!r}")
    if record["schema"] > SCHEMA:
        raise ValueError(f"of schema {record['schema']}, newer than this resbench reads ({SCHEMA}): upgrade resbench")
    if record.pop("sha256", None) is not None:
        found = _CHECKSUM.search(text)
        if not found:
            raise ValueError("whose checksum is not its last line, so that it cannot be checked")
        if _digest(text[: found.start()]) != found[1]:
            raise ValueError("that differs from its checksum")
    if record["status"] not in STATUSES:
        raise ValueError(f"of unknown status {record['status']!r}")
    _check_shape(record)
    return record


def read_json(text: str) -> Any:
    """JSON that can be written again.

    Raises:
        ValueError: it is none, or has infinities, or half characters, which no file can hold, or exhausts the stack.
    """
    try:
        found = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if "\\u" in text:
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except (UnicodeEncodeError, RecursionError):
            raise ValueError("with half a character in it") from None
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"not a record: {text} is no number of JSON")


def _check_shape(record: Record) -> None:
    """What readers rely on: anybody may have written the file."""
    for key, kind in _SHAPE.items():
        if not isinstance(record.get(key, kind()), kind):
            raise ValueError(f"whose {key} is no {'list' if kind is list else 'mapping'}")
    if not isinstance(record.get("error") or {}, dict):
        raise ValueError("whose error is no mapping")
    if not all(isinstance(record["config"].get(section, {}), dict) for section in ("model", "data", "recipe")):
        raise ValueError("whose config has a section that is no mapping")
    for row in (record["metrics"], *record["history"]):
        if not isinstance(row, dict):
            raise ValueError("whose history holds what is no mapping")
        for name, value in row.items():
            if value is not None and not (isinstance(value, int | float) and -_MOST < value < _MOST):
                raise ValueError(f"whose {name[:60]!r} is no number")
    for key in ("config", "provenance", "error"):
        check_depth(record.get(key), key)
    if not _readable(record.get("predictions")):
        raise ValueError("whose predictions cannot be read")


def check_depth(value: Any, key: str, depth: int = 0) -> None:
    """Refuse what would exhaust the stack of those who walk it.

    Raises:
        ValueError: the value is nested more than ten times.
    """
    if depth > _DEEPEST:
        raise ValueError(f"whose {key} is nested too deeply")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(inner, dict | list):
            check_depth(inner, key, depth + 1)


def _readable(predictions: Any) -> bool:
    """Whether `errors` can unpack them, into no more memory than a dataset takes."""
    if predictions is None:
        return True
    if not isinstance(predictions, dict):
        return False
    images, wrong = predictions.get("images"), predictions.get("wrong")
    if type(images) is not int or not 0 <= images <= _MOST_IMAGES or not isinstance(wrong, str):
        return False
    return not wrong or (bool(_WRONG.fullmatch(wrong)) and max(map(int, _INDEX.findall(wrong))) < images)
