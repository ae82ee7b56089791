"""Comparisons in words where they may be interactions: what is compared, where, and what is known of the four arms."""

from __future__ import annotations

import math

from resbench.records.metrics import Metric
from resbench.report.comparison import Subtracted
from resbench.report.format import decimals, mean_text, signed, significant
from resbench.report.labels import Labels
from resbench.report.statistics.interaction import InteractionContrast
from resbench.report.verdicts import ContrastVerdict


def compared_text(judged: ContrastVerdict) -> str:
    """`identity shortcuts against no shortcut`, or `the difference of these, at 100 layers less that at 34 layers`."""
    ours, theirs = judged.labels.pair(judged.ours.cell, judged.theirs.cell)
    if not judged.subtracted:
        return f"{ours} against {theirs}"
    first, second = map(judged.labels.cell, judged.subtracted[:2])
    return f"the difference {ours} − {theirs}, at {first} less that at {second}"


def minus_text(judged: ContrastVerdict) -> str:
    """`identity shortcuts − no shortcut with batch norm`, for a table."""
    ours, theirs = judged.labels.pair(judged.ours.cell, judged.theirs.cell)
    less = f", {less_text(judged.subtracted, judged.labels)}" if judged.subtracted else ""
    return f"{ours} − {theirs}{judged.labels.at(judged.context)}{less}"


def place_text(judged: ContrastVerdict) -> str:
    """`batch norm`, and where the two differences of an interaction are; empty where there is but one place."""
    parts = [judged.labels.cell(judged.context)] if judged.context else []
    return ", ".join([*parts, *([less_text(judged.subtracted, judged.labels)] if judged.subtracted else [])])


def less_text(subtracted: Subtracted, labels: Labels) -> str:
    """`100 layers less 34 layers`."""
    return f"{labels.cell(subtracted.first)} less {labels.cell(subtracted.second)}"


def counts_text(contrast: InteractionContrast, judged: ContrastVerdict, metric: Metric) -> list[str]:
    """Both differences, and what a scale of ratios says of them: scale decides many interactions."""
    assert judged.subtracted is not None
    first, second = map(judged.labels.cell, judged.subtracted[:2])
    half = metric.factor * (contrast.interval.high - contrast.interval.low) / 2
    ours, theirs = (signed(metric.factor * value, decimals(half, 2)) for value in (contrast.ours, contrast.theirs))
    out = [f"{ours} {metric.unit}".rstrip() + f" at {first}, {theirs} at {second}"]
    ratio = contrast.ratio
    if not math.isnan(ratio.estimate):
        a, b, c, d = contrast.means
        out.append(
            f"the ratio of errors is {significant(a / b, 3)} at {first} and {significant(c / d, 3)} at {second}, "
            f"{mean_text(*ratio[:3])} times as large"
        )
    return out


def exact_differences(contrast: InteractionContrast) -> str:
    """Two differences of numbers without noise."""
    return " against ".join(f"{value:+,.0f}".replace("-", "−") for value in (contrast.ours, contrast.theirs))
