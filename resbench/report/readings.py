"""Keeps at which numbers of seeds the verdicts of a study were read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from resbench.records.looks_file import ReadCell, ReadClaim, Reading, ReadTarget, add_reading
from resbench.records.statements import time_now
from resbench.report.planning import MIN_SEEDS
from resbench.report.study import Study
from resbench.report.target import trained_cells
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict


def keep_reading(folder: Path, study: Study, verdicts: Sequence[ClaimVerdict], command: str) -> None:
    """Append to `looks.json` what is shown at numbers of seeds at which it was not before.

    Args:
        folder: of the study's records.
        command: that shows it.
    """
    claims = read_claims(verdicts)
    target = _read_target(study)
    if not claims and target is None:
        return
    reading = Reading(time=time_now(), command=command, planned=study.planned, claims=claims)
    more = {"target": target, "plan": study.file.looks}
    add_reading(folder, reading.model_copy(update={key: value for key, value in more.items() if value is not None}))


def read_claims(verdicts: Sequence[ClaimVerdict]) -> list[ReadClaim]:
    """What is read of verdicts: of those that a number of seeds decides, from as many as a verdict takes."""
    claims = [_read(verdict) for verdict in verdicts if not verdict.claim.metric.exact]
    return [one for one in claims if max(one.seeds, default=0) >= MIN_SEEDS]


def _read(verdict: ClaimVerdict) -> ReadClaim:
    return ReadClaim(
        claim=verdict.claim.statement(),
        seeds=list(map(_seeds, verdict.contrasts)),
        states=[one.state for one in verdict.contrasts],
        arms=[[dict(arm.cell) for arm in one.arms] for one in verdict.contrasts],
    )


def _read_target(study: Study) -> ReadTarget | None:
    cells = trained_cells(study) if study.target else []
    if not study.target or max((one.seeds for one in cells), default=0) < MIN_SEEDS:
        return None
    read = [ReadCell(cell=dict(one.cell), seeds=one.seeds) for one in cells]
    return ReadTarget(test_accuracy=study.target.test_accuracy, cells=read)


def _seeds(judged: ContrastVerdict) -> int:
    """Seeds with a result in all arms."""
    if judged.contrast:
        return judged.contrast.min_seeds
    return min(len(arm.results) for arm in judged.arms)
