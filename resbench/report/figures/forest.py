"""The differences that the claims speak of, each with its intervals, its seeds and its verdict: a forest plot."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from resbench.core.text import plural, show
from resbench.records.metrics import Metric
from resbench.report.comparison import seeds_of
from resbench.report.figures.comparison_rows import Family, Row, claimed, explored, largest
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.forest_sheet import axes_of, draw_forest, has_band, is_cut, linear_to, numbers_of
from resbench.report.figures.marks import Spot
from resbench.report.figures.spots import runs_link
from resbench.report.format import rounded

_COLUMNS = (
    "family", "claim", "metric", "comparison", "kind", "seed", "difference", "low", "high", "simultaneous_low",
    "simultaneous_high", "margin", "verdict",
)  # fmt: skip

_OTHERS = {
    "not trained": "with runs that did not train",
    "same": "of one network with itself",
    "not comparable": "not comparable",
}


def figure(evidence: Evidence) -> Figure | None:
    """Of the claims, or of each cell against its baseline where no claim has a comparison; None without comparisons."""
    stated = claimed(evidence.study, evidence.verdicts, evidence.labels)
    every = stated or explored(evidence.study, evidence.compared, evidence.margin, evidence.labels)
    families, left_out = largest(every)
    if not any(row.drawn for family in families for row in family.rows):
        return None
    points = forest_points(families)
    caption = _caption(families, points, bool(stated))
    if left_out:
        total = sum(len(family.rows) for family in every)
        caption += f" The {total - left_out} largest differences of {total}; the table has all."
    drawn = points.assign(spot=pd.Series(_spots(evidence, families, points), index=points.index, dtype=object))
    draws = [partial(draw_forest, families, drawn, evidence.colors, narrow) for narrow in (False, True)]
    title = _title(families, bool(stated))
    return Figure("forest", points, draws[0], caption, _alt(families, points), title, draws[1])


def forest_points(families: Sequence[Family]) -> pd.DataFrame:
    """A row per comparison (`difference`, or `none` without one) and one per shared seed, in the unit of the metric."""
    rows: list[dict[str, Any]] = []
    for family in families:
        factor = family.metric.factor
        for row in family.rows:
            at = {"family": family.number, "claim": family.says, "metric": family.metric.words}
            at |= {"comparison": row.label, "margin": family.margin}
            point = at | {"kind": "difference" if row.drawn else "none", "verdict": row.verdict}
            if row.drawn and row.contrast is not None:
                lead, wide = row.contrast.interval, row.contrast.simultaneous(family.size)
                point |= {"difference": factor * lead.estimate, "low": factor * lead.low, "high": factor * lead.high}
                point |= {"simultaneous_low": factor * wide.low, "simultaneous_high": factor * wide.high}
            rows.append(point)
            rows += [
                at | {"kind": "seed", "seed": seed, "difference": factor * float(value)}
                for seed, value in zip(seeds_of(row.comparison, family.metric), row.seeds, strict=True)
                if row.drawn
            ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _spots(evidence: Evidence, families: Sequence[Family], points: pd.DataFrame) -> list[Spot]:
    """What each of them stands for: a difference leads to the runs of both arms, that of a seed to the first arm's."""
    rows = {(family.number, row.label): (family.metric, row) for family in families for row in family.rows}
    return [_spot(evidence, *rows[one["family"], one["comparison"]], one) for one in points.to_dict("records")]


def _spot(evidence: Evidence, metric: Metric, row: Row, point: Mapping[Any, Any]) -> Spot:
    ours, theirs = row.ours.cell, row.theirs.cell
    if point["kind"] == "seed":
        run_id = row.ours.runs_of(metric).get(point["seed"])
        value = rounded(point["difference"], math.nan, math.nan, metric)[0]
        said = f"difference in {metric.words} {value} {metric.unit}".rstrip()
        said += f"\nthe first of its {len(row.comparison.arms)} runs:" if run_id else ""
        return Spot(f"{row.label}, seed {point['seed']:g}\n{said}", f"runs/{run_id}.html" if run_id else "")
    shared = {axis: value for axis, value in ours.items() if show(value) == show(theirs.get(axis))}
    link = runs_link(evidence, {} if row.subtracted else shared)
    if not row.drawn:
        return Spot(row.label)  # nothing is drawn of it
    count = len(seeds_of(row.comparison, metric))
    said = f"difference in {metric.words} {numbers_of(point, metric)} {metric.unit}".rstrip()
    return Spot(f"{row.label}\n{said}\n{plural(count, 'seed')}, 95 % interval: {row.verdict}", link)


def _title(families: Sequence[Family], stated: bool) -> str:
    """How many comparisons came out as claimed; without claims, how many differ."""
    rows = [row for family in families for row in family.rows]
    if stated:
        return _outcomes(rows)
    clear = sum(bool(row.contrast and not row.contrast.interval.low <= 0 <= row.contrast.interval.high) for row in rows)
    if len(rows) == 1:
        return f"The other cell {'differs' if clear else 'does not differ'} from the baseline beyond its noise"
    return f"{clear} of {len(rows)} cells {'differs' if clear == 1 else 'differ'} from the baseline beyond the noise"


def _outcomes(rows: Sequence[Row]) -> str:
    """How many comparisons came out as claimed, how many did not, and what became of the others."""
    count = Counter(map(_outcome, rows))
    whole = plural(len(rows), "comparison")
    if count["open"] == len(rows):
        return f"None of {whole} is settled" if len(rows) > 1 else "Not settled"
    held = count["supported"] or ("None" if count["against"] else 0)
    if len(rows) == 1 and (count["supported"] or count["against"]):
        return f"The comparison {'came' if count['supported'] else 'did not come'} out as claimed"
    text = f"{held} of {whole} came out as claimed"
    text += f", {count['against']} did not" if count["against"] else ""
    text += f", {count['open']} {'is' if count['open'] == 1 else 'are'} not settled" if count["open"] else ""
    others = [f"{count[key]} {words}" for key, words in _OTHERS.items() if count[key]]
    return ", ".join([text, *others])


def _outcome(row: Row) -> str:
    """What became of a comparison: of a difference that was claimed, that there is none is settled, and against it."""
    if row.comparison.same and row.verdict not in ("supported", "refuted"):
        return "same"
    if row.verdict.endswith(" seeds"):  # as many as there are so far
        return "open"
    return {"refuted": "against", "equivalent": "against", "inconclusive": "open"}.get(row.verdict, row.verdict)


def _alt(families: Sequence[Family], points: pd.DataFrame) -> str:
    """On which side of zero the intervals lie, and the largest difference of the metric that is first."""
    rows = points[points["kind"] == "difference"]
    metrics = {family.number: family.metric for family in families}
    first = rows[rows["metric"] == rows["metric"].iloc[0]].to_dict("records")
    largest = max(first, key=lambda row: abs(row["difference"]))
    below, above = int((rows["high"] < 0).sum()), int((rows["low"] > 0).sum())
    lost = int((points["kind"] == "none").sum())
    return (
        f"Differences with 95 % intervals: {below} of {len(rows)} intervals lie below zero, {above} above. The largest "
        f"difference in {largest['metric']}: {numbers_of(largest, metrics[largest['family']])} ({largest['comparison']})."
    ) + (f" {plural(lost, 'comparison')} without a difference." if lost else "")


def _caption(families: Sequence[Family], points: pd.DataFrame, claimed: bool) -> str:
    contrasts = [row.contrast for family in families for row in family.rows if row.drawn and row.contrast]
    images = any(not contrast.from_seeds_only for contrast in contrasts)
    over = " for new images (crossed over seeds and images)" if images else " over seeds"
    if images and any(contrast.from_seeds_only for contrast in contrasts):
        over += ", or over seeds where nothing is known by image"
    if any(contrast.one_pair for contrast in contrasts):
        over += ", of two single networks Tango's"
    shown = points[points["kind"] == "difference"]
    parts = ["dot, mean over the seeds that finished in both arms"]
    if points["kind"].eq("seed").any():
        parts.append("ticks, each seed")
    if shown["low"].notna().any():
        parts.append(f"thick bar, 95 % interval{over}")
    if ((shown["simultaneous_low"] < shown["low"]) | (shown["simultaneous_high"] > shown["high"])).any():
        parts.append("thin bar, the interval that holds for all comparisons of a family at once (Bonferroni)")
    text = f"Differences, first arm minus second: {'; '.join(parts)}."
    if has_band(families, points):
        text += " Grey band: differences within the margin, too small to matter."
    if is_cut(families, points):
        text += " Bars that leave the axis are cut."
    for shared in axes_of(families):
        if threshold := linear_to(shared, points):
            words = shared[0].metric.words
            text += f" The axis of {words} is linear up to {threshold:g} and logarithmic beyond."
    if not claimed:
        text += " q: false-discovery rate over all comparisons; none was claimed beforehand."
    if any(row.verdict == "not trained" for family in families for row in family.rows):
        text += " Not trained: runs diverged or collapsed, so that means are not compared, and the worst-rank test does not decide."
    return text
