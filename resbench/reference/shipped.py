"""Which of the shipped studies vary a field, have a value, ask for a probe, or make a claim on a metric."""

from __future__ import annotations

from collections.abc import Iterator

from resbench.core.text import show
from resbench.grid.shipped import ShippedFile, shipped_files
from resbench.reference.topic import Kind, Topic

_MOST = 8
_LABELS: dict[Kind, str] = {"field": "varied by", "value": "varied by", "probe": "asked by", "metric": "claimed by"}


def where_used(topic: Topic) -> list[tuple[str, str]]:
    """The shipped studies that a topic is in, as a fact; none where no study has it."""
    if topic.kind not in _LABELS:
        return []
    names = [file.name for file in shipped_files().values() if topic.name in set(_names(file, topic.kind))]
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    text = f"{', '.join(names[:_MOST])}{more}; `resbench ls grids` says what they ask"
    return [(_LABELS[topic.kind], text)] if names else []


def _names(file: ShippedFile, kind: Kind) -> Iterator[str]:
    """What of this kind a file has."""
    if kind == "field":
        yield from (path for path, _ in file.varied())
    elif kind == "value":
        yield from (f"{path}={show(value)}" for path, values in file.varied() for value in values)
    elif kind == "probe":
        yield from file.content.get("probes", [])
    else:
        yield from (claim.get("on", "test_error") for claim in file.content.get("claims", []))
