"""Numbers and cells as text for people: fractions become percent with two decimals, absent numbers a dash."""

from __future__ import annotations

import math

from resbench.core.cell import Cell
from resbench.core.text import show
from resbench.records.metrics import Metric
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.interval import Interval

DASH = "–"
_HUGE = 1e9


def percent(fraction: float) -> str:
    """`0.9923` -> `99.23`."""
    return DASH if math.isnan(fraction) else f"{100 * fraction:.2f}"


def within(mean: float, low: float, high: float) -> str:
    """`99.23 [99.05, 99.38]` of shares, or the mean alone where there is no interval."""
    return percent(mean) + ("" if math.isnan(low) else f" [{percent(low)}, {percent(high)}]")


def number(value: float, form: str = ",.0f") -> str:
    """A number with a true minus, or a dash where there is none; what diverged has many digits, and two of them do."""
    form = ".1e" if abs(value) >= _HUGE and "." in form else form
    return DASH if math.isnan(value) else format(value, form).replace("-", "−")


def signed(value: float, digits: int = 2) -> str:
    """`+0.12`, `−0.07`; more digits where two would show nothing."""
    if math.isnan(value):
        return DASH
    if value and abs(value) < 0.5 * 10.0**-digits:
        return f"{value:+.1e}".replace("-", "−")
    return f"{value:+.{digits}f}".replace("-", "−")


def p_text(p: float) -> str:
    """`= .012`, `< .001`."""
    return DASH if math.isnan(p) else "< .001" if p < 0.001 else f"= {p:.3f}".replace("0.", ".", 1)


def p_cell(p: float) -> str:
    """The same for a column of p values: `.012`."""
    return p_text(p).removeprefix("= ")


def value_text(value: float, metric: Metric) -> str:
    """A metric as a reader expects it: shares in percent."""
    if math.isnan(value):
        return DASH
    if metric.proportion:
        return f"{100 * value:.2f}"
    return number(value) if metric.exact else number(value, ".4f")


def interval_text(interval: Interval, metric: Metric) -> str:
    """The limits of a difference: `[−0.18, −0.06]`."""
    low, high = (signed(metric.factor * limit, metric.digits) for limit in (interval.low, interval.high))
    return f"[{low}, {high}]"


def difference_text(contrast: Contrast, metric: Metric) -> str:
    """`−0.12 points [−0.18, −0.06]`."""
    text = f"{signed(metric.factor * contrast.interval.estimate, metric.digits)} {metric.unit}".rstrip()
    return text if math.isnan(contrast.interval.low) else f"{text} {interval_text(contrast.interval, metric)}"


def name_of(cell: Cell) -> str:
    """A cell in words, `model.depth 58, model.shortcut none`."""
    return ", ".join(f"{path} {show(value)}" for path, value in cell.items()) or "the only cell"


def context_text(context: Cell) -> str:
    """Where a comparison is made: ` at model.depth 34`, or nothing."""
    return f" at {name_of(context)}" if context else ""


def capitalised(text: str) -> str:
    """The text with a capital at its beginning."""
    return text[:1].upper() + text[1:]
