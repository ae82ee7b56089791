"""How long a grid takes on many machines, by a short formula.

Runs that are begun in order, the most expensive first, take little more than the work divided by the slots, or the longest
run (Graham 1969). Each run also takes time to start, and the driver takes time for each. A node that fails loses the epochs
that its runs are in, and its slots until it is back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from resbench.core.errors import UserError

START = 1.0  # seconds of a run, from a free slot until its first step
HANDLING = 0.003  # seconds of the driver for each run
PAGE = 4.0  # seconds of the command before its first run and after its last: reading, table, page
REPAIR = 600.0  # seconds from a failure of a node until it is back


def wall_seconds(seconds: Sequence[float], jobs: int) -> float:
    """What a command on this machine takes for runs of so many seconds each, of which so many are done at a time."""
    if not seconds:
        return 0.0
    starts = START * math.ceil(len(seconds) / jobs)
    return max(sum(seconds) / jobs + starts, max(seconds) + START) + PAGE


@dataclass(frozen=True)
class Fleet:
    """Machines to plan for.

    Attributes:
        slots: runs side by side on each node.
        mtbf: mean time between failures of one node, in seconds; None if they never fail.
    """

    nodes: int
    slots: int = 1
    mtbf: float | None = None


@dataclass(frozen=True)
class Forecast:
    """What to expect; all times in seconds.

    Attributes:
        wall: until the last run has its record.
        bound: no schedule ends sooner: the work divided evenly, or the longest run.
        lost: runs that are lost with their nodes and resumed.
        repeated: work that is done twice.
    """

    wall: float
    bound: float
    lost: float = 0.0
    repeated: float = 0.0


def forecast(seconds: Sequence[float], epochs: Sequence[int], fleet: Fleet) -> Forecast:
    """What a fleet makes of runs.

    Args:
        seconds: of training of each run, on one slot.
        epochs: of each run.

    Raises:
        UserError: nodes fail before an epoch is over.
    """
    if not seconds:
        return Forecast(0.0, 0.0)
    slots = fleet.nodes * fleet.slots
    bound = max(sum(seconds) / slots, max(seconds))
    work = sum(seconds) + START * len(seconds)
    driver = HANDLING * len(seconds)
    calm = max(work / slots, max(seconds) + START)
    if fleet.mtbf is None:
        return Forecast(max(calm, driver), bound)
    # a failure comes at a random moment, so that long epochs are met more often, in the mean at their half
    repeat = sum(each * each / count for each, count in zip(seconds, epochs, strict=True)) / sum(seconds) / 2
    efficiency = (fleet.mtbf - repeat - START) / (fleet.mtbf + REPAIR)
    if efficiency <= 0:
        raise UserError(f"--mtbf: nodes fail every {fleet.mtbf:g} s, before half an epoch ({repeat:.0f} s) is over")
    wall = max(calm / efficiency, driver)
    lost = work / efficiency / (fleet.mtbf + REPAIR)  # each slot that is busy loses its run with each failure
    return Forecast(wall, bound, lost, lost * repeat)
