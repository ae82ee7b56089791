"""The runs of a study as other tools take them: a name, settings, the numbers of each epoch, and those at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from resbench.core.cell import Value, label
from resbench.core.text import show
from resbench.records.record import Record, Status
from resbench.records.store import Store
from resbench.report.long_frames import rows_of

_NOT_METRICS = ("epoch", "seconds")  # of an epoch


@dataclass(frozen=True)
class ExportedRun:
    """A run of a study.

    Attributes:
        cell: its values of the axes.
        ended: when its record was written, in seconds since 1970; records have no times of the clock.
    """

    record: Record
    cell: dict[str, Value]
    ended: float

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def status(self) -> Status:
        return self.record.status

    @property
    def group(self) -> str:
        """Its cell in words, the same for all of its seeds."""
        return label(self.cell) or "the only cell"

    @property
    def name(self) -> str:
        """`model.shortcut=none seed=0`."""
        return label({**self.cell, "seed": self.record.settings.get("seed", 0)})

    @property
    def settings(self) -> dict[str, str]:
        """Every setting as text, by dotted path."""
        return {path: show(value) for path, value in self.record.settings.items()}

    @property
    def tags(self) -> dict[str, str]:
        """What tells where it comes from: its id, its status, code and versions."""
        facts = {path: show(value) for path, value in self.record.provenance.flat.items() if value is not None}
        return {"id": self.id, "status": self.status, **facts}

    @property
    def started(self) -> float:
        """When its first epoch began, had there been no pause."""
        return self.ended - sum(row.get("seconds") or 0.0 for row in self.record.history)

    def epochs(self) -> Iterator[tuple[int, float, dict[str, float]]]:
        """Number, end in seconds since 1970, and the known numbers of each epoch."""
        at = self.started
        for number, row in enumerate(self.record.history, 1):
            at += row.get("seconds") or 0.0
            values = {name: value for name, value in row.items() if value is not None and name not in _NOT_METRICS}
            yield number, at, values

    @property
    def results(self) -> dict[str, float]:
        """The metrics of its end that no epoch has."""
        of_epochs = {name for row in self.record.history for name in row}
        return {name: value for name, value in self.metrics.items() if name not in of_epochs}

    @property
    def metrics(self) -> dict[str, float]:
        """All known metrics of its end."""
        return {name: value for name, value in self.record.metrics.items() if value is not None}


def exported_runs(store: Store, all: bool) -> list[ExportedRun]:
    """The runs of a study that have a record.

    Args:
        all: those of earlier grids too.
    """
    out = []
    for record, cell, _ in rows_of(store, all):
        out.append(ExportedRun(record, cell, store.path(record.id).stat().st_mtime))
    return out
