"""What differs between two records of one run, or two files of one study, in words."""

from __future__ import annotations

from collections.abc import Sequence, Set

from resbench.core.config import flatten
from resbench.core.json_reader import Json
from resbench.records.circumstances import CIRCUMSTANCES
from resbench.records.metrics import PROBED
from resbench.records.record import Record

_MOST = 4


def differences_of(ours: Record, theirs: Record) -> str:
    """What differs between two finished records of a run, except for the clock, and for probes and a curve that only one has."""
    unshared = set(ours.probes or ()) ^ set(theirs.probes or ())
    hidden = {f"metrics.{metric}" for probe in unshared for metric in PROBED.get(probe, ())}
    a, b = (_flat(record, unshared) for record in (ours, theirs))
    if not (ours.curve and theirs.curve):
        hidden |= {key for key in {**a, **b} if key.startswith("curve.")}
    keys = [key for key in {**a, **b} if a.get(key) != b.get(key) and key not in hidden]
    keys.sort(key=lambda key: (not key.startswith("metrics.test"), not key.startswith("metrics.")))
    if not keys:
        return ""
    here, elsewhere = ours.provenance.flat, theirs.provenance.flat
    circumstances = [one.path for one in CIRCUMSTANCES if here.get(one.path) != elsewhere.get(one.path)]
    parts = [first([difference(key, a.get(key), b.get(key)) for key in keys])]
    parts += [", ".join(difference(key, here.get(key), elsewhere.get(key)) for key in circumstances)]
    return "; ".join(filter(None, parts))


def _flat(record: Record, without: Set[str]) -> dict[str, Json]:
    """The content of a record by dotted path, without some probes."""
    content = record.content()
    if record.probes is not None:
        content["probes"] = {name: result for name, result in record.probes.items() if name not in without}
    return flatten(content)


def difference(key: str, ours: Json, theirs: Json) -> str:
    if isinstance(ours, list) and isinstance(theirs, list):
        return f"{key} ({f'{len(ours)} against {len(theirs)}' if len(ours) != len(theirs) else 'not the same'})"
    return f"{key} {_short(ours)} against {_short(theirs)}"


def _short(value: Json) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:16]}…"


def first(differences: Sequence[str]) -> str:
    more = f" and {len(differences) - _MOST} more" if len(differences) > _MOST else ""
    return ", ".join(differences[:_MOST]) + more
