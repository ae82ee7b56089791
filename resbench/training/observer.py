"""What watches a run without moving it: the base class does nothing, and probes, progress and tuning override it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import nn

from resbench.data.loading import Images, Normalizer
from resbench.records.record import ProbeResult, Record, Row
from resbench.training.device import Placement
from resbench.training.run import RunConfig

# before the first epoch and after each; after the last; where the test set is read
Moment: TypeAlias = Literal["trained", "ended", "tested"]


@dataclass(frozen=True)
class View:
    """What can be seen of a run at one moment.

    Attributes:
        network: the one that is trained, not a copy.
        images: of training, or of testing at the moment `tested`.
        epoch: how many are done.
        results: what was measured so far, which gets what is measured now; the checkpoint keeps it.
    """

    run: RunConfig
    network: nn.Module
    images: Images
    normalizer: Normalizer
    placement: Placement
    epoch: int
    results: dict[str, ProbeResult]


class Observer:
    """Watches one run; this one sees nothing."""

    def missing(self, results: Mapping[str, ProbeResult | None]) -> list[str]:
        """What should have watched from the first step on and did not, by the results of a checkpoint.

        If there is any the run starts over.
        """
        return []

    def step(self, epochs: float) -> None:
        """Called after every step with the epochs done, as a fraction; may raise Stopped.

        Stopped ends the run and keeps its state in the checkpoint.
        """

    def epoch(self, history: Sequence[Row]) -> None:
        """Called after every epoch, when its checkpoint is written if it is due; may raise Stopped.

        Stopped ends the run here, with the checkpoint of this epoch if it keeps one.
        """

    def look(self, when: Moment, view: View) -> None:
        """Called at each moment; must leave the network and all random states as they are."""

    def write(self, record: Record, results: Mapping[str, ProbeResult]) -> None:
        """Put the results into the record of a run that is tested, or has diverged."""
