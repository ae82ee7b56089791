"""Keeps at which numbers of seeds the verdicts of a study were read, where no looks are planned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from resbench.records.looks_file import ReadClaim, add_reading
from resbench.report.planning import MIN_SEEDS
from resbench.report.study import Study
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict


def keep_reading(folder: Path, study: Study, verdicts: Sequence[ClaimVerdict], command: str) -> None:
    """Append to `looks.json` the claims that are shown at numbers of seeds at which they were not before.

    Args:
        folder: of the study's records.
        command: that shows them.
    """
    if study.file.looks:
        return
    read = [
        ReadClaim(claim=verdict.claim.statement(), seeds=seeds, states=[one.state for one in verdict.contrasts])
        for verdict in verdicts
        for seeds in [list(map(_seeds, verdict.contrasts))]
        if not verdict.claim.metric.exact and max(seeds, default=0) >= MIN_SEEDS
    ]
    if read:
        add_reading(folder, command, study.planned, read)


def _seeds(judged: ContrastVerdict) -> int:
    """Seeds with a result in all arms."""
    if judged.contrast:
        return judged.contrast.min_seeds
    return min(len(arm.results) for arm in judged.arms)
