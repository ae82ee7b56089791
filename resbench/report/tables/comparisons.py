"""Comparisons of arms as rows: those of each claim, and each cell against its baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from resbench.core.cell import Cell
from resbench.core.text import plural, show
from resbench.records.metrics import METRICS, Metric
from resbench.report.cells import contrast_columns
from resbench.report.document import Columns, Table
from resbench.report.format import DASH, interval_texts, name_of, p_cell, percent
from resbench.report.labels import Labels
from resbench.report.statistics.contrast import Contrast
from resbench.report.verdicts import ClaimVerdict
from resbench.report.wording.interactions import minus_text
from resbench.report.wording.sentence import state_text

_CAPTION = "Differences of shares in percentage points, with 95 % intervals. The CSV file has more tests."
MEANING = (
    "Differences have their 95 % interval for new images (crossed over seeds and images) and for these test images (paired t "
    "over seeds). P: share of seeds in which the first arm is better, with its exact interval. Churn: images that exactly one "
    "of two networks gets wrong. The CSV file has more: sign-flip and rank tests, correlation of the arms, standardised "
    "differences, equivalence."
)


def claim_table(verdicts: Sequence[ClaimVerdict]) -> Table | None:
    """One row per comparison of every claim; None if there are none."""
    columns = Columns()
    for verdict in verdicts:
        claim = verdict.claim
        for judged in verdict.contrasts:
            columns.put("claim", claim.says)
            columns.put("comparison", minus_text(judged))
            columns.put("verdict", state_text(judged, claim.metric.exact))
            columns.put("metric", claim.metric.words)
            columns.put("expected", claim.direction.replace("_", " "))
            _put_contrast(judged.contrast, claim.metric, columns, judged.same)
            columns.put("p (Holm)", p_cell(judged.p_holm), judged.p_holm)
    if not columns.texts:
        return None
    fold = f"Table of {plural(len(columns.texts['claim']), 'comparison')} with all numbers"
    return columns.table(caption=_CAPTION, fold=fold, name="claims", frame=_claim_frame(verdicts))


def _claim_frame(verdicts: Sequence[ClaimVerdict]) -> pd.DataFrame:
    """Every number of each comparison."""
    rows: list[dict[str, Any]] = []
    for verdict in verdicts:
        for judged in verdict.contrasts:
            row: dict[str, Any] = {"claim": verdict.claim.says, "on": verdict.claim.on, "expect": verdict.claim.expect}
            row |= {"compare": name_of(judged.ours.cell), "to": name_of(judged.theirs.cell), "verdict": judged.state}
            row |= {"untrained": judged.ours.untrained, "untrained_theirs": judged.theirs.untrained}
            if judged.ranks:
                row |= {"rank_lower": judged.ranks.lower, "rank_higher": judged.ranks.higher, "p_rank": judged.ranks.p}
            places = list(map(name_of, judged.subtracted[:2])) if judged.subtracted else []
            row |= {"between": " less ".join(places)} if places else {}
            row |= {"p_holm": judged.p_holm, "more_seeds": judged.more_seeds, "images_needed": judged.images_needed}
            rows.append(row | (contrast_columns(judged.contrast) if judged.contrast else {}))
    return pd.DataFrame(rows)


def comparison_table(frame: pd.DataFrame, axes: Sequence[str], baseline: Cell, labels: Labels) -> Table | None:
    """Each cell against its baseline, exploratory; None if there is nothing to compare.

    Args:
        frame: as `cells.comparisons` returns.
    """
    if frame.empty or frame["contrast"].isna().all():
        return None
    columns = Columns()
    rows = frame.to_dict("records")
    for row in rows:
        for axis in axes:
            columns.put(axis, show(row[axis]))
        _put_contrast(row["contrast"], METRICS["test_error"], columns, row["same"])
        columns.put("q", p_cell(row["q"]), row["q"])
    caption = (
        f"Test error of each cell minus that of the baseline ({labels.cell(baseline)}). Exploratory, except where a claim makes "
        f"the same comparison: there its verdict counts, not this row. q: false-discovery rate over all rows. {_CAPTION}"
    )
    whole = [
        {axis: row[axis] for axis in axes}
        | {"q": row["q"]}
        | (contrast_columns(row["contrast"]) if row["contrast"] else {})
        for row in rows
    ]
    return columns.table(caption=caption, name="comparisons", frame=pd.DataFrame(whole))


def _put_contrast(contrast: Contrast | None, metric: Metric, columns: Columns, same: bool) -> None:
    """The numbers of a contrast as cells of a row; of two cells that are the same network there are none."""
    if contrast is None:
        for name in ("seeds", "difference", "on new images", "on these images", "P", "churn %"):
            columns.put(name, "one network" if same and name == "difference" else DASH)
        return
    lead, won = contrast.interval, contrast.improvement
    columns.put("seeds", str(contrast.min_seeds))
    columns.put("difference", interval_texts(lead, metric)[0], metric.factor * lead.estimate)
    for name, interval in (("on new images", contrast.crossed), ("on these images", contrast.this_test_set)):
        columns.put(name, interval_texts(interval, metric)[1] or DASH)
    share = DASH if math.isnan(won.low) else f"{won.estimate:.2f} [{won.low:.2f}, {won.high:.2f}]"
    columns.put("P", share, won.estimate)
    columns.put("churn %", percent(contrast.churn), contrast.churn)
