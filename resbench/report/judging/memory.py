"""When two files were judged before: seeds that are added after a verdict was read make its p value larger.

The file `looks.json` remembers each judgement, with the numbers that it rested on. A file that is written again by another
experiment is another comparison: runs are the same as before where at least half of them have their old numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from resbench.core.cell import Cell
from resbench.records.looks_file import ReadClaim, Reading, add_reading, read_looks
from resbench.records.statements import time_now
from resbench.report.judging.question import AXIS
from resbench.report.readings import read_claims
from resbench.report.study import Study
from resbench.report.verdicts import ClaimVerdict

_Values = Mapping[str, float | None]  # of each seed


def earlier_readings(folder: Path, study: Study) -> list[Reading] | None:
    """The readings of the same runs; None where it cannot be known which there were."""
    now = _values(study)
    try:
        return [reading for reading in read_looks(folder).looks if any(_same(one, now) for one in reading.claims)]
    except ValueError:
        return None


def changed_notes(study: Study, readings: Sequence[Reading]) -> Iterator[str]:
    """That runs which were judged before are gone or have other numbers: what is left out after a look is no random choice."""
    now = _values(study)
    changed: dict[str, set[int]] = {}
    for claim in (claim for reading in readings for claim in reading.claims if _same(claim, now)):
        for file, values in zip(_files(claim), claim.values, strict=True):
            others = {int(seed) for seed, value in values.items() if now[file].get(seed, math.nan) != value}
            changed.setdefault(file, set()).update(others)
    for file, seeds in changed.items():
        if seeds:
            name, which = study.labels.value(AXIS, file), ", ".join(map(str, sorted(seeds)))
            yield f"judged before with runs of {name} that are gone or have other numbers now: seeds {which}"


def remember(folder: Path, study: Study, verdicts: Sequence[ClaimVerdict]) -> None:
    """Note that these verdicts were read, and on which numbers they rest."""
    claims = [_with_values(one, study) for one in read_claims(verdicts)]
    if claims:  # no plan says how many seeds there are to be
        add_reading(folder, Reading(time=time_now(), command="judge", planned=0, claims=claims))


def _with_values(claim: ReadClaim, study: Study) -> ReadClaim:
    values = _values(study)
    return claim.model_copy(update={"values": [dict(values[_file(cell)]) for cells in claim.arms for cell in cells]})


def _values(study: Study) -> dict[str, _Values]:
    """The number of each seed of each file."""
    (claim,) = study.claims
    return {
        _file(cell): {
            str(seed): study.by_id[run_id].metrics[claim.on]
            for seed, run_id in zip(runs["seed"], runs["id"], strict=True)
            if run_id in study.by_id
        }
        for _, cell, runs in study.cells
    }


def _file(cell: Cell) -> str:
    return str(cell[AXIS])


def _files(claim: ReadClaim) -> list[str]:
    return [_file(cell) for cells in claim.arms for cell in cells if AXIS in cell]


def _same(claim: ReadClaim, now: Mapping[str, _Values]) -> bool:
    """Whether a claim was read of these runs."""
    files = _files(claim)
    if len(files) != len(claim.values) or set(files) != set(now):
        return False
    return all(_kept(values, now[file]) for file, values in zip(files, claim.values, strict=True))


def _kept(before: _Values, now: _Values) -> bool:
    same = sum(seed in now and now[seed] == value for seed, value in before.items())
    return 2 * same >= len(before)
