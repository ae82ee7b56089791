"""`report.json`: the verdicts of a study for programs, with every number of each contrast."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from resbench.report.arms import Arm
from resbench.report.cells import contrast_columns
from resbench.report.planning import levels, more_seeds_range
from resbench.report.published import Reproduction
from resbench.report.study import Study
from resbench.report.tables.looks import look_facts
from resbench.report.theory import TheoryVerdict
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict
from resbench.report.wording.failures import unseen_failures
from resbench.report.wording.sentence import sentence
from resbench.report.wording.target import target_facts
from resbench.report.wording.tested import tested_of


def report_json(
    study: Study,
    verdicts: Sequence[ClaimVerdict],
    reproductions: Sequence[Reproduction],
    theory: Sequence[TheoryVerdict] = (),
    card: Mapping[str, Any] | None = None,
) -> str:
    """The text of the file.

    Args:
        card: what the index says of the study.
    """
    counts = study.runs.drop_duplicates("id")["status"].value_counts().sort_index().to_dict()
    facts: dict[str, Any] = {"schema": 1, "study": study.name, "runs": counts}
    facts |= {"claims": list(map(_claim, verdicts)), "published": list(map(_published, reproductions))}
    facts |= {"theory": list(map(_theory, theory))} if theory else {}
    if verdicts:
        facts["tested"] = tested_of(verdicts, study.file.family)._asdict()
    if study.file.stated:
        facts["stated"] = {kind: [one.to_json() for one in every] for kind, every in study.file.stated.items()}
    facts |= {"target": target} if (target := target_facts(study)) else {}
    facts |= {"card": card} if card else {}
    return json.dumps(_finite(facts), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _claim(verdict: ClaimVerdict) -> dict[str, Any]:
    state: dict[str, Any] = {"verdict": verdict.state, "outstanding": verdict.outstanding}
    if verdict.late:
        state["stated_after"] = {"recorded": verdict.late.recorded, "runs": verdict.late.runs}
    return verdict.claim.to_json() | state | {"contrasts": [_contrast(verdict, judged) for judged in verdict.contrasts]}


def _contrast(verdict: ClaimVerdict, judged: ContrastVerdict) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "at": dict(judged.context),
        "compare": dict(judged.ours.cell),
        "to": dict(judged.theirs.cell),
    }
    if judged.subtracted:
        first, second, ours, theirs = judged.subtracted
        facts["between"] = {"first": dict(first), "second": dict(second)}
        facts["less"] = {"compare": dict(ours.cell), "to": dict(theirs.cell)}
    facts |= {"verdict": judged.state, "sentence": sentence(verdict, judged), "p_holm": judged.p_holm}
    facts |= {"did_not_train": {"compare": _lost(judged.ours), "to": _lost(judged.theirs)}}
    facts |= {"worst_rank": judged.ranks._asdict()} if judged.ranks else {}
    share = unseen_failures(judged, verdict.claim)
    facts |= {"unseen_failures": share} if share is not None else {}
    facts |= {"more_seeds": judged.more_seeds, "images_needed": judged.images_needed, "detectable": judged.detectable}
    if judged.contrast and judged.more_seeds:
        facts["more_seeds_range"] = more_seeds_range(judged.contrast, levels(verdict.claim, verdict.family))
    facts |= {"looks": looks} if (looks := look_facts(judged)) else {}
    return facts | (contrast_columns(judged.contrast) if judged.contrast else {})


def _lost(arm: Arm) -> dict[str, int]:
    """How many runs of an arm have a result, and how many of them did not train."""
    return {"runs": len(arm.begun), "diverged": arm.diverged, "collapsed": arm.collapsed, "failed": arm.failed}


def _published(reproduction: Reproduction) -> dict[str, Any]:
    ours = {
        "ours": reproduction.ours.estimate,
        "low": reproduction.ours.low,
        "high": reproduction.ours.high,
        "seeds": reproduction.seeds,
    }
    return reproduction.published.to_json() | ours | {"verdict": reproduction.verdict, "because": reproduction.because}


def _theory(one: TheoryVerdict) -> dict[str, Any]:
    ours = {"ours": one.ours.estimate, "low": one.ours.low, "high": one.ours.high, "seeds": one.seeds}
    judged = {"cell": dict(one.cell), "verdict": one.verdict, "because": one.because}
    return one.prediction.to_json() | ours | judged


def _finite(value: Any) -> Any:
    """The same with null for what is no number: JSON has no NaN. Ten digits, as in the tables."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.10g}") if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else bool(value) if isinstance(value, np.bool_) else value
