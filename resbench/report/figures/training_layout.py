"""Which training curves a figure draws: a panel for each arm that the study compares, a line for each depth within it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from resbench.core.cell import Value
from resbench.core.text import plural, show
from resbench.records.curve import Curve
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.probed import evenly
from resbench.report.figures.scale import is_numeric
from resbench.report.figures.styles import Arms, Colors
from resbench.report.theme import ordered_colors

_MOST_PANELS = 3
_MOST_LINES = 6  # of a panel
_FEWEST = 2  # lines of a panel on average; with fewer, all of them have one
_GROWTH = "recipe.grow"


@dataclass(frozen=True)
class Line:
    """A line of the figure: the runs of a cell.

    Attributes:
        cell: its number in the study.
        panel: what its panel is called; empty if there is one.
        name: of its arm, which has its style.
        value: of the ordered axis; None without one.
    """

    cell: int
    panel: str
    name: str
    value: Value


@dataclass(frozen=True)
class Layout:
    """What is drawn where.

    Attributes:
        across: the axis that makes the panels; None if there is one.
        order: the axis with numbers whose order colours tell; None where colours are those of arms.
        arms: the styles of the lines.
        lines: in the order of panels.
        left_out: what is not drawn, in sentences.
    """

    across: str | None
    order: str | None
    arms: Arms
    lines: Sequence[Line]
    left_out: Sequence[str]

    @property
    def panels(self) -> list[str]:
        return list(dict.fromkeys(line.panel for line in self.lines))


def curves_of(evidence: Evidence, cell: int) -> dict[str, Curve]:
    """Run id -> curve, of the runs of a cell that have one."""
    records = evidence.study.by_id
    ids = [run_id for run_id in evidence.study.cells[cell][2]["id"] if run_id in records]
    return {run_id: curve for run_id in ids if (curve := records[run_id].curve) and curve.train_loss}


def is_recorded(evidence: Evidence) -> bool:
    """Whether at least half of the runs with a result have a curve."""
    records = [record for record in evidence.study.records if record.finished]
    return bool(records) and 2 * sum(bool(r.curve and r.curve.train_loss) for r in records) >= len(records)


def lay_out(evidence: Evidence) -> Layout:
    """The panels and the lines. Networks that grow have a figure of their own, if there are others."""
    cells = evidence.frame.to_dict("records")
    known = [number for number in range(len(cells)) if curves_of(evidence, number)]
    level = [number for number in known if show(cells[number].get(_GROWTH, "none")) == "none"]
    frame = evidence.frame.iloc[level or known]
    across = _across(evidence, frame)
    left_out = []
    if across:
        shown = _panel_values(evidence, frame, across)
        others = [value for value in dict.fromkeys(map(show, frame[across])) if value not in shown]
        left_out += [f"Not drawn: {', '.join(evidence.labels.value(across, one) for one in others)}."] if others else []
        frame = pd.concat([frame[[show(value) == one for value in frame[across]]] for one in shown])
    part = _few(evidence, frame, across)
    if len(part) < len(frame):
        left_out.append(f"{len(part)} of {plural(len(frame), 'line')} are drawn.")
    arms, order = _arms(evidence, part, across)
    panel = {show(value): evidence.labels.value(across, value) for value in part[across]} if across else {}
    lines = [
        Line(
            int(number),
            panel.get(show(cell[across]), "") if across else "",
            arms.name(cell),
            cell[order] if order else None,
        )
        for number, cell in zip(part.index, part.to_dict("records"), strict=True)
    ]
    return Layout(across, order, arms, lines, left_out)


def _varying(evidence: Evidence, frame: pd.DataFrame) -> list[str]:
    """The axes that tell these cells apart, but for those that follow from x."""
    return [a for a in evidence.study.axes if a not in evidence.along and len(set(map(show, frame[a]))) > 1]


def _across(evidence: Evidence, frame: pd.DataFrame) -> str | None:
    """The axis that makes the panels: that of the colours of other figures, where panels have several lines."""
    axis, axes = evidence.colors.axis, _varying(evidence, frame)
    if axis not in axes or len(axes) < 2 or len(frame) < _FEWEST * len(set(map(show, frame[axis]))):
        return None
    return axis


def _arms(evidence: Evidence, frame: pd.DataFrame, across: str | None) -> tuple[Arms, str | None]:
    """The styles of lines, and the axis whose order colours tell: numbers that are all that tells lines of a panel apart."""
    rest = [axis for axis in _varying(evidence, frame) if axis != across]
    order = rest[0] if len(rest) == 1 and rest[0] != evidence.colors.axis and is_numeric(list(frame[rest[0]])) else None
    if order is None:
        return evidence.arms_by(rest or evidence.study.axes[:1]), None
    values = sorted(set(frame[order]))
    colors = dict(zip(map(show, values), ordered_colors(len(values)), strict=True))
    return Arms(frame, rest, Colors(order, colors), evidence.labels), order


def _panel_values(evidence: Evidence, frame: pd.DataFrame, across: str) -> list[str]:
    """The baseline's value, then those that claims speak of, or, if they name none, the others."""
    values = list(dict.fromkeys(map(show, frame[across])))
    claimed = [value for value in dict.fromkeys(map(show, _claimed(evidence, across))) if value in values]
    first = show(evidence.study.baseline[across]) if across in evidence.study.baseline else (claimed or values)[0]
    chosen = dict.fromkeys([first, *claimed] if set(claimed) - {first} else [first, *values])
    return [value for value in chosen if value in values][:_MOST_PANELS]


def _claimed(evidence: Evidence, axis: str) -> Iterator[Value]:
    """The values of an axis that claims name, those that others are compared to first."""
    for claim in evidence.study.claims:
        yield from (side[axis] for side in (claim.to, claim.compare) if axis in side)
        yield from claim.at.get(axis) or ()


def _few(evidence: Evidence, frame: pd.DataFrame, across: str | None) -> pd.DataFrame:
    """The cells, or, where a panel would have too many lines, those like the baseline; then evenly chosen ones."""

    def crowded() -> bool:
        counts = Counter(map(show, frame[across])) if across else Counter(all=len(frame))
        return max(counts.values(), default=0) > _MOST_LINES

    rest = [axis for axis in _varying(evidence, frame) if axis != across]
    for axis in reversed([axis for axis in rest if axis != evidence.x]):
        usual: Any = evidence.study.baseline.get(axis, frame[axis].iloc[0])
        alike = frame[[show(one) == show(usual) for one in frame[axis]]]
        if crowded() and len(alike) > _FEWEST:
            frame = alike
    if crowded():
        names = [" ".join(show(cell[axis]) for axis in rest) for cell in frame.to_dict("records")]
        kept = set(evenly(list(dict.fromkeys(names)), _MOST_LINES))
        frame = frame[[name in kept for name in names]]
    return frame
