"""What looks at a comparison have said, in words: planned ones, and those that were not planned."""

from __future__ import annotations

import math
from collections.abc import Sequence

from resbench.records.metrics import Metric
from resbench.report.format import interval_texts, p_text
from resbench.report.looks.sequential import LookHistory
from resbench.report.looks.unplanned import looking_error
from resbench.report.planning import ALPHA
from resbench.report.statistics.contrast import Contrast
from resbench.report.verdicts import ContrastVerdict

WITH_FIRST_LOOK = 6  # per cent: an ordinary p at the first look, at all others the larger of it and the anytime p
_ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


def look_clauses(history: LookHistory | None, metric: Metric, margin: float) -> list[str]:
    """`decided at look 2 of 3 (10 seeds), repeated interval [−0.2, −0.1]`; nothing where no looks are planned.

    Args:
        margin: of the claim, as differences are shown.
    """
    if history is None:
        return []
    sizes, done = history.plan.sizes, len(history.done)
    if not done:
        return [f"no verdict before look 1 of {len(sizes)}, at {sizes[0]} seeds"]
    last, place = history.done[-1], f"look {done} of {len(sizes)} ({sizes[done - 1]} seeds)"
    limits = (
        f", repeated interval {interval_texts(last.test.interval, metric, margin)[1]}" if last.test.interval else ""
    )
    if history.decided:
        return [f"decided at {place}{limits}"]
    if history.futile:
        return [f"stopped for futility at {place}{limits}: its last look would hardly have decided it"]
    if history.barred:
        return [f"stopped at {place}: more seeds cannot decide it"]
    if history.open:
        return [f"open after {place}{limits}; the next look is at {history.asked} seeds"]
    return [f"not decided at {place}{limits}" + (", the last" if done == len(sizes) else "")]


def within_looks(history: LookHistory, one_sided: bool) -> str:
    """The p value of a difference of the margin or more, `one-sided p over the looks so far = .012`.

    Args:
        one_sided: whether only one side of the margin matters.
    """
    what = "one-sided p" if one_sided else "p of a difference beyond it"
    p = history.done[-1].test.sequential.within if history.done else math.nan
    return f"{what}{over_looks(history)} {p_text(p)}"


def over_looks(history: LookHistory | None) -> str:
    """What a p value is over: ` over the looks so far`; nothing where no looks are planned."""
    return " over the looks so far" if history and history.done else ""


def looking_clause(contrast: Contrast, judged: ContrastVerdict) -> list[str]:
    """What readings before do to p: `third look ...: the chance of a false verdict is about 11 %, not 5`."""
    earlier = judged.earlier
    if judged.looks:
        return late_plan(judged, "t")
    if not earlier:
        return []
    error = 100 * looking_error(contrast, earlier)
    return [
        f"{unplanned_look(earlier)}: at p < {ALPHA:g} the chance of a false verdict is about {error:.0f} %, not "
        f"{100 * ALPHA:g}, so p is {anytime_test('t')}; the first look had its ordinary p, so that all looks together err in "
        f"about {WITH_FIRST_LOOK} %"
    ]


def unplanned_look(earlier: Sequence[int]) -> str:
    """`third look, and not planned (read before at 5, 10 seeds)`."""
    number = len(earlier) + 1
    nth = _ORDINALS[number] if number < len(_ORDINALS) else f"{number}th"
    return f"{nth} look, and not planned ({_before(earlier)})"


def anytime_test(kind: str) -> str:
    """Whose p is shown: `that of a t test which holds at every number of seeds, where it is the larger`."""
    return f"that of a {kind} test which holds at every number of seeds, where it is the larger"


def _before(earlier: Sequence[int]) -> str:
    return f"read before at {', '.join(map(str, earlier))} seeds"


def late_plan(judged: ContrastVerdict, kind: str) -> list[str]:
    """That a plan of looks was made after results, and whose p it is; nothing where it stood first."""
    if not judged.looks or not any(one.test.late for one in judged.looks.done):
        return []
    read = f" ({_before(judged.earlier)})" if judged.earlier else ""
    return [f"the plan of looks was stated or changed after results{read}, so p of each look is {anytime_test(kind)}"]
