"""A sentence on what happens along an axis of numbers: `errors in 10,000 rise from 112 at 34 layers to 467 at 100`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from resbench.core.cell import Cell, Value
from resbench.core.text import show
from resbench.report.format import capitalised, margin_text
from resbench.report.labels import Labels, differing
from resbench.report.wording.answer.comparing import UNCLAIMED
from resbench.report.wording.answer.parts import EQUAL, HIGHER, LOWER, NO_WORSE, Part, changed
from resbench.report.wording.answer.places import Places, is_number
from resbench.report.wording.answer.size import confounded, outcome_words, share_text


def step_path(part: Part) -> str:
    """The axis of numbers that alone tells two sides apart; empty if there is none."""
    ours, theirs = part.sides
    paths = differing(ours, theirs)
    numbers = len(paths) == 1 and is_number(ours[paths[0]]) and is_number(theirs[paths[0]])
    return paths[0] if numbers else ""


def lines_of(parts: Sequence[Part]) -> list[list[Part]]:
    """The steps in each place, what was claimed first."""
    lines: dict[tuple[bool, str], list[Part]] = {}
    for part in parts:
        lines.setdefault((part.claimed, show(_plain(part.context))), []).append(part)
    return sorted(lines.values(), key=lambda line: not line[0].claimed)


def line_sentence(line: Sequence[Part], path: str, labels: Labels, places: Places) -> str:
    """What happens along an axis in one place, by each metric."""
    metrics: dict[str, list[Part]] = {}
    for part in line:
        metrics.setdefault(part.metric.name, []).append(part)
    where = places.words([line[0].context]).strip()
    first, *others = (sorted(every, key=lambda part: _ends(part, path)) for every in metrics.values())
    ends = {_ends(part, path) for part in first}
    texts = [_line(first, path, labels)]
    for every in others:
        known = len(every) == 1 and _verb(every[0], path) and _ends(every[0], path) in ends
        texts.append(_briefly(every[0], path) if known else _line(every, path, labels))
    opening = ("" if line[0].claimed else UNCLAIMED) + (f"{where}, " if where else "")
    return f"{capitalised(opening + ', and '.join(texts))}."


def _briefly(part: Part, path: str) -> str:
    """A step between ends that were named: `the training loss rises from 0.42 to 2.30`."""
    low, high = (text.split(" [")[0] for _, text in _sorted(part, path))
    return f"the {part.metric.words} {_verb(part, path)}s from {low} to {high}"


def _plain(cell: Cell) -> Value:
    return [f"{path} {show(value)}" for path, value in cell.items()]


def _ends(part: Part, path: str) -> tuple[float, float]:
    ends = sorted(_at(cell, path) for cell in part.sides)
    return ends[0], ends[1]


def _at(cell: Cell, path: str) -> float:
    value = cell[path]
    assert isinstance(value, int | float)
    return value


def _line(parts: Sequence[Part], path: str, labels: Labels) -> str:
    """The steps in one place by one metric, those that follow each other in one direction together."""
    metric = parts[0].metric
    subject = "errors in 10,000" if metric.by_image else f"the {metric.words}"
    ending = "" if metric.by_image else "s"
    texts: list[str] = []
    before: Part | None = None
    for part in parts:
        low, high = _value(part, path, 0, labels), _value(part, path, 1, labels)
        verb = _verb(part, path)
        follows = before is not None and _ends(before, path)[1] == _ends(part, path)[0]
        if verb and follows and before is not None and verb == _verb(before, path):
            texts[-1] += f" and {high}"
        elif verb:
            texts.append(f"{'' if texts else f'{subject} '}{verb}{ending}{_by(part, parts)} from {low} to {high}")
        else:
            texts.append(
                f"{'' if texts else f'{subject} '}{'are' if ending == '' else 'is'} {low} and {high} ({_unsettled(part)}{confounded([part])})"
            )
        before = part
    return ", then ".join(texts) + confounded([part for part in parts if _verb(part, path)])


def _by(part: Part, parts: Sequence[Part]) -> str:
    """` by 17 %`, of a single step that has a size."""
    change = changed(part)
    if len(parts) > 1 or math.isnan(change) or not -1 < change < 1:
        return ""
    lower_side_is_theirs = _at(part.sides[1], step_path(part)) < _at(part.sides[0], step_path(part))
    return f" by {share_text(part)}" if lower_side_is_theirs else ""


def _value(part: Part, path: str, side: int, labels: Labels) -> str:
    """`112 at 34 layers`, of the lower end or the higher."""
    cell, text = _sorted(part, path)[side]
    name = labels.short(path, cell[path]) if side else labels.value(path, cell[path])
    number = labels.value(path, cell[path])[:1].isdigit()
    return f"{text} {'at' if number else 'with'} {name}"


def _sorted(part: Part, path: str) -> list[tuple[Cell, str]]:
    """Both sides with their values, the lower end first."""
    return sorted(zip(part.sides, part.values, strict=True), key=lambda end: _at(end[0], path))


def _verb(part: Part, path: str) -> str:
    """What happens to the metric towards the higher end, if that is known."""
    if part.outcome not in (LOWER, HIGHER) or part.by_fate:
        return ""
    upwards = _at(part.sides[0], path) > _at(part.sides[1], path)
    return "rise" if (part.outcome == HIGHER) == upwards else "fall"


def _unsettled(part: Part) -> str:
    margin = margin_text(part.claim.margin, part.metric)
    if part.outcome == EQUAL:
        return f"equal within ±{margin}"
    if part.outcome == NO_WORSE:
        return f"no {'more' if part.claim.direction == 'not_higher' else 'fewer'} to within {margin}"
    return outcome_words(part)
