"""What the looks of a plan have said of a comparison, in words."""

from __future__ import annotations

from resbench.records.metrics import Metric
from resbench.report.format import interval_texts
from resbench.report.looks.sequential import LookHistory


def look_clauses(history: LookHistory | None, metric: Metric) -> list[str]:
    """`decided at look 2 of 3 (10 seeds), repeated interval [−0.2, −0.1]`; nothing where no looks are planned."""
    if history is None:
        return []
    sizes, done = history.plan.sizes, len(history.done)
    if not done:
        return [f"no verdict before look 1 of {len(sizes)}, at {sizes[0]} seeds"]
    last, place = history.done[-1], f"look {done} of {len(sizes)} ({sizes[done - 1]} seeds)"
    limits = f", repeated interval {interval_texts(last.test.interval, metric)[1]}" if last.test.interval else ""
    if history.decided:
        return [f"decided at {place}{limits}"]
    if history.futile:
        return [f"stopped for futility at {place}{limits}: its last look would hardly have decided it"]
    if history.open:
        return [f"open after {place}{limits}; the next look is at {history.asked} seeds"]
    return [f"open after {place}{limits}" + (", the last" if done == len(sizes) else "")]


def over_looks(history: LookHistory | None) -> str:
    """What a p value is over: ` over the looks so far`; nothing where no looks are planned."""
    return " over the looks so far" if history and history.done else ""
