"""What a run leaves: one JSON document, readable by a person and safe in git.

Its last entry is the SHA-256 of the lines before it, so that a digit which flips on a disk is noticed:
`head -n -2 record.json | sha256sum`. Older records have none, and are read as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from resbench.core.config import flatten
from resbench.core.errors import LaterVersion
from resbench.core.json_reader import Json, read_json
from resbench.core.text import sanitise
from resbench.records.curve import Curve
from resbench.records.facts import Predictions as Predictions
from resbench.records.facts import Provenance as Provenance
from resbench.records.facts import RunError as RunError
from resbench.records.identity import check_identity, is_whole
from resbench.records.shape import check_shape

SCHEMA = 1
Status: TypeAlias = Literal["ok", "diverged", "failed"]
STATUSES = ("ok", "diverged", "failed")
Row: TypeAlias = dict[str, float | None]  # name of a quantity -> number
ProbeResult: TypeAlias = dict[str, Json]  # name of a quantity -> number, list of numbers, ...
# What differs between two passes of the same run: the clock and the machine, never the mathematics.
MEASURED = ("train_seconds", "run_seconds", "images_per_second", "peak_memory", "peak_reserved", "seconds")
_REQUIRED = {"schema", "id", "config", "status", "metrics", "history", "provenance"}
_KEYS = _REQUIRED | {"predictions", "weights_sha256", "error", "kind", "run", "probes", "curve"}
_PLACEHOLDER = "@"
_CHECKSUM = re.compile(r' "sha256": "([0-9a-f]{64})"\n\}\n?\Z')


@dataclass
class Record:
    """One finished run, or one measurement.

    Attributes:
        id: 16 hexadecimal digits.
        config: of the run, nested as in a grid file.
        metrics: name -> number; None where it is not finite.
        history: a row for each epoch.
        predictions: on the test set; None where it was not read.
        weights_sha256: digest of the trained weights.
        probes: probe -> what it measured, None where it could not; None if no probe was asked for.
        curve: the training loss within epochs; None in records of earlier versions.
        kind: empty for a run, `bench` for a measurement of cost.
        run: of a measurement, the id of the run that it belongs to.
        extra: keys of a later version.
    """

    id: str
    config: dict[str, Json]
    status: Status
    provenance: Provenance
    metrics: Row = field(default_factory=dict)
    history: list[Row] = field(default_factory=list)
    predictions: Predictions | None = None
    weights_sha256: str | None = None
    error: RunError | None = None
    probes: dict[str, ProbeResult | None] | None = None
    curve: Curve | None = None
    kind: str = ""
    run: str | None = None
    extra: dict[str, Json] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration by dotted path, the seed among it; digests of plug-ins are facts of the provenance."""
        return {path: value for path, value in flatten(self.config).items() if path != "own_code"}

    @property
    def whole(self) -> bool:
        """Whether it says with which settings it was trained, all of them."""
        return is_whole(self.config)

    def check_identity(self) -> None:
        """See that its configuration is that of its run.

        Raises:
            ValueError: it is of another one, and where it differs.
        """
        if not self.kind:
            check_identity(self.id, self.config)
        elif self.run is not None:  # a measurement of a run, whatever its seed
            check_identity(self.run, {**self.config, "seed": 0})

    @property
    def finished(self) -> bool:
        """Whether it is a result: ok or diverged."""
        return self.status != "failed"

    def complete(self, probes: Iterable[str] = ()) -> bool:
        """Whether it is finished, and has these probes."""
        return self.finished and set(probes) <= (self.probes or {}).keys()

    def answers(self, probes: Iterable[str] = ()) -> bool:
        """Whether its run need not be done again: it is complete, and says with which settings it was trained."""
        return self.complete(probes) and self.whole

    def covers(self, other: Record) -> bool:
        """Whether it has the probes of another record of its run, and a curve if that has one."""
        return self.complete(other.probes or ()) and (self.curve is not None or other.curve is None)

    def sanitised(self) -> Record:
        """The same without what a terminal obeys or no HTML page may hold."""
        return replace(
            self,
            config=sanitise(self.config),
            provenance=Provenance(sanitise(dict(self.provenance.facts))),
            error=self.error and RunError(**sanitise(vars(self.error))),
        )

    def content(self) -> dict[str, Json]:
        """As JSON, without what the clock and the machine put into it: equal for two passes of the same run."""
        content = {key: value for key, value in self._json().items() if key != "provenance"}
        content["metrics"] = _without_measured(self.metrics)
        content["history"] = [_without_measured(epoch) for epoch in self.history]
        return content

    def _json(self) -> dict[str, Json]:
        values: dict[str, Any] = {
            "schema": SCHEMA,
            "id": self.id,
            "config": self.config,
            "status": self.status,
            "metrics": self.metrics,
            "history": self.history,
            "predictions": self.predictions and {"images": self.predictions.images, "wrong": self.predictions.wrong},
            "weights_sha256": self.weights_sha256,
            "provenance": dict(self.provenance.facts),
            "error": self.error and {"kind": self.error.kind, "message": self.error.message, **self.error.details},
        }
        if self.kind:
            values |= {"kind": self.kind, "run": self.run}
        values |= {"curve": self.curve.to_json()} if self.curve else {}
        values |= self.extra
        return values | ({"probes": self.probes} if self.probes is not None else {})

    def to_json(self) -> str:
        """JSON with one line per entry, per epoch of the history, per curve, and per quantity of each probe; then its checksum."""
        values = self._json()
        placeholders: dict[str, Json] = {"history": _PLACEHOLDER}
        placeholders |= {"probes": _PLACEHOLDER} if self.probes is not None else {}
        placeholders |= {"curve": _PLACEHOLDER} if self.curve else {}
        text = json.dumps(values | placeholders, indent=1, ensure_ascii=False, allow_nan=False)
        rows = ",\n  ".join(json.dumps(epoch, allow_nan=False) for epoch in self.history)
        text = _fill(text, "history", f"[\n  {rows}\n ]" if rows else "[]")
        probes = ",\n  ".join(f"{json.dumps(name)}: {_probe(result)}" for name, result in (self.probes or {}).items())
        text = _fill(text, "curve", json.dumps(values.get("curve"), allow_nan=False))
        text = _fill(text, "probes", f"{{\n  {probes}\n }}")
        lines = text.removesuffix("\n}") + ",\n"
        return f'{lines} "sha256": "{_digest(lines)}"\n}}\n'

    @classmethod
    def from_json(cls, text: str) -> Record:
        """The inverse of `to_json`; the checksum is checked and left out.

        Raises:
            LaterVersion: it is of a later schema.
            ValueError: the text is not a whole record of this schema, or not the one that was written.
        """
        values = read_json(text)
        if not isinstance(values, dict):
            raise ValueError("not a record")
        schema = values.get("schema")
        if type(schema) is int and schema > SCHEMA and "id" in values:
            raise LaterVersion(schema, SCHEMA)
        missing = _REQUIRED - values.keys()
        if missing:
            raise ValueError(f"without {', '.join(sorted(missing))}")
        if type(schema) is not int or schema > SCHEMA:
            raise ValueError(f"of no schema: {schema!r}")
        if values.pop("sha256", None) is not None:
            _check_digest(text)
        if values["status"] not in STATUSES:
            raise ValueError(f"of unknown status {values['status']!r}")
        check_shape(values)
        return _typed(values)


def _typed(values: Mapping[str, Any]) -> Record:
    predictions, error = values.get("predictions"), values.get("error")
    return Record(
        id=values["id"],
        config=values["config"],
        status=values["status"],
        provenance=Provenance(values["provenance"]),
        metrics=values["metrics"],
        history=values["history"],
        predictions=Predictions(predictions["images"], predictions["wrong"]) if predictions else None,
        weights_sha256=values.get("weights_sha256"),
        error=_error(error) if error is not None else None,
        probes=values.get("probes"),
        curve=Curve.from_json(values["curve"]) if values.get("curve") else None,
        kind=values.get("kind") or "",
        run=values.get("run"),
        extra={key: value for key, value in values.items() if key not in _KEYS},
    )


def _error(values: Mapping[str, Json]) -> RunError:
    details = {key: value for key, value in values.items() if key not in ("kind", "message")}
    return RunError(str(values.get("kind", "")), str(values.get("message", "")), details)


def _fill(text: str, key: str, value: str) -> str:
    """Put a value in place of a placeholder; keys of inner mappings are indented further."""
    start = f'\n "{key}": '
    return text.replace(f'{start}"{_PLACEHOLDER}"', start + value, 1)


def _without_measured(values: Row) -> dict[str, Json]:
    return {key: value for key, value in values.items() if key not in MEASURED}


def _probe(result: ProbeResult | None) -> str:
    if not result:
        return json.dumps(result)
    lines = (f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in result.items())
    return "{\n   " + ",\n   ".join(lines) + "}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _check_digest(text: str) -> None:
    checksum = _CHECKSUM.search(text)
    if not checksum:
        raise ValueError("whose checksum is not its last line, so that it cannot be checked")
    if _digest(text[: checksum.start()]) != checksum[1]:
        raise ValueError("that differs from its checksum")
