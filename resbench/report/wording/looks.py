"""What looks at a comparison have said, in words: planned ones, and those that were not planned."""

from __future__ import annotations

from collections.abc import Sequence

from resbench.records.metrics import Metric
from resbench.report.format import interval_texts
from resbench.report.looks.sequential import LookHistory
from resbench.report.looks.unplanned import looking_error
from resbench.report.planning import ALPHA
from resbench.report.statistics.contrast import Contrast

_ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


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
    if history.barred:
        return [f"ended at {place}: more seeds cannot decide it"]
    if history.open:
        return [f"open after {place}{limits}; the next look is at {history.asked} seeds"]
    return [f"open after {place}{limits}" + (", the last" if done == len(sizes) else "")]


def over_looks(history: LookHistory | None) -> str:
    """What a p value is over: ` over the looks so far`; nothing where no looks are planned."""
    return " over the looks so far" if history and history.done else ""


def looking_clause(contrast: Contrast | None, earlier: Sequence[int]) -> list[str]:
    """What the reader must know of it: `third look ...: the chance of a false verdict is about 11 %, not 5`."""
    if not earlier or contrast is None:
        return []
    number = len(earlier) + 1
    nth = _ORDINALS[number] if number < len(_ORDINALS) else f"{number}th"
    error = 100 * looking_error(contrast, earlier)
    return [
        f"{nth} look, and not planned (read before at {', '.join(map(str, earlier))} seeds): at p < {ALPHA:g} the chance of a false "
        f"verdict is about {error:.0f} %, not {100 * ALPHA:g}, so p is that of a t test which holds at every number of seeds, "
        "where it is the larger"
    ]
