"""A sentence on interactions: how large a difference is in one place and another."""

from __future__ import annotations

from collections.abc import Sequence

from resbench.core.cell import Cell
from resbench.report.format import capitalised, decimals, number
from resbench.report.labels import Labels, listed
from resbench.report.statistics.interaction import InteractionContrast
from resbench.report.wording.answer.comparing import by_outcome
from resbench.report.wording.answer.parts import EQUAL, HIGHER, LOWER, Part
from resbench.report.wording.answer.places import Places
from resbench.report.wording.answer.size import confounded, outcome_words, unit

_WORDS = {LOWER: "less than", HIGHER: "more than", EQUAL: "equal to"}


def gaps_sentence(parts: Sequence[Part], labels: Labels) -> str:
    """`Errors with A minus errors with B: 9 and 8,672 in 10,000 at 22 and 100 layers, more than −17 at 10 layers.`"""
    known = [part for part in parts if isinstance(part.judged.contrast, InteractionContrast)]
    if not known:
        return ""
    judged, metric = known[0].judged, known[0].metric
    assert judged.subtracted is not None
    ours, theirs = known[0].names(labels)
    what = "errors" if metric.by_image else metric.words
    places = Places([_first(part) for part in known] + [_second(known[0])], labels)
    last = f"{_gap(known[0], 1)}{places.words([_second(known[0])])}"
    texts = []
    for group in by_outcome(known):
        gaps = listed(_gap(part, 0) for part in group)
        where = places.words([_first(part) for part in group])
        if group[0].outcome in _WORDS:
            texts.append(f"{gaps}{unit(group)}{where}, {_WORDS[group[0].outcome]} {last}{confounded(group)}")
        else:
            texts.append(f"{gaps}{unit(group)}{where} and {last}, where {outcome_words(group[0])}{confounded(group)}")
    return f"{capitalised(what)} with {ours} minus {what} with {theirs}: {'; '.join(texts)}."


def _first(part: Part) -> Cell:
    assert part.judged.subtracted is not None
    return {**part.context, **part.judged.subtracted.first}


def _second(part: Part) -> Cell:
    assert part.judged.subtracted is not None
    return {**part.context, **part.judged.subtracted.second}


def _gap(part: Part, which: int) -> str:
    """The difference in the first place or the second."""
    contrast, metric = part.judged.contrast, part.metric
    assert isinstance(contrast, InteractionContrast)
    value = (contrast.ours, contrast.theirs)[which]
    if metric.by_image:
        return number(1e4 * value)
    half = metric.factor * (contrast.interval.high - contrast.interval.low) / 2
    return number(metric.factor * value, f",.{decimals(half, metric.digits)}f")
