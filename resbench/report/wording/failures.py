"""What runs that did not train do to a comparison, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resbench.core.lazy import lazy
from resbench.core.text import plural
from resbench.records.claim import Claim
from resbench.records.metrics import Metric
from resbench.report.arms import Arm
from resbench.report.format import margin_text, p_text
from resbench.report.outcomes import kinds
from resbench.report.planning import ALPHA, MIN_SEEDS
from resbench.report.statistics.interval import wilson
from resbench.report.statistics.worst_rank import WorstRank
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict
from resbench.report.wording.looks import anytime_test, late_plan, look_clauses, over_looks, unplanned_look

if TYPE_CHECKING:
    from scipy import stats
else:
    stats = lazy("scipy.stats")


_FEWEST = 6  # seeds with which a sign test can have a p below .05


def failures_text(verdict: ClaimVerdict, judged: ContrastVerdict, of_family: str) -> str:
    """How many runs did not train, with Wilson's interval and Fisher's exact test, and the worst-rank test of the arms.

    Args:
        of_family: how p is corrected.
    """
    if judged.subtracted:
        looks = look_clauses(judged.looks, verdict.claim.metric, verdict.claim.margin)
        return "; ".join([f"did not train: {rates(judged)}", "means are not compared", *looks])
    ours, theirs = judged.labels.pair(judged.ours.cell, judged.theirs.cell)
    table = [[arm.untrained, len(arm.begun) - arm.untrained] for arm in (judged.ours, judged.theirs)]
    parts = [f"did not train: {ours} {failures(judged.ours)}, {theirs} {failures(judged.theirs)}"]
    if judged.ours.begun and judged.theirs.begun:
        parts.append(f"Fisher's exact p {p_text(float(stats.fisher_exact(table).pvalue))}")
    if judged.ours.none_trained and judged.theirs.none_trained:
        parts.append("no run of either arm trained")
    if judged.ranks:
        waits = judged.looks and not judged.looks.done
        p = f"p{over_looks(judged.looks)} {p_text(judged.ranks.p if waits else judged.p_holm)}{'' if waits else of_family}"
        parts += _rank_text(verdict, judged.ranks, (ours, theirs), p)
        parts += late_plan(judged, "sign") if judged.looks else _read_before(judged)
    elif verdict.claim.metric.probe:
        parts.append(f"{verdict.claim.metric.words} of a network that did not train says nothing of one that did")
    return "; ".join(
        [*parts, "means are not compared", *look_clauses(judged.looks, verdict.claim.metric, verdict.claim.margin)]
    )


def _read_before(judged: ContrastVerdict) -> list[str]:
    """Whose p it is after readings that were not planned."""
    ranks = judged.ranks
    if not judged.earlier or ranks is None:
        return []
    if not ranks.shared:
        return [f"{unplanned_look(judged.earlier)}: for seeds that are not shared no test holds after that, so p = 1"]
    return [f"{unplanned_look(judged.earlier)}, so p is {anytime_test('sign')}"]


def rates(judged: ContrastVerdict) -> str:
    """How many runs of each arm did not train, in both places of an interaction."""
    texts = [failures(arm) for arm in judged.arms]
    if not judged.subtracted:
        return " against ".join(texts)
    first, second = map(judged.labels.cell, judged.subtracted[:2])
    return f"{texts[0]} against {texts[1]} at {first}, {texts[2]} against {texts[3]} at {second}"


def _rank_text(verdict: ClaimVerdict, ranks: WorstRank, names: tuple[str, str], p: str) -> list[str]:
    """What the worst-rank test counts and finds."""
    if min(ranks.seeds, ranks.seeds_theirs) < MIN_SEEDS:
        return [f"a verdict takes {MIN_SEEDS} seeds or more in both arms"]
    words = verdict.claim.metric.words
    places = (
        plural(ranks.seeds, "shared seed") if ranks.shared else f"{ranks.seeds * ranks.seeds_theirs:,} pairs of runs"
    )
    margin = verdict.claim.margin if verdict.claim.against_margin else 0.0
    by = f" by more than {margin_text(margin, verdict.claim.metric)}" if margin else ""
    text = (
        f"a run that did not train counted as the worst, {words} of {names[0]} is lower than that of {names[1]}{by} in "
        f"{ranks.lower} and higher{by} in {ranks.higher} of {places}"
    )
    test = "sign test" if ranks.shared else "rank-sum test" if margin else "rank-sum test of equal distributions:"
    out = [text, f"{test}{' of no difference beyond the margin' if margin else ''} {p}"]
    few = ranks.shared and ranks.seeds < _FEWEST
    return [*out, f"with fewer than {_FEWEST} seeds that test finds nothing"] if few else out


def failures(arm: Arm) -> str:
    """`8 of 8 (4 diverged, 4 collapsed; 100 % [68, 100])`."""
    return rate_text(arm.diverged, arm.collapsed, len(arm.begun))


def rate_text(diverged: int, collapsed: int, ran: int) -> str:
    """How many of the runs that have a result did not train, with Wilson's interval."""
    if not ran:
        return "no run yet"
    rate = wilson(diverged + collapsed, ran)
    named = f"{kinds(diverged, collapsed)}; " if diverged + collapsed else ""
    interval = f"{100 * rate.estimate:.0f} % [{100 * rate.low:.0f}, {100 * rate.high:.0f}]"
    return f"{diverged + collapsed} of {ran} ({named}{interval})"


def untrained_arms(judged: ContrastVerdict, metric: Metric) -> list[str]:
    """`none of the 5 runs of none trained`, of an arm that is compared by the means of runs that all collapsed."""
    names: tuple[str, ...] = judged.labels.pair(judged.ours.cell, judged.theirs.cell)
    if judged.subtracted:
        names = tuple(f"{name}{judged.labels.at(where)}" for where in judged.subtracted[:2] for name in names)
    return [
        f"none of the {arm.collapsed} runs of {name} trained"
        if arm.collapsed > 1
        else f"the run of {name} did not train"
        for name, arm in zip(names, judged.arms, strict=True)
        if arm.none_trained and not metric.at_start
    ]


def unseen(seeds: int) -> float:
    """The largest share of runs that do not train of which so many seeds show none with a chance of 5 %."""
    return float(1 - ALPHA ** (1 / seeds)) if seeds else 1.0


def unseen_failures(judged: ContrastVerdict, claim: Claim) -> float | None:
    """Of a comparison that is shown to have no difference: the share of runs that may not train and was not seen.

    None where nothing of that kind is shown, or of what is measured before training.
    """
    shown = judged.state == "equivalent" or (judged.state == "supported" and claim.against_margin)
    trained = all(arm.trained for arm in judged.arms)
    if not shown or not trained or judged.contrast is None or claim.metric.exact or claim.metric.at_start:
        return None
    return unseen(judged.contrast.min_seeds)


def unseen_text(judged: ContrastVerdict, claim: Claim) -> list[str]:
    """The same in words."""
    share = unseen_failures(judged, claim)
    if share is None or judged.contrast is None:
        return []
    seeds = judged.contrast.min_seeds
    return [
        f"{plural(seeds, 'seed')} without a failed run do not rule out that up to {100 * share:.0f} % of runs fail to train"
    ]
