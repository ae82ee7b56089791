"""What `judge`, `check`, `compare` and `show` print with `--json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from resbench.core.cell import contains
from resbench.core.output import Finite, Output, OutputPart
from resbench.records.run_states import RunState
from resbench.report.check import CheckedStudy, Compared
from resbench.report.judging.judgement import Judgement
from resbench.report.outputs.verdicts import (
    Cell,
    ClaimOutput,
    ComparisonOutput,
    IntervalOutput,
    claim_output,
    comparison_output,
)
from resbench.report.show import ShownStudy


class JudgeOutput(Output):
    """`judge`.

    Attributes:
        supported: whether the claim is supported, and the exit code 0.
        seeds_ours, seeds_theirs: of each file.
        looks: the numbers of seeds at which these runs were judged, now among them.
        page: the HTML page; null with --no-page.
    """

    command: Literal["judge"] = "judge"
    supported: bool
    ours: str
    theirs: str
    seeds_ours: int
    seeds_theirs: int
    claim: ClaimOutput
    looks: list[int]
    notes: list[str]
    page: str | None


class CheckOutput(Output):
    """`check`.

    Attributes:
        supported: whether all claims are supported and none is interim, and the exit code 0.
        target: what is known of the target, in a sentence; empty without one.
    """

    command: Literal["check"] = "check"
    study: str
    supported: bool
    target: str
    claims: list[ClaimOutput]
    notes: list[str]


class CompareOutput(Output):
    """`compare`.

    Attributes:
        not_compared: cells of which no single cell differs in the given values alone.
    """

    command: Literal["compare"] = "compare"
    study: str
    on: str
    measure: str
    margin: float
    unit: str
    comparisons: list[ComparisonOutput]
    not_compared: list[Cell]


class CellOutput(OutputPart):
    """A cell in numbers: accuracies and their deviations in percent, means over the runs that trained.

    Attributes:
        planned: runs that are asked for.
        seeds: runs that have a result; `trained` are those that the means are of.
        test_accuracy: with its 95 % interval for new images; `these_images_low` and `_high` for these alone.
        sd: over seeds; `true_sd` is what it would be without the noise of a finite test set.
        errors: in 10,000.
    """

    cell: Cell
    planned: int
    seeds: int
    trained: int
    diverged: int
    collapsed: int
    failed: int
    test_accuracy: IntervalOutput
    these_images_low: Finite
    these_images_high: Finite
    sd: Finite
    true_sd: Finite
    least: Finite
    most: Finite
    errors: Finite
    train_loss: Finite
    train_accuracy: Finite
    val_accuracy: Finite
    parameters: Finite
    flops: Finite
    train_seconds: Finite
    wall_seconds: Finite


class ShowOutput(Output):
    """`show STUDY`."""

    command: Literal["show"] = "show"
    study: str
    cells: list[CellOutput]
    target: str
    claims: list[ClaimOutput]
    notes: list[str]


class RunErrorOutput(OutputPart):
    """Why a run failed or diverged."""

    kind: str
    message: str
    traceback: str | None


class RunOutput(Output):
    """`show STUDY RUN`.

    Attributes:
        state: ok, diverged, failed, running, begun and interrupted, of a later version, or to do.
        record: path of its record; null where it has none.
        epochs, epochs_total: how far it is while it is trained; null else.
        baseline: the settings in which it differs from the baseline, with the values of that.
        history: a row for each epoch.
        metrics: as in the record: accuracies and errors as shares.
    """

    command: Literal["show run"] = "show run"
    study: str
    id: str
    state: str
    cell: Cell
    seed: int | None
    record: str | None
    epochs: Finite
    epochs_total: int | None
    metrics: dict[str, Finite]
    history: list[dict[str, Finite]]
    error: RunErrorOutput | None
    settings: dict[str, Any]
    baseline: Cell
    weights_sha256: str | None
    provenance: dict[str, Any]


def judge_output(judged: Judgement) -> JudgeOutput:
    ours, theirs = (runs for _, _, runs in judged.study.cells)
    return JudgeOutput(
        supported=judged.supported,
        ours=judged.paths[0],
        theirs=judged.paths[1],
        seeds_ours=len(ours),
        seeds_theirs=len(theirs),
        claim=claim_output(judged.verdict),
        looks=judged.looks,
        notes=list(judged.notes),
        page=str(judged.page) if judged.page else None,
    )


def check_output(checked: CheckedStudy) -> CheckOutput:
    return CheckOutput(
        study=checked.study.name,
        supported=checked.supported,
        target=checked.target,
        claims=list(map(claim_output, checked.verdicts)),
        notes=checked.notes,
    )


def compare_output(compared: Compared) -> CompareOutput:
    claim = compared.verdict.claim
    return CompareOutput(
        study=compared.study.name,
        on=claim.on,
        measure=claim.metric.words,
        margin=claim.margin,
        unit=claim.metric.unit,
        comparisons=[comparison_output(compared.verdict, one, claimed=False) for one in compared.verdict.contrasts],
        not_compared=[dict(cell) for cell in compared.alone],
    )


def show_output(shown: ShownStudy) -> ShowOutput:
    return ShowOutput(
        study=shown.study.name,
        cells=[_cell(row, shown.study.axes) for row in shown.frame.to_dict("records")],
        target=shown.target,
        claims=list(map(claim_output, shown.verdicts)),
        notes=shown.notes,
    )


def _cell(row: Mapping[Any, Any], axes: Sequence[str]) -> CellOutput:
    numbers: dict[str, Any] = {name: row[name] for name in CellOutput.model_fields.keys() & row.keys()}
    shares = ("mean", "low", "high", "seed_low", "seed_high", "sd", "true_sd", "least", "most")
    percent = {name: 100 * row[name] for name in (*shares, "train_accuracy", "val_accuracy")}
    numbers |= {name: value for name, value in percent.items() if name in numbers}
    return CellOutput(
        cell={axis: row[axis] for axis in axes},
        seeds=row["seeds_done"],
        trained=row["seeds_ok"],
        test_accuracy=IntervalOutput(estimate=percent["mean"], low=percent["low"], high=percent["high"]),
        these_images_low=percent["seed_low"],
        these_images_high=percent["seed_high"],
        **numbers,
    )


def run_output(study: str, run: RunState, path: Path, baseline: Cell) -> RunOutput:
    """All that is known of a run.

    Args:
        path: of its record.
        baseline: of the study.
    """
    record = run.record.sanitised() if run.record else None
    settings = record.settings if record else {}
    error = record.error if record else None
    trace = error.details.get("traceback") if error else None
    apart = {one: value for one, value in baseline.items() if one in settings and not contains([settings[one]], value)}
    return RunOutput(
        study=study,
        id=run.id,
        state=run.state,
        cell=dict(run.cell),
        seed=run.seed,
        record=str(path) if record else None,
        epochs=run.holder.epochs if run.holder else float(run.saved.epoch) if run.saved.epoch else None,
        epochs_total=run.holder.total if run.holder else None,
        metrics=record.metrics if record else {},
        history=record.history if record else [],
        error=RunErrorOutput(kind=error.kind, message=error.message, traceback=str(trace) if trace else None)
        if error
        else None,
        settings=settings,
        baseline=apart,
        weights_sha256=record.weights_sha256 if record else None,
        provenance=record.provenance.flat if record else {},
    )
