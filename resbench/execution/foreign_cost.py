"""What runs of a user's own training code will take: as long as earlier ones, else unknown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from resbench.records.record import Record
from resbench.training.run import RunConfig

UNKNOWN_SECONDS = 60.0  # of a run of which nothing is known, so that progress can be shown


class ForeignCosts:
    """Remembers how long runs took.

    Args:
        cell_key: of a configuration as JSON: equal for runs that differ in their seed alone.
    """

    def __init__(self, cell_key: Callable[[Mapping[str, Any]], str]) -> None:
        self._cell_key = cell_key
        self._seconds: dict[str, list[float]] = {}

    def remember(self, record: Record) -> None:
        """Take in a record, if it is of such a run that ended."""
        seconds = record.metrics.get("run_seconds")
        if record.finished and seconds and "trainer" in record.config:
            self._seconds.setdefault(self._cell_key(record.config), []).append(seconds)

    @property
    def known(self) -> int:
        """How many records there are."""
        return sum(map(len, self._seconds.values()))

    def seconds(self, run: RunConfig) -> float:
        """Of a run: as those of its cell took, else as all did."""
        own = self._seconds.get(self._cell_key(run.model_dump(mode="json")))
        every = [seconds for some in self._seconds.values() for seconds in some]
        return statistics.median(own or every or [UNKNOWN_SECONDS])

    def source(self, runs: Sequence[RunConfig]) -> list[str]:
        """Where predictions of these come from, in words; nothing where there are none."""
        if not runs:
            return []
        if self.known:
            return [f"{self.known} earlier record{'s' * (self.known > 1)}"]
        return [f"a guess of {UNKNOWN_SECONDS:.0f} s a run, as none has a record yet"]
