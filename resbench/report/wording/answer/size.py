"""Sizes in words: `a third fewer`, `78 against 112`, `open (77 against 86)`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from resbench.report.format import margin_text, number
from resbench.report.labels import listed
from resbench.report.wording.answer.parts import (
    BARRED,
    EQUAL,
    FEW,
    HIGHER,
    LOWER,
    NO_WORSE,
    SAME,
    UNTRAINED,
    Part,
    changed,
)

_FRACTIONS = ((0.25, 0.02, "a quarter"), (1 / 3, 0.025, "a third"), (0.5, 0.03, "half"), (2 / 3, 0.025, "two thirds"))
UNSETTLED = "not settled"
_ROUGH = 0.1  # half-width from which a share is rounded to tens


def against(parts: Sequence[Part], counted: bool = True) -> str:
    """`77, 78 and 78 against 112, 305 and 8,750 [untrained] in 10,000`.

    Args:
        counted: whether to say what is counted.
    """
    ours, theirs = zip(*(part.values for part in parts), strict=True)
    return f"{listed(ours)} against {listed(theirs)}" + (unit(parts) if counted else "") + confounded(parts)


def unit(parts: Sequence[Part]) -> str:
    """What is counted: errors in 10,000, other shares in points, or runs that did not train."""
    first = parts[0]
    if first.by_fate:
        return ""
    return " in 10,000" if first.metric.by_image else " points" if first.metric.proportion else ""


def confounded(parts: Sequence[Part]) -> str:
    """`; their code differs too`, where something else could explain a difference."""
    names = list(dict.fromkeys(name for part in parts for name in part.judged.other.names))
    return f"; their {listed(names)} differ{'s' if len(names) == 1 else ''} too" if names else ""


def more_or_fewer(part: Part) -> str:
    """`17 % fewer errors`, `6.4 times as many errors`: how large a difference of errors is."""
    if part.by_fate:
        return "fewer runs that do not train" if part.outcome == LOWER else "more runs that do not train"
    change = changed(part)
    if math.isnan(change) or part.judged.contrast is None:
        return "fewer errors" if part.outcome == LOWER else "more errors"
    if change >= 1:
        times = 1 + change
        return f"{number(times, '.1f' if times < 10 else ',.0f')} times as many errors"
    return f"{share_text(part)} {'fewer' if change < 0 else 'more'} errors"


def share_text(part: Part) -> str:
    """The relative change of errors without its sign, `17 %`, `about a third`, rounded to its interval."""
    assert part.judged.contrast is not None
    interval = part.judged.contrast.relative_change
    share, half = abs(interval.estimate), (interval.high - interval.low) / 2
    for fraction, near, words in _FRACTIONS:
        if abs(share - fraction) < near:
            return f"about {words}"
    if half >= _ROUGH:
        return f"about {number(max(round(10 * share), 1) * 10)} %"
    return f"{number(max(100 * share, 1))} %"


def outcome_words(part: Part) -> str:
    """What is said of parts that are not the first: `more`, `as many within ±0.3 points`, `open`."""
    metric, margin = part.metric, margin_text(part.claim.margin, part.metric)
    counted = metric.by_image
    words = {
        LOWER: "fewer runs that do not train" if part.by_fate else "fewer" if counted else "lower",
        HIGHER: "more runs that do not train" if part.by_fate else "more" if counted else "higher",
        EQUAL: f"{'as many' if counted else 'the same'} within ±{margin}" if part.claim.margin else "the same",
        NO_WORSE: f"no {'fewer' if part.claim.direction == 'not_lower' else 'more'} to within {margin}",
        FEW: "no verdict yet",
        UNTRAINED: "runs did not train",
        BARRED: "not comparable",
        SAME: "one network",
    }
    return words.get(part.outcome, open_words(part)) + (
        f" (whether by more than {margin} is open)" if part.beyond else ""
    )


def open_words(part: Part) -> str:
    """What is open: `a difference of 0.1 points or more is not ruled out`, or only `not settled`."""
    if part.claim.against_margin:
        margin = margin_text(part.claim.margin, part.metric)
        more = {"not_higher": f"{margin} more", "not_lower": f"{margin} less"}.get(
            part.claim.expect, f"a difference of {margin}"
        )
        return f"{more} is not ruled out"
    return UNSETTLED


def clause(part: Part) -> str:
    """What is not decided, after the words that say where: ` it is not settled`, `, runs did not train`."""
    words = outcome_words(part)
    return f" it is {words}" if words == UNSETTLED else f", {words}"
