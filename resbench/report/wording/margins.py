"""What the margin of a claim adds to the sentence of a comparison: within it, or what it would take to tell."""

from __future__ import annotations

import math

from resbench.core.text import plural
from resbench.records.metrics import Metric
from resbench.report.format import (
    MANY_SEEDS,
    interval_texts,
    margin_text,
    p_text,
    planned_images,
    planned_seeds,
    significant,
)
from resbench.report.planning import ALPHA, MIN_SEEDS, levels, more_seeds_range
from resbench.report.statistics.contrast import Contrast
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict
from resbench.report.wording.failures import unseen_text
from resbench.report.wording.looks import within_looks

_SIDES = {"equivalent": "within ±", "not_higher": "below +", "not_lower": "above −"}
_LARGER = {"equivalent": "a difference of", "not_higher": "an increase of", "not_lower": "a decrease of"}


def within_margin(verdict: ClaimVerdict, judged: ContrastVerdict) -> bool:
    """Whether the verdict is that there is no difference beyond the margin, or none on the side that matters."""
    return judged.state == "supported" and verdict.claim.against_margin


def beyond_text(verdict: ClaimVerdict, judged: ContrastVerdict, p: str) -> str:
    """A p value, and of a claim against a margin what it is of: `a difference of more than 0.1 points: p = .012`."""
    if not verdict.claim.against_margin:
        return p
    margin, words = margin_text(verdict.claim.margin, verdict.claim.metric), _LARGER[verdict.claim.direction]
    if judged.state == "inconclusive" and judged.p_holm >= ALPHA:
        return f"{words} more than {margin} is neither shown ({p}) nor ruled out"
    return f"{words} more than {margin}: {p}"


def margin_words(verdict: ClaimVerdict, judged: ContrastVerdict, contrast: Contrast) -> list[str]:
    """What the margin adds: small, within, or how much more it would take."""
    metric, claim = verdict.claim.metric, verdict.claim
    margin = margin_text(metric.factor * contrast.margin, metric)
    if judged.state == "equivalent" or within_margin(verdict, judged):
        one_sided = within_margin(verdict, judged) and claim.direction != "equivalent"
        side = _SIDES[claim.direction if one_sided else "equivalent"] + margin
        if judged.looks:
            shown = f"the looks show it to lie {side}, {within_looks(judged.looks, one_sided)}"
        elif one_sided:
            shown = _no_worse(contrast, claim.direction, side)
        else:
            shown = _equivalence(contrast, metric, margin)
        return [shown, *unseen_text(judged, claim)]
    if judged.state in ("supported", "refuted"):
        if claim.against_margin or not contrast.margin > 0:
            return []
        if contrast.equivalent:
            return [f"smaller than the {margin} that would matter ({_equivalence(contrast, metric, margin)})"]
        if min(abs(contrast.interval.low), abs(contrast.interval.high)) < contrast.margin:
            return [f"whether it reaches the {margin} that would matter is open"]
        return []
    return _needed(verdict, judged, contrast, margin)


def _equivalence(contrast: Contrast, metric: Metric, margin: str) -> str:
    """`the 90 % interval [−0.03, +0.04] lies within ±0.05 points, p = .012`."""
    p = f"p of a difference beyond it {p_text(contrast.p_equivalence)}"
    if contrast.interval.se == 0:
        return f"no run differs; within ±{margin}, {p}"
    level = 2 * contrast.level - 1
    limits = interval_texts(contrast.interval.at_level(level), metric, metric.factor * contrast.margin)[1]
    return f"the {100 * level:.0f} % interval {limits} lies within ±{margin}, {p}"


def _no_worse(contrast: Contrast, direction: str, side: str) -> str:
    """`the 95 % interval lies below +0.2 points, one-sided p = .012`."""
    interval, higher = contrast.interval, direction == "not_higher"
    p = interval.p_below(contrast.margin) if higher else interval.p_above(-contrast.margin)
    return f"the {100 * contrast.level:.0f} % interval lies {side}, one-sided p {p_text(p)}"


def _needed(verdict: ClaimVerdict, judged: ContrastVerdict, contrast: Contrast, margin: str) -> list[str]:
    """What an inconclusive comparison would take."""
    metric, against_margin = verdict.claim.metric, verdict.claim.against_margin
    out = []
    if contrast.min_seeds < MIN_SEEDS:
        out.append(f"a verdict takes {MIN_SEEDS} seeds or more in both arms")
    if against_margin and (contrast.interval.low > 0 or contrast.interval.high < 0):
        out.append(f"the interval excludes zero; whether the difference reaches the {margin} that would matter is open")
    if not math.isnan(judged.detectable):
        what = "show that there is no difference beyond" if against_margin else "detect"
        least = f"{significant(metric.factor * judged.detectable)} {metric.unit}".rstrip()
        out.append(f"{plural(contrast.min_seeds, 'seed')} can {what} {least} (80 % power)")
    if judged.images_needed is not None:
        out.append(
            f"{contrast.images:,} test images are too few to settle {margin}, however many seeds: it takes "
            f"{planned_images(judged.images_needed, contrast.images)}"
        )
    elif judged.more_seeds is not None:
        out.append(_plan(verdict, contrast, judged.more_seeds, margin))
    return out


def _plan(verdict: ClaimVerdict, contrast: Contrast, seeds: int, margin: str) -> str:
    """How many more seeds, in which range, and for what; a plan is no promise to look only once."""
    if not seeds:
        return (
            f"by plan {plural(contrast.seeds, 'seed')} suffice for {margin} (80 % power), but the difference lies where they "
            "do not decide"
        )
    count = f"more than {MANY_SEEDS:,}" if seeds > MANY_SEEDS else f"about {planned_seeds(seeds)}"
    low, high = more_seeds_range(contrast, levels(verdict.claim, verdict.family))
    ends = [
        planned_seeds(end) if end is not None and end <= MANY_SEEDS else f"more than {MANY_SEEDS:,}"
        for end in (low, high)
    ]
    between = (
        f" ({ends[0]} to {ends[1]}, by what {contrast.seeds} seeds tell of their noise)" if ends[0] != ends[1] else ""
    )
    return (
        f"{margin} would take {count} more {'seed' if seeds == 1 else 'seeds'}{between}; reading the verdict again after more "
        "seeds adds to its error"
    )
