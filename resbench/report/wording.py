"""Verdicts in words that go no further than the numbers: generated, so that no one is tempted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from resbench.records.claim import AGAINST_MARGIN, SHARES
from resbench.report.arms import Arm, name
from resbench.report.frames import show
from resbench.report.planning import ALPHA, LEAST_SEEDS
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.interval import Interval, wilson
from resbench.report.verdicts import EXACT, Judged, Verdict, direction, unit

_WORDS = {
    "test_error": "test error",
    "test_accuracy": "test error",  # compared by its errors
    "val_accuracy": "validation accuracy",
    "train_accuracy": "training accuracy",
    "train_loss": "training loss",
    "parameters": "parameters",
    "flops": "FLOPs",
}


def metric(on: str) -> str:
    """A metric as a reader calls it."""
    return _WORDS.get(on, on)


def signed(value: float, digits: int = 2) -> str:
    """`+0.12`, `−0.07`; more digits where two would show nothing."""
    if math.isnan(value):
        return "–"
    if value and abs(value) < 0.5 * 10.0**-digits:
        return f"{value:+.1e}".replace("-", "−")
    return f"{value:+.{digits}f}".replace("-", "−")


def p_text(p: float) -> str:
    """`.012`, `< .001`."""
    return "–" if math.isnan(p) else "< .001" if p < 0.001 else f"= {p:.3f}".replace("0.", ".", 1)


def where(context: Mapping[str, Any]) -> str:
    """` at model.depth 34`, or nothing."""
    told = ", ".join(f"{path} {show(value)}" for path, value in context.items())
    return f" at {told}" if told else ""


def sentence(verdict: Verdict, judged: Judged) -> str:
    """One contrast in one sentence: state, difference, interval, p, and what is missing."""
    ours, theirs = name(judged.ours.cell, judged.theirs.cell)
    head = f"{judged.state.capitalize()}{where(judged.context)}: {ours} against {theirs}"
    if verdict.claim["on"] in EXACT:
        return f"{head}: {_exact(judged)}."
    if judged.state == "not trained":
        return f"{head}: {_not_trained(judged, ours, theirs)}."
    contrast = judged.contrast
    if contrast is None or contrast.seeds == 0:
        return f"{head}: at least one arm has no ended run with a value of {metric(verdict.claim['on'])}."
    on = verdict.claim["on"]
    parts = [f"{metric(on)} {difference(contrast, on)}{_over(contrast)}", *_counts(contrast, on)]
    if contrast.seeds < 2 and contrast.seeds_theirs < 2:
        parts.append(
            f"one seed: two networks compared, not two recipes (exact McNemar p {p_text(contrast.p)})"
            if contrast.one_pair
            else "one seed: no interval"
        )
    else:
        what = " of none beyond the margin" if verdict.claim["expect"] in AGAINST_MARGIN else ""
        parts.append(f"p{what} {p_text(judged.p_holm)}{_of_family(len(verdict.contrasts))}")
        parts += ["few seeds"] if contrast.few_seeds else []
        parts += _improvement(contrast)
    parts += _margin(verdict, judged)
    return f"{head}: {'; '.join(parts)}."


def difference(contrast: Contrast, on: str) -> str:
    """`−0.12 points [−0.18, −0.06]`."""
    factor, word = unit(on)
    told = f"{_number(factor * contrast.interval.estimate, on)} {word}".rstrip()
    return told if math.isnan(contrast.interval.low) else f"{told} {span(contrast.interval, on)}"


def _over(contrast: Contrast) -> str:
    """` (95 % interval over 20 seeds × 10,000 images)`, where there is an interval."""
    if math.isnan(contrast.interval.low):
        return ""
    images = "" if contrast.from_seeds_only else f" × {contrast.images:,} images"
    return f" (95 % interval over {_seeds(contrast)}{images})"


def span(interval: Interval, on: str) -> str:
    """`[−0.18, −0.06]`."""
    factor, _ = unit(on)
    return f"[{_number(factor * interval.low, on)}, {_number(factor * interval.high, on)}]"


def _number(value: float, on: str) -> str:
    return signed(value, 2 if on in SHARES else 4)


def _seeds(contrast: Contrast) -> str:
    if contrast.shared_seeds:
        return f"{contrast.seeds} shared seed{'s' if contrast.seeds != 1 else ''}"
    return f"{contrast.seeds} and {contrast.seeds_theirs} seeds, none of them shared"


def _counts(contrast: Contrast, on: str) -> list[str]:
    """Errors of 10,000 and their relative change: `80 → 68 errors in 10,000, 15 % fewer`."""
    if on not in ("test_error", "test_accuracy"):
        factor, _ = unit(on)
        return [f"from {factor * contrast.theirs:.4g} to {factor * contrast.ours:.4g}"]
    told = f"{1e4 * contrast.theirs:.0f} → {1e4 * contrast.ours:.0f} errors in 10,000"
    change = contrast.relative_change
    if math.isnan(change) or round(100 * abs(change)) == 0:
        return [told]
    return [f"{told}, {100 * abs(change):.0f} % {'fewer' if change < 0 else 'more'}"]


def _of_family(size: int) -> str:
    return f" (Holm, {size} comparisons)" if size > 1 else ""


def _improvement(contrast: Contrast) -> list[str]:
    share = contrast.improvement
    if math.isnan(share.estimate) or not contrast.shared_seeds:
        return []
    won = contrast.seeds * share.estimate  # a tie counts half
    return [
        f"better in {won:g} of {contrast.seeds} seeds "
        f"(P = {_share(share.estimate)} [{_share(share.low)}, {_share(share.high)}])"
    ]


def _share(value: float) -> str:
    return "1" if value == 1 else f"{value:.2f}".removeprefix("0")


def _margin(verdict: Verdict, judged: Judged) -> list[str]:
    """What the margin adds: small, within, or how much more it would take."""
    contrast, on = judged.contrast, verdict.claim["on"]
    assert contrast is not None
    factor, word = unit(on)
    margin = f"{factor * contrast.margin:g} {word}".rstrip()
    margin = margin.replace("1 points", "1 point") if margin == "1 points" else margin
    expected = direction(verdict.claim)
    against_margin = expected in AGAINST_MARGIN
    if judged.state == "equivalent" or (judged.state == "supported" and against_margin):
        lies = {"not_higher": f"below +{margin}", "not_lower": f"above −{margin}"}.get(expected, f"within ±{margin}")
        return [f"the 90 % interval lies {lies}"]
    if judged.state in ("supported", "refuted"):
        if against_margin or not contrast.margin > 0:
            return []
        if contrast.equivalent:
            return [f"smaller than the {margin} that would matter (the 90 % interval lies within ±{margin})"]
        if min(abs(contrast.interval.low), abs(contrast.interval.high)) < contrast.margin:
            return [f"whether it reaches the {margin} that would matter is open"]
        return []
    out = []
    if min(contrast.seeds, contrast.seeds_theirs) < LEAST_SEEDS:
        out.append(f"a verdict takes {LEAST_SEEDS} seeds or more in both arms")
    if against_margin and (contrast.interval.low > 0 or contrast.interval.high < 0):
        out.append(f"the interval excludes zero; whether the difference reaches the {margin} that would matter is open")
    if not math.isnan(judged.detectable):
        what = "was the least margin that could have been shown if there is no difference"
        what = what if against_margin else "could have been found"
        out.append(f"so far {factor * judged.detectable:.2g} {word}".rstrip() + f" {what} (power 80 %)")
    if judged.images_needed is not None:
        out.append(
            f"for {margin} no number of seeds suffices on {contrast.images:,} test images: seeds would begin to help "
            f"beyond {judged.images_needed:,}"
        )
    elif judged.more_seeds is not None:
        out.append(f"for {margin} about {judged.more_seeds:,} more seeds are needed")
    return out


def _exact(judged: Judged) -> str:
    contrast = judged.contrast
    return f"{contrast.ours:,.0f} against {contrast.theirs:,.0f}" if contrast else "not known yet"


def _not_trained(judged: Judged, ours: str, theirs: str) -> str:
    """How many runs diverged, with Wilson's interval and Fisher's exact test; means are not compared."""
    from scipy import stats

    told = []
    for label, one in ((ours, judged.ours), (theirs, judged.theirs)):
        told.append(f"{label} {failures(one)}")
    counts = [[one.diverged, len(one.ended)] for one in (judged.ours, judged.theirs)]
    p = float(stats.fisher_exact(counts).pvalue)
    return f"diverged: {', '.join(told)}; Fisher's exact p {p_text(p)}; means are not compared"


def failures(one: Arm) -> str:
    """`7 of 10 (70 % [40, 89])`."""
    ran = one.diverged + len(one.ended)
    if not ran:
        return "no run yet"
    rate = wilson(one.diverged, ran)
    return f"{one.diverged} of {ran} ({100 * rate.estimate:.0f} % [{100 * rate.low:.0f}, {100 * rate.high:.0f}])"


def summary(verdict: Verdict) -> str:
    """The claim and its verdict in one line: `supported (3 of 3 comparisons): residual networks ...`."""
    states = [one.state for one in verdict.contrasts]
    size = len(states)
    if not size:
        told = "inconclusive (its cells are not in this run of the grid)"
    elif set(states) == {verdict.state} and size == 1:
        told = verdict.state
    else:
        told = f"{verdict.state} ({', '.join(f'{states.count(s)} {s}' for s in dict.fromkeys(states))})"
    count = verdict.outstanding
    interim = f"; interim: {count} {'runs are' if count > 1 else 'run is'} outstanding" if count else ""
    return f"{told}{interim}: {verdict.claim['says']}"


def rules() -> str:
    """What the verdicts mean, for the page."""
    return (
        f"Of a direction, supported or refuted: the 95 % interval excludes zero and Holm's p within the claim's family is "
        f"below {ALPHA:g}; equivalent: the 90 % interval lies within the margin. Of equivalence, supported: the 90 % interval "
        f"lies within the margin (not corrected for the number of comparisons, of which all must be); refuted: Holm's p of a "
        f"difference no larger than the margin is below {ALPHA:g}; of not_higher and not_lower (no worse) the same on that side "
        f"alone. Not trained: a run diverged. A claim has the verdict of its "
        f"worst comparison, and none with fewer than {LEAST_SEEDS} seeds. Intervals of test errors are crossed over seeds and "
        "images: they speak of new images of this kind, not of these alone."
    )
