"""Numbers and cells as text for people: fractions become percent, absent numbers a dash.

What has an interval is rounded to it (`decimals`); files for programs keep all digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from resbench.core.cell import Cell
from resbench.core.text import show
from resbench.records.metrics import Metric
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.interval import Interval

DASH = "–"
_HUGE, _TINY = 1e9, 1e-3
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MANY_SEEDS, _MANY_IMAGES = 1000, 1_000_000  # beyond these a plan from the noise of a few seeds says no more
_SPARE = 1.2  # times as many images as there are, below which two digits may not tell the two apart
_LEVELS = (0.05, 0.025)  # p values that must not look like these, as a verdict depends on the side


def percent(fraction: float) -> str:
    """`0.9923` -> `99.23`."""
    return DASH if math.isnan(fraction) else f"{100 * fraction:.2f}"


def decimals(half: float, otherwise: int = 2) -> int:
    """Decimals that the half-width of an interval justifies: two significant digits of it at most, one at least.

    None from a half-width of 10 on, one from 1 on, two from 0.01 on, and then as many as show its first digit.

    Args:
        otherwise: without a half-width, or with one of 0.
    """
    if not (math.isfinite(half) and half > 0):
        return otherwise
    first = math.floor(math.log10(half))
    return max(1 - first, 0) if first >= -1 else max(-first, 2)


def within(mean: float, low: float, high: float) -> str:
    """`99.23 [99.05, 99.38]` of shares, or the mean alone where there is no interval; no limit below 0 or above 100."""
    if math.isnan(low):
        return percent(mean)
    low, high = max(low, 0.0), min(high, 1.0)
    mean_text, *limits = (f"{100 * value:.{decimals(50 * (high - low))}f}" for value in (mean, low, high))
    return f"{mean_text if mean == mean else DASH} [{', '.join(limits)}]"


def alike(values: Sequence[float], half: float) -> list[str]:
    """Means as text, rounded alike: to the half-width of the interval of their difference, in four digits at most.

    In more only where they would look the same; without an interval in three.
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    first = math.floor(math.log10(largest)) if largest > 0 else 2
    exact = decimals(half, max(2 - first, 0))
    for digits in (min(exact, max(3 - first, 0)), exact):
        texts = [number(value, f",.{digits}f") for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def mean_text(value: float, low: float, high: float) -> str:
    """`6.2 [5.6, 6.8]` of any number, rounded to its interval; three digits where there is none."""
    if math.isnan(low):
        return significant(value, 3)
    numbers = (value, low, high)
    half = (high - low) / 2
    form = f",.{decimals(half)}f" if max(map(abs, numbers)) >= _TINY else ".1e"
    places = (
        1 - math.floor(math.log10(half)) if 100 <= half < math.inf else 99
    )  # tens, hundreds and more are rounded away too
    mean, *limits = (number(round(one, places), form) for one in numbers)
    return f"{mean} [{', '.join(limits)}]"


def significant(value: float, digits: int = 2) -> str:
    """`0.026`, `5,800`: so many significant digits, and no exponent where a reader can do without."""
    if math.isnan(value) or value == 0 or math.isinf(value) or not 1e-6 < abs(value) < _HUGE:
        return number(value, ".1e" if value else "g")
    places = digits - 1 - math.floor(math.log10(abs(value)))
    return number(round(value, places), f",.{max(places, 0)}f")


def number(value: float, form: str = ",.0f") -> str:
    """A number with a true minus, or a dash where there is none; what diverged has many digits, and two of them do."""
    form = f"{'+' if form.startswith('+') else ''}.1e" if abs(value) >= _HUGE and "." in form else form
    return DASH if math.isnan(value) else format(value, form).replace("-", "−")


def power_text(value: float, digits: int = 2) -> str:
    """A large number in powers of ten: `2×10¹⁵`, with so many decimals at most; others as they are."""
    if not value > 0 or 1e-4 <= value < 1e6:
        return f"{value:,g}".replace("-", "−")
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    power = f"10{str(int(exponent)).translate(_RAISED)}"
    return power if float(mantissa) == 1 else f"{float(mantissa):g}×{power}"


def planned_seeds(seeds: int) -> str:
    """`41`, `640`: a number of seeds from a plan, in two digits; `> 1,000` where a plan says no more."""
    return f"> {MANY_SEEDS:,}" if seeds > MANY_SEEDS else significant(seeds) if seeds >= 100 else str(seeds)


def planned_images(images: int, present: int | None) -> str:
    """`about 26,000`: a number of test images from a plan, in three digits where it is close to that of those that there are."""
    if images > _MANY_IMAGES:
        return f"more than {_MANY_IMAGES:,}"
    return f"about {significant(images, 3 if present and images < _SPARE * present else 2)}"


def signed(value: float, digits: int = 2) -> str:
    """`+0.12`, `−0.07`; what rounds to nothing keeps its sign, and 0 has none."""
    return number(value, f"+.{digits}f") if value else f"{0:.{digits}f}"


def p_text(p: float) -> str:
    """`= .012`, `< .001`; next to a level with as many digits as show its side, `= .0496`."""
    if math.isnan(p) or p < 0.001:
        return DASH if math.isnan(p) else "< .001"
    digits = 3
    while digits < 8 and any(round(p, digits) == level != p for level in _LEVELS):
        digits += 1
    return f"= {p:.{digits}f}".replace("0.", ".", 1)


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


def rounded(value: float, low: float, high: float, metric: Metric, margin: float | None = None) -> tuple[str, str]:
    """A difference and its limits as text, `−0.12` and `[−0.18, −0.06]`, rounded to the interval.

    Args:
        value, low, high: as differences are shown, in points for shares, of which no limit lies beyond 100. Without limits
            (NaN) the second text is empty, and the first has two decimals of points, else two digits.
        margin: which a limit must not look like, unless it is equal to it.
    """
    if math.isnan(low):
        return signed(value, 2 if metric.proportion else decimals(abs(value) / 10)), ""
    if metric.proportion:
        low, high = max(low, -100.0), min(high, 100.0)
    digits = decimals((high - low) / 2, decimals(abs(value) / 10))
    while digits < 8 and any(round(abs(end), digits) == margin != abs(end) for end in (low, high)):
        digits += 1
    return signed(value, digits), f"[{signed(low, digits)}, {signed(high, digits)}]"


def interval_texts(interval: Interval, metric: Metric, margin: float | None = None) -> tuple[str, str]:
    """The same of an interval as statistics have it."""
    value, low, high = (metric.factor * one for one in (interval.estimate, interval.low, interval.high))
    return rounded(value, low, high, metric, margin)


def margin_text(margin: float, metric: Metric) -> str:
    """`0.05 points`, `1 point`."""
    text = f"{margin:g} {metric.unit}".rstrip()
    return "1 point" if text == "1 points" else text


def difference_text(contrast: Contrast, metric: Metric) -> str:
    """`−0.12 points [−0.18, −0.06]`."""
    value, limits = interval_texts(contrast.interval, metric)
    return " ".join(filter(None, [value, metric.unit, limits]))


def change_text(change: Interval) -> str:
    """A relative change, `−15 % [−24, −5]`, or of a multiple `39 times [36, 42]`; nothing where it has no interval."""
    if math.isnan(change.low):
        return ""
    if change.estimate > 2:
        mean, limits = mean_text(*(1 + value for value in change[:3])).split(" ", 1)
        return f"{mean} times {limits}"
    estimate, low, high = (100 * value for value in change[:3])
    digits = min(decimals((high - low) / 2, 0), 0 if abs(estimate) >= 10 else 1)  # two of a percentage do
    return f"{signed(estimate, digits)} % [{signed(low, digits)}, {signed(high, digits)}]"


def name_of(cell: Cell) -> str:
    """A cell in words, `model.depth 58, model.shortcut none`."""
    return ", ".join(f"{path} {show(value)}" for path, value in cell.items()) or "the only cell"


def capitalised(text: str) -> str:
    """The text with a capital at its beginning."""
    return text[:1].upper() + text[1:]
