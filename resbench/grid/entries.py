"""Parts of a `Grid` that was made in Python as the entries of a grid file that say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resbench.core.errors import UserError
from resbench.grid.expand import Exclusion
from resbench.records.claim import Claim
from resbench.records.metrics import Metric
from resbench.records.part import Part
from resbench.records.study_file import Looks


def exclusion_entry(rule: Exclusion | dict[str, Any]) -> dict[str, Any]:
    """A rule of `exclude`."""
    return {"if": rule.when, "because": rule.because} if isinstance(rule, Exclusion) else rule


def seeds_entry(name: str, seeds: Any, looks: Looks | None) -> Any:
    """The seeds, or the plan of looks at them.

    Args:
        name: of the grid.

    Raises:
        UserError: seeds that are not those of the plan.
    """
    if looks is None:
        return seeds
    plan = {"looks": looks.sizes, "spend": looks.spend}
    if seeds not in (1, plan, list(range(looks.sizes[-1]))):
        remedy = "give the plan alone, or looks=None"
        raise UserError(f"grid {name}: seeds: {seeds!r} next to looks at {looks.sizes}: {remedy}")
    return plan


def claim_entry(claim: Claim | dict[str, Any]) -> dict[str, Any]:
    """A claim, whose `at` is a list of axes, or has values for each."""
    if not isinstance(claim, Claim):
        return claim
    entry = claim.to_json()
    if "at" in entry and all(choices is None for choices in claim.at.values()):
        entry["at"] = list(claim.at)
    return entry


def plain(value: Any) -> Any:
    """A value as a grid file would hold it."""
    if isinstance(value, Part):
        value = value.to_json()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, Sequence) and not isinstance(value, str) else value


def metrics_entry(metrics: Mapping[str, Any] | Sequence[Metric]) -> dict[str, Any]:
    """The metrics of a user's training code."""
    if isinstance(metrics, Mapping):
        return dict(metrics)
    return {row.name: {"better": row.better, "words": row.words, "proportion": row.proportion} for row in metrics}
