"""What training curves show, in a line that their numbers bear out, and in words for those who cannot see them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from resbench.core.cell import Value
from resbench.core.text import show
from resbench.report.figures.drawing import value_text
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.training_layout import Layout, Line
from resbench.report.figures.training_points import Outcome
from resbench.report.statistics.mean import mean

_NEAR = 0.1  # by which mean losses over the training may differ, and networks still learn about as fast
_NOT, _HARDLY = 0.9, 0.55  # of what guessing gives, in loss and in error, from which networks do not, or hardly, learn
_MOST_SAID = 12  # lines of an alternative text


def title(evidence: Evidence, layout: Layout, outcomes: Sequence[Outcome]) -> str:
    """How the deepest networks learn, in the first panel and in the one where they learn best; without an order, the range."""
    deep, shallow = _compared(evidence, layout)
    of_panel = {panel: _by_value(outcomes, panel) for panel in layout.panels}
    of_panel = {panel: of for panel, of in of_panel.items() if show(deep) in of}
    if layout.order is None or not of_panel:
        return _range(layout, outcomes)
    where = evidence.labels.value(layout.order, deep)
    than = evidence.labels.value(layout.order, shallow)
    texts = {
        panel: _course(of[show(deep)], of.get(show(shallow)), than, evidence.chance) for panel, of in of_panel.items()
    }
    first, *others = texts
    if not others:
        return f"With {' and '.join(filter(None, [where, first]))}, networks {texts[first]}"
    best = min(others, key=lambda panel: _finite(mean(of_panel[panel][show(deep)].overall)))
    if texts[best] == texts[first]:
        return f"With {where}, networks {texts[first]}, with {first} and with {best}"
    return f"With {where} and {first}, networks {texts[first]}; with {best} they {texts[best]}"


def _compared(evidence: Evidence, layout: Layout) -> tuple[Value, Value]:
    """The two values of the ordered axis that the title is about: those that a claim compares, or the two largest."""
    axis = layout.order
    values: list[Value] = sorted({line.value for line in layout.lines if line.value is not None}, key=_number)
    if axis is None or not values:
        return None, None
    pairs = [
        (claim.compare[axis], claim.to[axis])
        for claim in evidence.study.claims
        if axis in claim.compare and axis in claim.to and {claim.compare[axis], claim.to[axis]} <= set(values)
    ]
    return max(pairs or [(values[-1], values[-2] if len(values) > 1 else None)], key=lambda pair: _number(pair[0]))


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else -math.inf


def _by_value(outcomes: Sequence[Outcome], panel: str) -> Mapping[str, Outcome]:
    """Of a panel, the first line with each value of the ordered axis."""
    lines = [one for one in outcomes if one.line.panel == panel]
    return {show(one.line.value): one for one in reversed(lines)}


def _course(deep: Outcome, shallow: Outcome | None, than: str, chance: float) -> str:
    """What became of the deep networks: whether they learn, and if so, how fast next to the shallow ones."""
    if deep.diverged:
        return "diverge"
    if 0 < deep.untrained < deep.runs:
        return f"fail to train in {deep.untrained} of {deep.runs} runs"
    for share, verb in ((_NOT, "do not learn"), (_HARDLY, "hardly learn")):
        if _is_above(deep, share, chance):
            return verb
    speed = _speed(deep, shallow) if shallow and not shallow.untrained else ""
    return f"learn {speed} with {than}" if speed else f"end at a training loss of {value_text(mean(deep.last))}"


def _is_above(one: Outcome, share: float, chance: float) -> bool:
    """Whether loss and error are above a share of what guessing gives."""
    lost = mean(one.last) >= share * chance_loss(chance)
    return lost and (one.error != one.error or one.error >= share * chance)


def chance_loss(chance: float) -> float:
    """The loss of guessing where its error in percent is known: the logarithm of the number of classes."""
    return -math.log(1 - chance / 100) if chance < 100 else math.nan


def _speed(deep: Outcome, shallow: Outcome) -> str:
    """Slower or faster: by more than a tenth, and each seed than each other."""
    if min(len(deep.overall), len(shallow.overall)) < 2:
        return ""
    ratio = mean(deep.overall) / mean(shallow.overall)
    if abs(ratio - 1) <= _NEAR:
        return "about as fast as"
    if min(deep.overall) > max(shallow.overall):
        return "more slowly than"
    return "faster than" if max(deep.overall) < min(shallow.overall) else ""


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.inf


def _range(layout: Layout, outcomes: Sequence[Outcome]) -> str:
    """From the lowest to the highest loss at the end."""
    lasts = {one.line: mean(one.last) for one in outcomes if one.last}
    known = {line: last for line, last in lasts.items() if math.isfinite(last)}
    if not known:
        return "No run trained"
    low, high = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    ends = [f"{value_text(known[line])}{_named(layout, line)}" for line in dict.fromkeys((low, high))]
    return f"Training ends at a loss of {' to '.join(ends)}"


def _named(layout: Layout, line: Line) -> str:
    words = words_of(layout, line)
    return f" ({words})" if words else ""


def words_of(layout: Layout, line: Line) -> str:
    """What a line is called: its panel and its arm."""
    arm = layout.arms.words[line.name] if line.name != "all" else ""
    return ", ".join(filter(None, [arm, line.panel]))


def label_of(layout: Layout, one: Outcome) -> str:
    """What a line is called within its panel, and how many of its runs did not train."""
    words = layout.arms.words[one.line.name] if one.line.name != "all" else ""
    if one.diverged:
        return f"{words}: diverged"
    return f"{words} ({one.untrained} of {one.runs} did not train)" if 0 < one.untrained < one.runs else words


def alt_text(layout: Layout, outcomes: Sequence[Outcome]) -> str:
    """How each line goes."""
    texts = [f"{words_of(layout, one.line) or 'the only cell'}: {_trend(one)}" for one in outcomes]
    return f"Training loss. {'; '.join(texts[:_MOST_SAID])}{'; …' if len(texts) > _MOST_SAID else ''}."


def _trend(one: Outcome) -> str:
    if not one.last:
        return "diverged" if one.diverged else "no run trained"
    text = f"{value_text(one.first)} to {value_text(mean(one.last))}"
    return text + (f", test error {value_text(one.error)} %" if one.error == one.error else "")
