"""What the comparisons of a study could have found, and what it would take: plans, their table and their curve."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from resbench.core.text import plural
from resbench.records.metrics import METRICS, Metric
from resbench.report.arms import name_pair
from resbench.report.document import Columns, Table
from resbench.report.format import DASH, planned_images, planned_seeds, significant
from resbench.report.planning import ALPHA, Levels, levels, more_seeds_range, needs, usable
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.power import POWER, detectable, detectable_floor, upper_sd
from resbench.report.verdicts import ClaimVerdict
from resbench.report.wording.interactions import minus_text

_FEWEST, _MOST = 3, 100  # seeds
_CAPTION = f"Smallest true difference that the seeds so far find with a power of {100 * POWER:.0f} %, and seeds that find the margin."
MEANING = (
    f"The difference is what the seeds so far find with a power of {100 * POWER:.0f} % (of a claim that arms are alike or no "
    "worse: the smallest margin shown, if there is no difference); the seeds are those per arm that find the margin, at Holm's "
    "first step. All from the noise between the seeds so far, never from the difference seen; of few seeds that noise is known "
    "badly, so it is taken at the bound that it is below with 80 %; 80 % range: the seeds if it is at either end of its own. Each "
    "plan is of one comparison. Impossible: on as many images no number of seeds suffices; seeds begin to help beyond the images "
    "named."
)


@dataclass(frozen=True)
class Plan:
    """A comparison whose noise is known.

    Attributes:
        says: the claim that it belongs to; empty if no claim names it.
        label: what is compared.
        levels: of the test that will judge it.
        against_margin: whether that there is no difference is to be shown, with one-sided tests.
    """

    says: str
    label: str
    metric: Metric
    contrast: Contrast
    levels: Levels
    against_margin: bool = False


def power_table(verdicts: Sequence[ClaimVerdict]) -> Table | None:
    """What each comparison of each claim could have found, and what the margin takes; None if no noise is known."""
    columns = Columns()
    for plan in claimed_plans(verdicts):
        need, factor, unit = needs(plan.contrast, plan.levels), plan.metric.factor, plan.metric.unit
        columns.put("claim", plan.says)
        columns.put("comparison", plan.label)
        columns.put("seeds", str(plan.contrast.seeds), plan.contrast.seeds)
        for head, value in (
            ("these", factor * need.detectable_this_test_set),
            ("new", factor * need.detectable_new_images),
        ):
            text = DASH if math.isnan(value) else f"{significant(value)} {unit}".rstrip()
            columns.put(f"found on {head} images", text, value)
        margin = factor * plan.contrast.margin
        columns.put("margin", f"{margin:g} {unit}".rstrip() if margin > 0 else DASH, margin)
        columns.put("seeds for these images", _count(need.seeds_this_test_set, margin > 0), need.seeds_this_test_set)
        known = margin > 0 and plan.contrast.components is not None
        columns.put("seeds for new images", _count(need.seeds_new_images, known), need.seeds_new_images)
        columns.put("80 % range", _range(plan, margin > 0))
        images = (
            DASH if need.images is None else planned_images(need.images, plan.contrast.images).removeprefix("about ")
        )
        columns.put("images needed", images, need.images)
    if not columns.texts:
        return None
    fold = f"Differences that would be found in {plural(len(columns.texts['claim']), 'comparison')}, and seeds that they take"
    return columns.table(caption=_CAPTION, fold=fold, name="power")


def typical_plan(verdicts: Sequence[ClaimVerdict], compared: pd.DataFrame) -> Plan | None:
    """The comparison of shares of images with the median noise, of two that with more; None if no noise is known.

    Args:
        verdicts: as `verdicts.judge` returns.
        compared: as `cells.comparisons` returns; taken where no claim has a plan.
    """
    plans = [plan for plan in claimed_plans(verdicts) if plan.metric.proportion] or list(_explored_plans(compared))
    ordered = sorted(plans, key=lambda plan: plan.contrast.sd)
    return ordered[len(ordered) // 2] if ordered else None


def power_points(plan: Plan) -> pd.DataFrame:
    """Smallest difference found: `target` (these images, new images, floor, margin), `seeds`, `difference` in points."""
    contrast, at = plan.contrast, (plan.levels.power, plan.levels.alpha)
    seeds = list(range(_FEWEST, min(_MOST, max(30, 2 * contrast.seeds)) + 1))
    sd = upper_sd(contrast.sd, contrast.seeds)
    here = np.array([detectable(sd, number, *at) for number in seeds])
    new = np.hypot(here, detectable_floor(contrast.components, *at) if contrast.components else math.nan)
    rows: list[tuple[str, float, float]] = []
    rows += [("these images", n, 100 * float(value)) for n, value in zip(seeds, here, strict=True)]
    rows += [("new images", n, 100 * float(value)) for n, value in zip(seeds, new, strict=True)]
    if contrast.components is not None:
        floor = detectable_floor(contrast.components, *at)
        rows += [("floor", math.nan, 100 * floor)] if floor > 0 else []
    rows += [("margin", math.nan, 100 * contrast.margin)] if contrast.margin > 0 else []
    return pd.DataFrame(rows, columns=["target", "seeds", "difference"])


def claimed_plans(verdicts: Sequence[ClaimVerdict]) -> list[Plan]:
    """The comparisons over shared seeds with noise between them; with the levels that their verdicts are planned with."""
    out = []
    for verdict in verdicts:
        claim = verdict.claim
        if claim.metric.exact:
            continue
        at = levels(claim, verdict.family)
        for judged in verdict.contrasts:
            if judged.contrast and all(arm.trained for arm in judged.arms) and usable(judged.contrast):
                out.append(
                    Plan(claim.says, minus_text(judged), claim.metric, judged.contrast, at, claim.against_margin)
                )
    return out


def _explored_plans(compared: pd.DataFrame) -> Iterator[Plan]:
    """The same of each cell and its baseline."""
    for row in compared.to_dict("records"):
        if row["contrast"] is not None and usable(row["contrast"]):
            label = " − ".join(name_pair(row["ours"].cell, row["theirs"].cell))
            yield Plan("", label, METRICS["test_error"], row["contrast"], Levels(POWER, ALPHA))


def _range(plan: Plan, known: bool) -> str:
    """`8 to 38`: seeds in all, if the noise is at either end of what the seeds so far say of it."""
    if not known:
        return DASH
    ends = [
        None if more is None else more + plan.contrast.seeds for more in more_seeds_range(plan.contrast, plan.levels)
    ]
    return DASH if ends == [None, None] else f"{_count(ends[0], True)} to {_count(ends[1], True)}"


def _count(seeds: int | None, known: bool) -> str:
    return DASH if not known else "impossible" if seeds is None else planned_seeds(seeds)
