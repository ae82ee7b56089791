"""Comparisons that no claim made, judged as a claim would be: what the same grid also tells, and must be called unclaimed."""

from __future__ import annotations

from collections.abc import Sequence

from resbench.records.claim import EXPECTATIONS, Claim
from resbench.report.arms import arms_of, partners
from resbench.report.cells import margin_of
from resbench.report.comparison import ComparedRuns, Comparison, comparisons_of
from resbench.report.study import Study
from resbench.report.verdicts import ClaimVerdict, judge_family

_MOST = 200  # comparisons of one kind; more are no answer


def elsewhere(study: Study, verdicts: Sequence[ClaimVerdict]) -> list[ClaimVerdict]:
    """What each claim on test errors compares, wherever else in the grid it can be compared, as one family each."""
    known = _claimed(verdicts)
    out = []
    for verdict in verdicts:
        claim = verdict.claim
        if not claim.metric.by_image or claim.between or not any(claim.at.values()):
            continue
        pairs = [one for one in _pairs(study, claim) if not {one.key, one.key[::-1]} & known]
        if 0 < len(pairs) <= _MOST:
            known |= {one.key for one in pairs}
            out.append(judge_family(study, claim, pairs))
    return out


def against_baseline(study: Study, verdicts: Sequence[ClaimVerdict]) -> ClaimVerdict | None:
    """Every cell against its baseline where no claim compares them, as one family; None where nothing is left.

    Args:
        verdicts: of what is compared elsewhere.
    """
    if not study.baseline:
        return None
    known = _claimed(verdicts)
    pairs = [
        Comparison({path: value for path, value in ours.cell.items() if path not in study.baseline}, ours, found[0])
        for ours, found in partners(study, arms_of(study), study.baseline)
        if len(found) == 1
    ]
    left = [one for one in pairs if not {one.key, one.key[::-1]} & known and not one.same]
    if not 0 < len(left) <= _MOST:
        return None
    claim = Claim(says="", compare={}, to={}, expect=EXPECTATIONS[0], margin=margin_of(study))
    return judge_family(study, claim, left)


def _pairs(study: Study, claim: Claim) -> list[Comparison]:
    """The comparisons of a claim at all values of its `at` axes."""
    arms = arms_of(study)
    cells = [cell for _, cell, _ in study.cells]
    idle = [study.idle.get(key, frozenset()) for key, _, _ in study.cells] if study.idle else ()
    by_cell = {repr(sorted(arm.cell.items())): arm for arm in arms.values()}
    wide = claim.model_copy(update={"at": dict.fromkeys(claim.at)})
    found = comparisons_of(wide, cells, idle, lambda cell: by_cell[repr(sorted(cell.items()))])
    return [one for one in found if not one.same]


def _claimed(verdicts: Sequence[ClaimVerdict]) -> set[ComparedRuns]:
    """What claims on test errors compare."""
    return {one.comparison.key for verdict in verdicts if verdict.claim.metric.by_image for one in verdict.contrasts}
