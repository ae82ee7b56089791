"""A sentence on interactions: how large a difference is in one place and another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from resbench.core.cell import Cell
from resbench.report.format import capitalised, decimals, margin_text, number
from resbench.report.labels import Labels, listed
from resbench.report.statistics.interaction import InteractionContrast
from resbench.report.wording.answer.comparing import by_outcome
from resbench.report.wording.answer.parts import EQUAL, HIGHER, LOWER, NO_WORSE, OPEN, Part
from resbench.report.wording.answer.places import Places
from resbench.report.wording.answer.size import UNSETTLED, confounded, outcome_words, unit

_OTHER = {"saves": "costs", "costs": "saves", "": ""}


class _Gaps(NamedTuple):
    """How differences are said: `saves` those of the sides as they stand, `costs` them with the sign turned.

    Attributes:
        verb: none, of what is no number of errors.
        sign: of what is said, against the difference.
    """

    verb: str
    sign: int

    def turned(self) -> _Gaps:
        return _Gaps(_OTHER[self.verb], -self.sign)


def gaps_sentence(parts: Sequence[Part], labels: Labels) -> str:
    """`Using B rather than A saves 9 and 8,672 errors in 10,000 at 22 and 100 layers, more than at 10 layers (−17).`"""
    known = [part for part in parts if isinstance(part.judged.contrast, InteractionContrast)]
    if not known:
        return ""
    places = Places([_first(part) for part in known] + [_second(known[0])], labels)
    opening, gaps = _opening(known, *known[0].names(labels))
    texts: list[str] = []
    before = gaps
    for group in by_outcome(known):
        said = gaps.turned() if gaps.verb and all(gaps.sign * _means(part)[0] < 0 for part in group) else gaps
        verb = f"{said.verb} " if said.verb and (not texts or said != before) else ""
        texts.append(f"{verb}{_group(group, said, places, not texts)}{confounded(group)}")
        before = said
    return f"{capitalised(opening)}{'; '.join(texts)}."


def _opening(known: Sequence[Part], ours: str, theirs: str) -> tuple[str, _Gaps]:
    """The sides, the one that mostly has fewer errors first, but an absence last: no one uses `no shortcut`."""
    metric = known[0].metric
    if not metric.by_image:
        return f"the {metric.words} with {ours} minus that with {theirs}: ", _Gaps("", 1)
    saves = sum(_means(part)[0] > 0 for part in known) * 2 >= len(known)  # theirs has fewer errors
    gaps = _Gaps("saves", 1) if saves else _Gaps("saves", -1)
    first, second = (theirs, ours) if saves else (ours, theirs)
    if first.startswith("no ") and not second.startswith("no "):
        first, second, gaps = second, first, _Gaps("costs", gaps.sign)
    return f"using {first} rather than {second} ", gaps


def _group(group: Sequence[Part], said: _Gaps, places: Places, opens: bool) -> str:
    """The places with one outcome against the other place."""
    first = group[0]
    counted = first.metric.by_image and opens
    values = listed(_gap(part, 0, said.sign) for part in group)
    text = f"{values}{' errors' if counted else ''}{unit(group) if opens else ''}"
    text += places.words([_first(part) for part in group])
    where, last = places.words([_second(first)]), _gap(first, 1, said.sign)
    margin = margin_text(first.claim.margin, first.metric)
    if first.outcome in (LOWER, HIGHER, EQUAL, NO_WORSE):
        beyond = f" (whether by more than {margin} is open)" if first.beyond else ""
        within = f", to within {margin}" if first.outcome in (EQUAL, NO_WORSE) and first.claim.margin else ""
        return f"{text}, {_than(first, said.sign)}{where} ({last}){within}{beyond}"
    if first.outcome != OPEN:
        return f"{text} and {last}{where}: {outcome_words(first)}"
    these = "these differ" if len(group) == 1 else f"the first {len(group)} differ from the last"
    by = f" by {margin}" if first.claim.against_margin else ""
    return f"{text} and {last}{where}; whether {these}{by} is {UNSETTLED}"


def _than(part: Part, sign: int) -> str:
    """`more than`, of what is said and not of the difference itself."""
    low, high = ("fewer", "more") if part.metric.by_image else ("less", "more")
    if part.outcome == EQUAL:
        return "as many as" if part.metric.by_image else "the same as"
    if part.outcome == NO_WORSE:
        return f"no {low if (part.claim.direction == 'not_lower') == (sign > 0) else high} than"
    return f"{high if (part.outcome == HIGHER) == (sign > 0) else low} than"


def _means(part: Part) -> tuple[float, float]:
    """The difference in both places."""
    assert part.judged.contrast is not None
    return part.judged.contrast.ours, part.judged.contrast.theirs


def _first(part: Part) -> Cell:
    assert part.judged.subtracted is not None
    return {**part.context, **part.judged.subtracted.first}


def _second(part: Part) -> Cell:
    assert part.judged.subtracted is not None
    return {**part.context, **part.judged.subtracted.second}


def _gap(part: Part, which: int, sign: int) -> str:
    """The difference in the first place or the second."""
    contrast, metric, value = part.judged.contrast, part.metric, sign * _means(part)[which]
    assert contrast is not None
    if metric.by_image:
        return number(1e4 * value)
    half = metric.factor * (contrast.interval.high - contrast.interval.low) / 2
    return number(metric.factor * value, f",.{decimals(half, metric.digits)}f")
