"""The verdict on a comparison in a sentence, and that on a claim in a line."""

from __future__ import annotations

import math

from resbench.records.metrics import Metric
from resbench.report.format import alike, capitalised, change_text, difference_text, p_text
from resbench.report.labels import listed
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.interaction import InteractionContrast
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict
from resbench.report.wording.failures import failures_text, untrained_arms
from resbench.report.wording.interactions import compared_text, counts_text, exact_differences
from resbench.report.wording.looks import look_clauses, looking_clause, over_looks
from resbench.report.wording.margins import beyond_text, margin_words, within_margin
from resbench.report.wording.states import part_state, shown_state


def sentence(verdict: ClaimVerdict, judged: ContrastVerdict, claimed: bool = True) -> str:
    """One contrast in one sentence: state, difference, interval, p, and what is missing.

    Args:
        claimed: whether it is of a claim, and so has a state.
    """
    where = judged.labels.at(judged.context)
    metric, contrast = verdict.claim.metric, judged.contrast
    opening = f"{capitalised(part_state(judged, metric.exact).text)}{where}" if claimed else where.strip()
    head = f"{opening}: {compared_text(judged)}" if opening else compared_text(judged)
    if judged.same:
        both = (
            "both differences are of the same networks"
            if judged.subtracted
            else "both are one network with one training"
        )
        return f"{head}: {both}, so there is no difference."
    if metric.exact:
        return f"{head}: {exact_text(contrast)}."
    if judged.reason:
        return f"{head}: {judged.reason}."
    but = f", {judged.other.text}" if judged.other.text else ""
    if judged.ranks or judged.state == "not trained":
        return f"{head}: {failures_text(verdict, judged, _of_family(verdict.family))}{but}."
    if contrast is None or contrast.seeds == 0:
        return f"{head}: no run of one of the arms has a {metric.words} yet."
    if math.isnan(contrast.interval.estimate):
        return f"{head}: {metric.words} is not finite in every run, so there is no difference{but}."
    parts = [f"{metric.words} {difference_text(contrast, metric)}{_over(contrast)}", *_counts(judged, contrast, metric)]
    parts += untrained_arms(judged, metric)
    if contrast.seeds < 2 and contrast.seeds_theirs < 2:
        parts.append(
            f"one seed compares two networks, not two recipes (exact McNemar p {p_text(contrast.p)})"
            if contrast.one_pair
            else "one seed: no interval"
        )
    else:
        if not within_margin(verdict, judged):  # else the p of that stands next to it
            p = f"p{over_looks(judged.looks)} {p_text(judged.p_holm)}{_of_family(verdict.family)}"
            parts.append(beyond_text(verdict, judged, p))
        parts += _improvement(contrast, metric)
    parts += [*margin_words(verdict, judged, contrast), *look_clauses(judged.looks, metric, verdict.claim.margin)]
    parts += looking_clause(contrast, judged)
    return f"{head}: {'; '.join(parts)}{but}."


def _over(contrast: Contrast) -> str:
    """` (95 % interval over 20 seeds × 10,000 images)`, where there is an interval."""
    if math.isnan(contrast.interval.low):
        return ""
    images = "" if contrast.from_seeds_only else f" × {contrast.images:,} images"
    return f" (95 % interval over {_seeds(contrast)}{images})"


def _seeds(contrast: Contrast) -> str:
    if contrast.shared_seeds:
        return f"{contrast.seeds} shared seed{'s' if contrast.seeds != 1 else ''}"
    return f"{contrast.seeds} and {contrast.seeds_theirs} seeds, not paired"


def _counts(judged: ContrastVerdict, contrast: Contrast, metric: Metric) -> list[str]:
    """The arms' means: `80 → 68 errors in 10,000 (−15 % [−24, −5])`, the change only where it has an interval."""
    if judged.subtracted and isinstance(contrast, InteractionContrast):
        return counts_text(contrast, judged, metric)
    lead, factor = contrast.interval, metric.factor
    if not metric.by_image:
        means = alike([factor * contrast.theirs, factor * contrast.ours], factor * (lead.high - lead.low) / 2)
        return [f"from {means[0]} to {means[1]}"]
    change = change_text(contrast.relative_change)
    text = f"{1e4 * contrast.theirs:,.0f} → {1e4 * contrast.ours:,.0f} errors in 10,000"
    return [f"{text} ({change})" if change else text]


def _of_family(size: int) -> str:
    return f" (Holm, {size} comparisons)" if size > 1 else ""


def _improvement(contrast: Contrast, metric: Metric) -> list[str]:
    """`lower in 4 of 5 seeds`, of arms that share their seeds."""
    share = contrast.improvement
    if math.isnan(share.estimate) or not contrast.shared_seeds:
        return []
    seeds, ties = contrast.seeds, contrast.ties
    won = round(seeds * share.estimate - ties / 2)
    better, worse = ("lower", "higher") if metric.better == "lower" or metric.by_image else ("higher", "lower")
    if won in (0, seeds) and not ties and seeds > 1:
        return [f"{better if won else worse} in all {seeds} seeds"]
    level = f", {'one tie' if ties == 1 else f'{ties} ties'}" if ties else ""
    return [f"{better} in {won} of {seeds} seeds{level}"]


def exact_text(contrast: Contrast | None) -> str:
    """Numbers without noise: `1,218,304 against 1,176,832`."""
    if isinstance(contrast, InteractionContrast):
        return exact_differences(contrast)
    return f"{contrast.ours:,.0f} against {contrast.theirs:,.0f}" if contrast else "not known yet"


def claim_summary(verdict: ClaimVerdict) -> str:
    """The claim and its state in one line: `✓ supported: residual networks ...`."""
    state = shown_state(verdict)
    return f"{state.sign} {state.text}{state_note(verdict)}: {verdict.claim.says}"


def state_note(verdict: ClaimVerdict) -> str:
    """What is added to the state of a claim: which parts have which, and what weakens it."""
    confounded = [one.other.names for one in verdict.contrasts if one.other.names]
    names = listed(dict.fromkeys(name for every in confounded for name in every))
    whole = len(confounded) == len(verdict.contrasts)
    parts = "" if whole else f" in {len(confounded)} of {len(verdict.contrasts)}"
    head = f", confounded with {names}" if confounded and whole else ""
    late, count = verdict.late, verdict.outstanding
    texts = [
        shown_state(verdict).detail,
        f"confounded with {names}{parts}" if confounded and not whole else "",
        f"interim: {count} {'runs are' if count > 1 else 'run is'} missing" if count else "",
        f"stated after {late.recorded:,} of {late.runs:,} runs were recorded" if late else "",
    ]
    text = "; ".join(filter(None, texts))
    return f"{head} ({text})" if text else head


def unpaired_text(verdict: ClaimVerdict) -> str:
    """At which values there is no comparison, in a sentence; empty if at none."""
    if not verdict.unpaired:
        return ""
    places = "; ".join(map(verdict.labels.cell, verdict.unpaired))
    why = "one of the four cells is not in the grid" if verdict.claim.between else "only one side has a cell"
    return f"Not compared, because {why} there: {places}."


def state_text(judged: ContrastVerdict, exact: bool, interim: bool = False) -> str:
    """The state of a comparison, and whether something else than the arms could explain it."""
    head = part_state(judged, exact, interim).text
    return head + (f", confounded with {', '.join(judged.other.names)}" if judged.other.names else "")
