"""What many machines make of a grid, in virtual time: the real driver with a simulated engine.

The driver, its order, its losses and its records are those of every other engine; only the machines are simulated, and
the clock jumps from event to event. What a machine loses when it fails is what a real one does: the epoch it was in.
"""

from __future__ import annotations

import collections
import heapq
import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from resbench.execution.driver import RecordSource, RunOutcome, Watcher, drive
from resbench.execution.task import Setting, Task
from resbench.grid.grid import PlannedRun
from resbench.records.record import Provenance, Record
from resbench.training.train import empty_record

_NOWHERE = Setting(Path(), Path(), "cpu", 1, (None, False))


@dataclass(frozen=True)
class SimulatedFleet:
    """Machines that do not exist. All times in seconds.

    Attributes:
        slots: runs side by side on each node.
        start: of a run, from its submission to a free slot until its first step.
        handling: of the driver, for each run that it submits and whose end it notes.
        ahead: runs submitted beyond those that have a slot, which keep slots busy while the driver is.
        between: mean time between failures of one node, exponentially distributed; None if they never fail.
        repair: from a failure until the node is back.
        notice: from a failure until the driver knows that the runs of the node are lost.
        seed: of the failures.
    """

    nodes: int
    slots: int = 1
    start: float = 1.0
    handling: float = 0.003
    ahead: int = 2
    between: float | None = None
    repair: float = 600.0
    notice: float = 30.0
    seed: int = 0


@dataclass(frozen=True)
class Simulation:
    """How it went. All times in seconds.

    Attributes:
        wall: from the first submission until the last run has its record.
        bound: no schedule ends sooner on as many slots that never fail: the work divided evenly, or the longest run.
        work: training asked for.
        wasted: training that was lost with nodes and done again.
        losses: runs that were lost and submitted again.
        failed: runs that were given up, as they were lost too often without an epoch between.
        busy: of the driver.
    """

    wall: float
    bound: float
    work: float
    wasted: float
    losses: int
    failed: int
    busy: float


class _Attempt(NamedTuple):
    run: PlannedRun
    node: int
    began: float
    left: float  # seconds of training that it had still to do


class SimulatedEngine:
    """An engine without machines.

    Args:
        seconds: of training of a run.
        publish: leaves the record of a run, as its process would.
    """

    def __init__(
        self, fleet: SimulatedFleet, seconds: Callable[[PlannedRun], float], publish: Callable[[PlannedRun], None]
    ) -> None:
        self.now = self.wasted = 0.0
        self.submitted = self.losses = 0
        self._fleet, self._seconds, self._publish = fleet, seconds, publish
        self._draw = random.Random(fleet.seed)
        self._count = itertools.count()
        # (time, counter, what happens then, to which node or attempt)
        self._events: list[tuple[float, int, Callable[[float, int], None], int]] = []
        self._queue: collections.deque[PlannedRun] = collections.deque()
        self._idle = collections.deque(node for _ in range(fleet.slots) for node in range(fleet.nodes))
        self._attempts: dict[int, _Attempt] = {}
        self._on: list[set[int]] = [set() for _ in range(fleet.nodes)]
        self._left: dict[str, float] = {}  # of runs that were lost, what their checkpoints leave to do
        # lost, and the driver does not know yet
        self._gone: collections.deque[tuple[PlannedRun, int]] = collections.deque()
        self._ready: list[RunOutcome] = []
        self._active = 0
        for node in range(fleet.nodes):
            self._fail_later(0.0, node)

    def free(self) -> bool:
        return self._active < self._fleet.nodes * self._fleet.slots + self._fleet.ahead

    def submit(self, run: PlannedRun, task: Task) -> None:
        self.now += self._fleet.handling
        self._happen(self.now)
        self._active += 1
        self.submitted += 1
        self._queue.append(run)
        self._begin(self.now)

    def wait(self, seconds: float, watcher: Watcher) -> list[RunOutcome]:
        self._happen(self.now)
        while not self._ready and self._events:  # nothing changes before the next event
            self.now = self._events[0][0]
            self._happen(self.now)
        outcomes, self._ready = self._ready, []
        self._active -= len(outcomes)
        return outcomes

    def stop(self) -> None:
        """Nothing goes on."""

    def _happen(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            when, _, what, which = heapq.heappop(self._events)
            what(when, which)

    def _later(self, when: float, what: Callable[[float, int], None], which: int) -> None:
        heapq.heappush(self._events, (when, next(self._count), what, which))

    def _begin(self, when: float) -> None:
        """Idle slots take what is submitted."""
        while self._queue and self._idle:
            run, node, number = self._queue.popleft(), self._idle.popleft(), next(self._count)
            left = self._left[run.id] if run.id in self._left else self._seconds(run)
            self._attempts[number] = _Attempt(run, node, when, left)
            self._on[node].add(number)
            self._later(when + self._fleet.start + left, self._end, number)

    def _end(self, when: float, number: int) -> None:
        one = self._attempts.pop(number, None)
        if one is None:  # its node has failed meanwhile
            return
        self._on[one.node].remove(number)
        self._left.pop(one.run.id, None)
        self._publish(one.run)
        self._ready.append(RunOutcome(one.run, "done"))
        self._idle.append(one.node)
        self._begin(when)

    def _fail_later(self, when: float, node: int) -> None:
        if self._fleet.between is not None:
            self._later(when + self._draw.expovariate(1 / self._fleet.between), self._fail, node)

    def _fail(self, when: float, node: int) -> None:
        for number in sorted(self._on[node]):
            one = self._attempts.pop(number)
            whole, spent = self._seconds(one.run), max(0.0, when - one.began - self._fleet.start)
            epochs = one.run.cell_config.recipe.epochs
            kept = math.floor((whole - one.left + spent) / whole * epochs + 1e-9) if whole else epochs
            self._left[one.run.id] = min(one.left, whole * (1 - kept / epochs))
            self.wasted += spent - (one.left - self._left[one.run.id])
            self._gone.append((one.run, kept))
            self._later(when + self._fleet.notice, self._notice, node)
        self._on[node].clear()
        self._idle = collections.deque(other for other in self._idle if other != node)
        self._later(when + self._fleet.repair, self._back, node)

    def _notice(self, when: float, node: int) -> None:
        self.losses += 1
        run, kept = self._gone.popleft()
        self._ready.append(RunOutcome(run, "lost", "its node failed", epochs_saved=kept))

    def _back(self, when: float, node: int) -> None:
        self._idle.extend([node] * self._fleet.slots)
        self._fail_later(when, node)
        self._begin(when)


class Memory:
    """Records of a simulation, in memory."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    def stamp(self, run_id: str) -> tuple[int, int] | None:
        return (0, 0) if run_id in self.records else None

    def read(self, run_id: str) -> Record | None:
        return self.records.get(run_id)

    def free(self, run_id: str) -> bool:
        return True

    def add(self, record: Record) -> bool:
        self.records[record.id] = record
        return True


def simulate(
    runs: Sequence[PlannedRun],
    seconds: Callable[[PlannedRun], float],
    fleet: SimulatedFleet,
    source: RecordSource | None = None,
    publish: Callable[[PlannedRun], None] | None = None,
) -> Simulation:
    """Let the real driver give these runs to a fleet.

    Args:
        runs: those to do, in their order.
        seconds: of training of a run on one slot.
        source: where records go; into memory by default.
        publish: leaves the record of a run there; one that says ok by default.
    """
    records = Memory() if source is None else source
    engine = SimulatedEngine(fleet, seconds, publish or (lambda run: _publish(records, run)))
    statuses = drive(runs, engine, _NOWHERE, Watcher(), records, lambda: engine.now)
    each = [seconds(run) for run in runs]
    bound = max(sum(each) / (fleet.nodes * fleet.slots), max(each, default=0.0))
    busy = engine.submitted * fleet.handling
    return Simulation(engine.now, bound, sum(each), engine.wasted, engine.losses, statuses.count("failed"), busy)


def _publish(records: RecordSource, run: PlannedRun) -> None:
    records.add(empty_record(run.config, "ok", Provenance({}), None))
