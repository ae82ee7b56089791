"""What the study could have found, and what it would take: figure and table of the power of its comparisons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from resbench.records.claim import AGAINST_MARGIN
from resbench.report.arms import name
from resbench.report.document import Columns, Table
from resbench.report.figures.drawing import GREY, SMALL, Drawn, canvas, fitted, logarithmic, spread
from resbench.report.planning import ALPHA, Levels, levels, needs, usable
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.power import POWER, detectable_floor, power_curve
from resbench.report.verdicts import EXACT, Verdict, unit
from resbench.report.wording import metric, where

DASH = "–"
_HERE, _NEW = "#0173b2", "#d55e00"  # two targets, not two arms
_FEWEST, _MOST = 3, 100


@dataclass(frozen=True)
class _Plan:
    """A comparison whose noise is known, with the levels of the test that will judge it."""

    says: str
    label: str
    on: str
    contrast: Contrast
    alpha: float
    power: float
    against_margin: bool = False


def power_table(verdicts: Sequence[Verdict]) -> Table | None:
    """What each comparison of each claim could have found, and what the margin takes; None if no noise is known."""
    columns = Columns()
    plans = _plans(verdicts)
    for plan in plans:
        found, (factor, word) = needs(plan.contrast, Levels(plan.power, plan.alpha)), unit(plan.on)
        columns.put("claim", plan.says)
        columns.put("comparison", plan.label)
        columns.put("seeds", str(plan.contrast.seeds), plan.contrast.seeds)
        for target, head in (("here", "found on these images"), ("new", "found on new images")):
            value = factor * getattr(found, f"detectable_{target}")
            columns.put(head, DASH if math.isnan(value) else f"{value:.3g} {word}".rstrip(), value)
        margin = factor * plan.contrast.margin
        columns.put("margin", f"{margin:g} {word}".rstrip() if margin > 0 else DASH, margin)
        columns.put("seeds for these images", _count(found.seeds_here, margin > 0), found.seeds_here)
        known = margin > 0 and plan.contrast.components is not None
        columns.put("seeds for new images", _count(found.seeds_new, known), found.seeds_new)
        columns.put("images needed", DASH if found.images is None else f"> {found.images:,}", found.images)
    caption = (
        f"Smallest true difference that the seeds so far find with a power of {100 * POWER:.0f} % (of equivalence and of being no worse: the "
        "smallest margin shown, if there is no difference), and shared seeds per arm that find the margin, at Holm's first "
        "step. All from the noise between the seeds so far, never from the difference seen; of few seeds that noise is "
        "known badly, so planning for these images takes the upper end of its 80 % range. Impossible: on as many images "
        "no number of seeds suffices; seeds begin to help beyond the images named."
    )
    return columns.table(caption=caption, name="power") if plans else None


def draw_power(verdicts: Sequence[Verdict], compared: pd.DataFrame) -> Drawn | None:
    """Smallest difference found against seeds; the figure, exactly what it shows, and its caption; None without noise.

    Args:
        verdicts: as `claims.judge` returns; the comparison with the median noise stands for all in points.
        compared: as `cells.comparisons` returns; taken where there is no claim.
    """
    plan = _median([one for one in _plans(verdicts) if unit(one.on)[1]] or _explored(compared))
    if plan is None:
        return None
    points = power_points(plan)
    figure = canvas(8.5, 4.4)
    axes = figure.add_subplot()
    ends = []
    for target, color, dash in (("these images", _HERE, "--"), ("new images", _NEW, "-")):
        line = points[points["target"] == target]
        if line["difference"].notna().any():
            axes.plot(line["seeds"], line["difference"], color=color, linestyle=dash, linewidth=1.8)
            ends.append((float(line["difference"].iloc[-1]), f"on {target}", color))
    for kind, label, dash in (("floor", "floor of the images", ":"), ("margin", "margin", "-.")):
        value = points.loc[points["target"] == kind, "difference"]
        if len(value):
            axes.axhline(float(value.iloc[0]), color=GREY, linestyle=dash, linewidth=1.2)
            ends.append((float(value.iloc[0]), f"{label}: {float(value.iloc[0]):.2g}", GREY))
    low, high = min(end[0] for end in ends) / 1.4, float(points["difference"].max()) * 1.15
    axes.set_ylim(low, high)
    axes.set_xlim(points["seeds"].min(), points["seeds"].max())
    logarithmic(axes)
    _mark_now(axes, plan.contrast.seeds)
    places = spread([math.log(value / low) / math.log(high / low) for value, *_ in ends], 0.045)
    for (_, text, color), place in zip(ends, places, strict=True):
        axes.annotate(text, (1.01, place), xycoords="axes fraction", va="center", fontsize=SMALL, color=color)
    axes.set_xlabel("shared seeds per arm")
    axes.set_ylabel(f"smallest {'margin shown' if plan.against_margin else 'difference found'} (points)")
    axes.set_title(fitted(f"{plan.label} ({metric(plan.on)})", 6.5, 10), fontsize="medium", loc="left")
    return figure, points, _caption(plan)


def power_points(plan: _Plan) -> pd.DataFrame:
    """What the figure shows: `target` (these images, new images, floor, margin), `seeds`, `difference` in points."""
    contrast = plan.contrast
    last = min(_MOST, max(30, 2 * contrast.seeds))
    seeds = list(range(_FEWEST, last + 1))
    here, new = power_curve(seeds, contrast.sd, contrast.components, plan.power, plan.alpha)
    rows: list[tuple[str, float, float]] = []
    rows += [("these images", n, 100 * float(value)) for n, value in zip(seeds, here, strict=True)]
    rows += [("new images", n, 100 * float(value)) for n, value in zip(seeds, new, strict=True)]
    if contrast.components is not None:
        floor = detectable_floor(contrast.components, plan.power, plan.alpha)
        rows += [("floor", math.nan, 100 * floor)] if floor > 0 else []
    rows += [("margin", math.nan, 100 * contrast.margin)] if contrast.margin > 0 else []
    return pd.DataFrame(rows, columns=["target", "seeds", "difference"])


def _mark_now(axes: Any, seeds: int) -> None:
    low, high = axes.get_xlim()
    if low <= seeds <= high:
        axes.axvline(seeds, color=GREY, linewidth=1)
        right = seeds < (low + high) / 2
        axes.annotate(
            f"{seeds} seeds so far", (seeds, 1), (4 if right else -4, -2), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="left" if right else "right", va="top", fontsize=SMALL, color=GREY,
        )  # fmt: skip


def _plans(verdicts: Sequence[Verdict]) -> list[_Plan]:
    """The comparisons over shared seeds with noise between them; alpha and power as where verdicts are planned."""
    out = []
    for verdict in verdicts:
        if verdict.claim["on"] in EXACT:
            continue
        against_margin = verdict.claim["expect"] in AGAINST_MARGIN  # one-sided tests; no difference is assumed
        at = levels(verdict.claim, len(verdict.contrasts))
        for one in verdict.contrasts:
            if one.contrast and one.ours.trained and one.theirs.trained and usable(one.contrast):
                label = f"{' − '.join(name(one.ours.cell, one.theirs.cell))}{where(one.context)}"
                out.append(
                    _Plan(
                        str(verdict.claim["says"]),
                        label,
                        str(verdict.claim["on"]),
                        one.contrast,
                        at.alpha,
                        at.power,
                        against_margin,
                    )
                )
    return out


def _explored(compared: pd.DataFrame) -> list[_Plan]:
    out = []
    for row in compared.to_dict("records"):
        if row["contrast"] is not None and row["ours"].trained and row["theirs"].trained and usable(row["contrast"]):
            label = " − ".join(name(row["ours"].cell, row["theirs"].cell))
            out.append(_Plan("", label, "test_error", row["contrast"], ALPHA, POWER))
    return out


def _median(plans: Sequence[_Plan]) -> _Plan | None:
    """The comparison with the median noise; of two, that with more."""
    ordered = sorted(plans, key=lambda plan: plan.contrast.sd)
    return ordered[len(ordered) // 2] if ordered else None


def _count(seeds: int | None, known: bool) -> str:
    return DASH if not known else "impossible" if seeds is None else f"{seeds:,}"


def _caption(plan: _Plan) -> str:
    contrast = plan.contrast
    if plan.against_margin:
        text = f"Smallest margin within which a number of seeds shows, with a power of {100 * POWER:.0f} %, that there is no "
        text, test = f"{text}difference if there is none", f"one-sided at {plan.alpha / 2:.2g}"
    else:
        text = f"Smallest true difference that a number of seeds finds with a power of {100 * POWER:.0f} %"
        test = f"two-sided at {plan.alpha:.2g}"
    text += f", for these {contrast.images:,} test images and for new ones" if contrast.images else ""
    text += (
        f", of the comparison with the median noise between seeds ({contrast.seeds} seeds: SD {100 * contrast.sd:.2g} points), "
        f"{test}."
    )
    if contrast.components is not None:
        text += " Floor: what remains for new images however many seeds are run, because the images are a sample too."
    return text
