"""Which figures of a page stand open, and in which order: first the one that answers, then one for each finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from resbench.report.figures.figure import Figure

if TYPE_CHECKING:
    from resbench.report.figures.evidence import Evidence

MOST_OPEN = 4
_OF_COST = ("throughput", "roofline")


def choose(evidence: Evidence, figures: Sequence[Figure]) -> tuple[list[Figure], set[str]]:
    """The figures in the order of the page, and the names of those that stand open."""
    if is_of_cost(evidence):
        shown = [figure for name in _OF_COST for figure in figures if figure.name == name]
        return shown, {figure.name for figure in shown}
    there = {figure.name: figure for figure in figures}
    first = [name for name in dict.fromkeys(_wanted(evidence)) if name in there][:MOST_OPEN]
    rest = [figure for figure in figures if figure.name not in first]
    return [*(there[name] for name in first), *rest], set(first)


def is_of_cost(evidence: Evidence) -> bool:
    """Whether a study is about what networks cost: it was measured, claims nothing, and trained one seed a cell at most."""
    seeds = evidence.frame["seeds_done"].max() if len(evidence.frame) else 0
    return not evidence.costs.empty and not evidence.study.claims and not evidence.study.target and seeds <= 1


def _wanted(evidence: Evidence) -> Iterator[str]:
    if evidence.theory and not evidence.study.claims:
        yield "predictions"
        return
    if evidence.study.target:
        yield "tradeoff"
    metrics = [verdict.claim.metric for verdict in evidence.verdicts]
    if "train_loss" in [metric.name for metric in metrics]:
        yield "training"
    yield from ("error", "forest")
    if evidence.theory:
        yield "predictions"
    if evidence.trials:
        yield "best-so-far"
    for metric in metrics:
        yield metric.figure or "error"
