"""What `ls` prints with `--json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from resbench.core.cell import Value
from resbench.core.output import Finite, Output, OutputPart

if TYPE_CHECKING:
    from resbench.records.run_states import RunState


class AxisOutput(OutputPart):
    """A field that a grid file can set or vary.

    Attributes:
        default: its value where nothing else is said.
        values: the names that it allows; empty where it takes others.
        allows: JSON Schema of its values.
    """

    path: str
    default: Value
    values: list[str]
    allows: dict[str, Any]


class AxesOutput(Output):
    """`ls axes`."""

    command: Literal["ls axes"] = "ls axes"
    axes: list[AxisOutput]


class DatasetOutput(OutputPart):
    """A data set; one that is `remote` needs files."""

    name: str
    about: str
    remote: bool


class DatasetsOutput(Output):
    """`ls datasets`."""

    command: Literal["ls datasets"] = "ls datasets"
    datasets: list[DatasetOutput]


class ProbeOutput(OutputPart):
    """A probe.

    Attributes:
        share: of the training work that it takes.
        metrics: that claims can be made on.
    """

    name: str
    about: str
    share: Finite
    metrics: list[str]


class ProbesOutput(Output):
    """`ls probes`."""

    command: Literal["ls probes"] = "ls probes"
    probes: list[ProbeOutput]


class GridOutput(OutputPart):
    """A grid or search file that comes with the package, and the command that trains it."""

    name: str
    command: str
    question: str
    path: str


class GridsOutput(Output):
    """`ls grids`."""

    command: Literal["ls grids"] = "ls grids"
    grids: list[GridOutput]


class StudiesOutput(Output):
    """`ls studies`."""

    command: Literal["ls studies"] = "ls studies"
    studies: list[str]


class ListedRun(OutputPart):
    """A run.

    Attributes:
        state: ok, diverged, failed, running, begun and interrupted, of a later version, or to do.
        test_accuracy: in percent.
        result: the result or the error, in words; empty without a record.
    """

    id: str
    state: str
    cell: dict[str, Value]
    seed: int | None
    test_accuracy: Finite
    result: str


class RunsOutput(Output):
    """`ls runs`."""

    command: Literal["ls runs"] = "ls runs"
    study: str
    runs: list[ListedRun]


def axes_output() -> AxesOutput:
    from resbench.core.config import names_of
    from resbench.grid.source import FIELDS
    from resbench.training.run import neutral_values

    default = neutral_values()
    axes = [
        AxisOutput(path=path, default=default.get(path, "none"), values=names_of(field), allows=field.json_schema())
        for path, field in FIELDS.items()
    ]
    return AxesOutput(axes=axes)


def datasets_output() -> DatasetsOutput:
    from resbench.data.dataset import Format
    from resbench.data.datasets import DATASETS

    needing = {name: isinstance(one, Format) or one.remote for name, one in DATASETS.items()}
    found = [DatasetOutput(name=name, about=one.about, remote=needing[name]) for name, one in DATASETS.items()]
    return DatasetsOutput(datasets=found)


def probes_output() -> ProbesOutput:
    from resbench.probes.table import PROBES
    from resbench.records.metrics import PROBED

    found = [
        ProbeOutput(
            name=name,
            about=(probe.measure.__doc__ or "").split("\n")[0],
            share=probe.share,
            metrics=list(PROBED[name]),
        )
        for name, probe in PROBES.items()
    ]
    return ProbesOutput(probes=found)


def grids_output() -> GridsOutput:
    from resbench.grid.shipped import shipped_files

    found = [
        GridOutput(name=one.name, command=one.command, question=one.question, path=str(one.path))
        for one in shipped_files().values()
    ]
    return GridsOutput(grids=found)


def runs_output(study: str, runs: Sequence[RunState]) -> RunsOutput:
    from resbench.report.live_view import result_text

    def listed(run: RunState) -> ListedRun:
        accuracy = run.record.metrics.get("test_accuracy") if run.record else None
        return ListedRun(
            id=run.id,
            state=run.state,
            cell=dict(run.cell),
            seed=run.seed,
            test_accuracy=None if accuracy is None else 100 * accuracy,
            result=result_text(run.record) if run.record else "",
        )

    return RunsOutput(study=study, runs=list(map(listed, runs)))
