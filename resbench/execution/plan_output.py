"""A plan of a grid as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from resbench.core.cell import Value
from resbench.core.output import Finite, Output, OutputPart

if TYPE_CHECKING:
    from resbench.execution.grid_plan import GridPlan, PlannedCell


class PlannedCellOutput(OutputPart):
    """A cell, and what each of its runs costs.

    Attributes:
        label: its values, `model.depth=34`.
        parameters, flops, memory: none where a user's own code trains.
        flops: forward, per image.
        seconds: of a run, predicted.
        memory: bytes, predicted.
    """

    label: str
    done: int
    to_do: int
    parameters: int | None
    flops: int | None
    seconds: Finite
    memory: int | None


class ExcludedOutput(OutputPart):
    """A cell that is left out, and why."""

    cell: dict[str, Value]
    because: str


class MergedOutput(OutputPart):
    """Cells that are one training, and why."""

    cells: list[dict[str, Value]]
    because: str


class FleetOutput(OutputPart):
    """Other machines that were planned for, and what to expect of them; times in seconds.

    Attributes:
        slots: runs side by side on each node.
        mtbf: mean time between failures of a node; null if none fails.
        bound: no schedule ends sooner.
        lost: runs that are lost with their nodes and resumed; `repeated` is their work that is done twice.
    """

    nodes: int
    slots: int
    mtbf: Finite
    bound: Finite
    lost: Finite
    repeated: Finite


class PlanOutput(Output):
    """`plan`.

    Attributes:
        cells: of those that are one training, the first.
        done, to_do: runs.
        seconds: predicted, until all is done, by `source`.
        evaluation: share of the time that goes into validation and test images.
        notes: fields without effect, runs that are trained again for probes, looks, and fresh seeds, in words.
    """

    command: Literal["plan"] = "plan"
    study: str
    cells: list[PlannedCellOutput]
    done: int
    to_do: int
    excluded: list[ExcludedOutput]
    merged: list[MergedOutput]
    jobs: int
    device: str
    seconds: Finite
    source: str
    evaluation: Finite
    fleet: FleetOutput | None
    notes: list[str]


def plan_output(plan: GridPlan) -> PlanOutput:
    return PlanOutput(
        study=plan.name,
        cells=list(map(_cell, plan.cells)),
        done=plan.done,
        to_do=plan.missing,
        excluded=[ExcludedOutput(cell=dict(cell), because=because) for cell, because in plan.excluded],
        merged=[MergedOutput(cells=list(map(dict, one.cells)), because=one.because) for one in plan.merged],
        jobs=plan.jobs,
        device=plan.device,
        seconds=plan.seconds,
        source=plan.source,
        evaluation=plan.evaluation,
        fleet=_fleet(plan),
        notes=[note for note in (*plan.idle, plan.unprobed, plan.looks, plan.confirmation) if note],
    )


def _cell(cell: PlannedCell) -> PlannedCellOutput:
    cost = cell.cost
    return PlannedCellOutput(
        label=cell.label,
        done=cell.done,
        to_do=cell.missing,
        parameters=cost.parameters,
        flops=cost.flops,
        seconds=cost.seconds,
        memory=cost.memory,
    )


def _fleet(plan: GridPlan) -> FleetOutput | None:
    fleet, expected = plan.fleet, plan.forecast
    if not fleet or not expected:
        return None
    return FleetOutput(
        nodes=fleet.nodes,
        slots=fleet.slots,
        mtbf=fleet.mtbf,
        bound=expected.bound,
        lost=expected.lost,
        repeated=expected.repeated,
    )
