"""The page that says how verdicts are decided, for a reader who is no statistician; its numbers are those that decide."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from resbench.records.claim import DEFAULT_MARGIN
from resbench.report.collapse import FAR, ONE_CLASS, STANDARD_ERRORS
from resbench.report.document import Badge, Block, Bullets, Heading, Paragraph
from resbench.report.format import decimals, p_text, signed
from resbench.report.looks.futility import HOPELESS
from resbench.report.page.save import clean, save
from resbench.report.planning import ALPHA, MIN_SEEDS
from resbench.report.statistics.contrast import ENOUGH_SEEDS
from resbench.report.statistics.family import holm
from resbench.report.statistics.interval import Interval, t_interval
from resbench.report.statistics.power import POWER
from resbench.report.summary import HARDLY
from resbench.report.tables import cells, comparisons, factors, power
from resbench.report.verdicts import STATES
from resbench.report.wording.rules import INTERVAL, LEVEL, RULES, RULES_PAGE, RULES_TITLE, WITHIN
from resbench.report.wording.states import SIGNS

PLAIN, RESIDUAL = (
    (0.0112, 0.0098, 0.0121, 0.0104, 0.0109),
    (0.0093, 0.0085, 0.0096, 0.0099, 0.0088),
)  # test errors by seed
_OTHER_P = (0.03, 0.4)  # of the two other comparisons of the example


def write_rules(reports: Path) -> Path:
    """Write the page into its folder among the reports.

    Raises:
        UserError: a page that is not ours is in its place.
    """
    return save(clean(reports / RULES_PAGE, RULES_TITLE), RULES_TITLE, rules_blocks())


def rules_blocks() -> list[Block]:
    """What the page says."""
    opening = (
        "A claim says of two networks, or of two ways to train them, which is better, or that they are alike. Each claim gets "
        "a verdict by the rules below. They are the same for all studies and all results."
    )
    short = (
        f"In short: a difference counts where at least {MIN_SEEDS} seeds were trained on both sides and chance alone would "
        f"show such a difference in fewer than {100 * ALPHA:g} of 100 experiments."
    )
    return [
        Paragraph(opening, lead=True),
        Paragraph(short, lead=True),
        Heading("What each verdict means"),
        *(Paragraph(RULES[kind], badge=Badge(kind, sign, kind)) for kind, sign in SIGNS.items()),
        Heading("An example"),
        *_example(),
        Heading("Words"),
        Bullets(_WORDS),
        Heading("Several comparisons"),
        Bullets(_SEVERAL),
        Heading("Runs that do not train"),
        Bullets(_UNTRAINED),
        Heading("What weakens a verdict"),
        Bullets(_CAVEATS),
        Heading("Seeds that are added later"),
        Bullets(_LOOKS),
        Heading("Columns of tables"),
        Bullets(_COLUMNS),
    ]


class Example(NamedTuple):
    """What the code finds in the errors of the example, in points.

    Attributes:
        differences: of each seed.
        p_holm: of the first of three comparisons.
    """

    differences: list[float]
    interval: Interval
    within: Interval
    p: float
    p_holm: float


def example() -> Example:
    """The numbers of the example."""
    differences = [100 * (ours - theirs) for ours, theirs in zip(RESIDUAL, PLAIN, strict=True)]
    interval = t_interval(differences)
    p = interval.p_two_sided()
    return Example(differences, interval, interval.at_level(1 - 2 * ALPHA), p, float(holm([p, *_OTHER_P])[0]))


def _example() -> list[Block]:
    found = example()
    errors = "; ".join(
        f"{name} {', '.join(f'{100 * one:.2f}' for one in values)} %"
        for name, values in (("plain", PLAIN), ("residual", RESIDUAL))
    )
    beyond = math.ceil(10 * max(abs(found.within.low), abs(found.within.high))) / 10  # a margin that holds it
    steps = [
        f"Claim: residual networks make fewer errors than plain ones. Less than {DEFAULT_MARGIN:g} points would not matter; "
        "this is the margin. The study compares them at three depths.",
        f"At one depth, {MIN_SEEDS} seeds were trained of each. Test errors: {errors}.",
        f"The differences, seed by seed, are {', '.join(signed(one) for one in found.differences)} points; their mean is "
        f"{_limits(found.interval)[0]}. From how much they scatter follows the {INTERVAL} interval, "
        f"{_limits(found.interval)[1]}: the differences that the data are in accord with. Zero is not among them.",
        f"p {p_text(found.p)}: if there were no true difference, chance would show this much that rarely. It is the smallest "
        f"p of three comparisons, so Holm's correction multiplies it by 3: p {p_text(found.p_holm)}, which is below {LEVEL}.",
        "Both conditions hold and fewer errors were claimed. The verdict at this depth is: supported.",
        f"Had the claim been that both are alike within {beyond:g} points, the {WITHIN} interval, "
        f"{_limits(found.within)[1]}, would count: it lies between −{beyond:g} and +{beyond:g}, so that claim would be "
        "supported.",
    ]
    return [Bullets(steps)]


def _limits(interval: Interval) -> tuple[str, str]:
    """`−0.29 points` and `[−0.37, −0.20]`."""
    digits = decimals((interval.high - interval.low) / 2)
    low, high = signed(interval.low, digits), signed(interval.high, digits)
    return f"{signed(interval.estimate, digits)} points", f"[{low}, {high}]"


_WORDS = [
    "Seed: the number that a run starts its random choices from. The same settings with another seed give a slightly "
    f"different network, so one run shows little. A verdict takes {MIN_SEEDS} seeds on both sides, whatever the numbers; "
    f"from {ENOUGH_SEEDS} on, a test without any assumption about their scatter can confirm it.",
    "Points: percentage points. From 1.2 % to 0.9 % of errors are −0.3 points, or 30 errors fewer in 10,000.",
    f"Interval: the differences that the data are in accord with; in {INTERVAL} of such studies it holds the true one. "
    "Intervals of test errors are crossed over seeds and images: they speak of new images of this kind, not of these test "
    "images alone, and so are wider.",
    f"p: how often chance alone would show such a difference. Below {LEVEL} it counts.",
    f"Margin: the smallest difference that matters, stated with the claim; by default {DEFAULT_MARGIN:g} points for shares "
    f"of images. “Alike” means: the {WITHIN} interval lies within the margin on both sides. “No worse” means the same on the "
    f"side that matters, with the {INTERVAL} interval.",
    "What is counted and not measured, as parameters and FLOPs, has no noise: it is compared as it is.",
    f"Detectable difference: what so many seeds would find in {100 * POWER:g} of 100 experiments.",
]
_SEVERAL = [
    "A claim may compare at several depths or settings. Among many comparisons one looks like a finding by chance, so their "
    "p values are corrected together (Holm's correction). A study may have all of its claims corrected together.",
    "A claim whose comparisons have different states is shown as mixed, with what holds where. Programs, and the exit code of "
    f"resbench check, take the worst of them, in this order: {', '.join(STATES)}.",
    "That all comparisons are alike needs no correction, as every one of them has to hold.",
    "Comparisons that no claim names are exploratory. Their q is the share of false findings to expect among all rows with a q "
    "as small (Benjamini and Hochberg); they get no verdict.",
]
_UNTRAINED = [
    "Diverged: the numbers of the run stopped being finite.",
    f"Collapsed: the run finished, and takes one class for {100 * ONE_CLASS:g} % of the test images, or gets no more training "
    f"images right than guessing (within {STANDARD_ERRORS:g} standard errors) and at most {FAR:g} times as many test images "
    "(with two or three classes: no more than half way from guessing to all).",
    "Untrained: the run diverged or collapsed. [untrained] behind a number marks a cell in which no run trained, "
    "[2 of 5 untrained] one in which some did not.",
    f"Hardly trained: the runs of the cell trained, but get less than {100 * HARDLY:.0f} % of the test images right in the "
    "mean. [hardly trained] marks it.",
    "Untrained runs are results: they are counted and shown, and are in no mean, unless all runs of a cell collapsed.",
    "An arm all of whose runs collapsed is compared by means with an arm all of whose runs trained. Else the runs that did not "
    "train are ranked last and the ranks are compared (the worst-rank test). If that does not decide, the verdict is: not trained.",
    "A run that failed, of too little memory for example, is no result. There is no verdict until it is repeated.",
]
_CAVEATS = [
    "Interim, or “so far”: runs are missing. The verdict may change.",
    "Confounded: all runs of one side share something that no run of the other has, such as a version of the code or a "
    "device. It may explain the difference as well.",
    "Stated late: the claim was written down, or changed, after results were known.",
]
_LOOKS = [
    f"A study may plan several looks at its results. Each look spends a part of the {100 * ALPHA:g} %, so that all looks "
    "together keep to it. A comparison stops early if it is decided, or if its last look has a chance of less than "
    f"{100 * HOPELESS:g} % to decide it.",
    "Looks that were not planned are noted too. If seeds are added after a verdict was read, p becomes larger, to allow for "
    "having looked.",
]
_COLUMNS = [
    f"Cells. {cells.MEANING}",
    f"Claims, and cells against the baseline. {comparisons.MEANING}",
    f"Effect of each factor. {factors.MEANING}",
    f"What these seeds can detect. {power.MEANING}",
]
