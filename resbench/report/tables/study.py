"""Frames as tables for people: fractions become percent with two decimals, absent numbers a dash."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from resbench.core.config import flatten
from resbench.report.arms import name as arm_names
from resbench.report.cells import contrast_columns
from resbench.report.document import Columns, Table
from resbench.report.frames import show
from resbench.report.published import Published, value_text
from resbench.report.statistics.contrast import Contrast
from resbench.report.study import Study
from resbench.report.verdicts import Verdict, direction, unit
from resbench.report.wording import metric, p_text, rules, signed, span, where

DASH = "–"
_MEANING = (
    "Test accuracy in percent: mean over the seeds that ended, with its 95 % interval for new images of this kind "
    "(crossed over seeds and images; of one network Wilson's) and, never wider, for these test images (Student's t over "
    "seeds). SD: standard deviation over seeds; true SD: what it would be without the noise of a finite test set "
    "(Jordan 2023, equation 3). Diverged runs are counted, with Wilson's interval, and are in no mean."
)
_RAW = {
    "test accuracy": "mean",
    "errors in 10,000": "errors",
    "train loss": "train_loss",
    "train accuracy": "train_accuracy",
    "val. accuracy": "val_accuracy",
    "parameters": "parameters",
    "MFLOPs": "flops",
    "seconds a run": "train_seconds",
}


def percent(fraction: float) -> str:
    """`0.9923` -> `99.23`."""
    return DASH if math.isnan(fraction) else f"{100 * fraction:.2f}"


def within(mean: float, low: float, high: float) -> str:
    """`99.23 [99.05, 99.38]` of shares, or the mean alone where there is no interval."""
    return percent(mean) + ("" if math.isnan(low) else f" [{percent(low)}, {percent(high)}]")


def number(value: float, form: str = ",.0f") -> str:
    """A number, or a dash where there is none."""
    return DASH if math.isnan(value) else format(value, form)


def name_of(cell: Mapping[str, Any]) -> str:
    """A cell in words, `model.depth 58, model.shortcut none`."""
    return ", ".join(f"{path} {show(value)}" for path, value in cell.items()) or "the only cell"


def cell_table(frame: pd.DataFrame, axes: Sequence[str]) -> Table:
    """One row per cell.

    Args:
        frame: what `cells.cells` returns.
        axes: the columns that name a cell.
    """
    rows = frame.to_dict("records")
    columns: dict[str, list[str]] = {axis: [show(row[axis]) for row in rows] for axis in axes}
    columns["seeds"] = [_of(int(row["seeds_ok"]), int(row["planned"])) for row in rows]
    if frame["diverged"].sum():
        columns["diverged"] = [_rate(row) for row in rows]
    if frame["failed"].sum():
        columns["failed"] = [str(row["failed"]) for row in rows]
    columns["test accuracy"] = [within(row["mean"], row["low"], row["high"]) for row in rows]
    if frame["seed_low"].notna().any():
        columns["on these images"] = [_range(row["seed_low"], row["seed_high"]) for row in rows]
        columns["SD"] = [percent(row["sd"]) for row in rows]
        columns["true SD"] = [percent(row["true_sd"]) for row in rows]
        columns["least – most"] = [
            f"{percent(row['least'])} – {percent(row['most'])}" if row["seeds_ok"] else DASH for row in rows
        ]
    columns["errors in 10,000"] = [number(row["errors"], ",.1f") for row in rows]
    columns["train loss"] = [number(row["train_loss"], ".4f") for row in rows]
    columns["train accuracy"] = [percent(row["train_accuracy"]) for row in rows]
    if frame["val_accuracy"].notna().any():
        columns["val. accuracy"] = [percent(row["val_accuracy"]) for row in rows]
    columns["parameters"] = [number(row["parameters"]) for row in rows]
    columns["MFLOPs"] = [number(row["flops"] / 1e6, ",.1f") for row in rows]
    columns["seconds a run"] = [number(row["train_seconds"]) for row in rows]
    raw = {name: [row[field] for row in rows] for name, field in _RAW.items() if name in columns}
    return Table.of(columns, raw, caption=_MEANING, name="cells", frame=frame)


def _range(low: float, high: float) -> str:
    return DASH if math.isnan(low) else f"[{percent(low)}, {percent(high)}]"


def _rate(row: Mapping[Any, Any]) -> str:
    """`7 (70 % [40, 89])`."""
    if not row["diverged"]:
        return "0"
    share = 100 * row["diverged"] / row["seeds_done"]
    return f"{row['diverged']} ({share:.0f} % [{100 * row['diverged_low']:.0f}, {100 * row['diverged_high']:.0f}])"


def _of(done: int, planned: int) -> str:
    return str(done) if done == planned else f"{done} of {planned}"


def excluded_table(study: Study) -> Table | None:
    """Cells that were left out, and why."""
    rows = [[name_of(entry["cell"]), str(entry["because"])] for entry in study.asked.get("excluded") or []]
    return Table(["cell", "left out because"], rows) if rows else None


def published_table(found: Sequence[Published]) -> Table | None:
    """Published numbers beside ours, each with a verdict and its reason."""
    rows = []
    for one in found:
        on, value = str(one.row["on"]), float(one.row["value"])
        ours = value_text(one.ours.estimate, on)
        if not math.isnan(one.ours.low):
            ours += f" [{value_text(one.ours.low, on)}, {value_text(one.ours.high, on)}]"
        at = name_of(one.row["at"])
        rows.append([one.row["source"], at, on, value_text(value, on), ours, str(one.seeds), one.verdict, one.because])
    caption = (
        "Shares in percent. Ours: mean over seeds, and where the mean of as many new runs as the published one's would "
        "lie (95 %, Student); reproduced if the published number lies there."
    )
    head = ["source", "at", "metric", "published", "ours", "seeds", "verdict", "because"]
    return Table(head, rows, caption) if rows else None


def claim_table(verdicts: Sequence[Verdict]) -> Table | None:
    """One row per comparison of every claim."""
    columns = Columns()
    for verdict in verdicts:
        claim = verdict.claim
        for one in verdict.contrasts:
            ours, theirs = arm_names(one.ours.cell, one.theirs.cell)
            columns.put("claim", str(claim["says"]))
            columns.put("comparison", f"{ours} − {theirs}{where(one.context)}")
            columns.put("verdict", one.state)
            columns.put("metric", metric(claim["on"]))
            columns.put("expected", direction(claim))
            contrast_cells(one.contrast, claim["on"], columns)
            columns.put("p (Holm)", p_text(one.p_holm).removeprefix("= "), one.p_holm)
    if not columns.texts:
        return None
    whole = pd.DataFrame(
        [
            {"claim": verdict.claim["says"], "on": verdict.claim["on"], "expect": verdict.claim["expect"]}
            | {"compare": name_of(one.ours.cell), "to": name_of(one.theirs.cell), "verdict": one.state}
            | {"p_holm": one.p_holm, "more_seeds": one.more_seeds, "images_needed": one.images_needed}
            | (contrast_columns(one.contrast) if one.contrast else {})
            for verdict in verdicts
            for one in verdict.contrasts
        ]
    )
    return columns.table(caption=f"{CONTRASTS} {rules()}", name="claims", frame=whole)


CONTRASTS = (
    "Differences of shares in percentage points, with the 95 % interval for new images (crossed over seeds and images), "
    "for these test images (paired t over seeds). "
    "P: share of seeds in which the first arm is better, with its exact interval. Churn: images that "
    "exactly one of two networks misses. The CSV file has more: sign-flip and rank tests, correlation of "
    "the arms, standardised differences, equivalence."
)


def contrast_cells(contrast: Contrast | None, on: str, columns: Columns) -> None:
    """The numbers of a contrast as cells of a row."""
    factor, _ = unit(on)
    if contrast is None:
        for name in ("seeds", "difference", "on new images", "on these images", "P", "churn %"):
            columns.put(name, DASH)
        return
    columns.put("seeds", str(min(contrast.seeds, contrast.seeds_theirs)))
    columns.put("difference", signed(factor * contrast.interval.estimate), factor * contrast.interval.estimate)
    columns.put("on new images", DASH if math.isnan(contrast.crossed.low) else span(contrast.crossed, on))
    columns.put("on these images", DASH if math.isnan(contrast.seed_only.low) else span(contrast.seed_only, on))
    won = contrast.improvement
    columns.put(
        "P", DASH if math.isnan(won.low) else f"{won.estimate:.2f} [{won.low:.2f}, {won.high:.2f}]", won.estimate
    )
    columns.put("churn %", percent(contrast.churn), contrast.churn)


def comparison_table(frame: pd.DataFrame, axes: Sequence[str], baseline: Mapping[str, Any]) -> Table | None:
    """Each cell against its baseline; exploratory.

    Args:
        frame: as `cells.comparisons` returns.
    """
    columns = Columns()
    for row in frame.to_dict("records"):
        for axis in axes:
            columns.put(axis, show(row[axis]))
        contrast_cells(row["contrast"], "test_error", columns)
        columns.put("q", p_text(row["q"]).removeprefix("= "), row["q"])
    if not columns.texts:
        return None
    caption = (
        f"Test error of each cell minus that of the baseline ({name_of(baseline)}). Exploratory, but for what a claim "
        "names: its verdict counts, not this row. q: false-discovery rate over all rows (Benjamini and Hochberg). "
        + CONTRASTS
    )
    rows = [
        {axis: row[axis] for axis in axes}
        | {"q": row["q"]}
        | (contrast_columns(row["contrast"]) if row["contrast"] else {})
        for row in frame.to_dict("records")
    ]
    return columns.table(caption=caption, name="comparisons", frame=pd.DataFrame(rows))


def protocol_table(study: Study) -> Table:
    """Settings that are the same, or not declared as an axis and yet not the same, in all records."""
    rows = [[path, " / ".join(values)] for path, values in study.settings.items()]
    return Table(["setting", "value"], rows, fold=f"All {len(rows)} settings that are no axis")


def provenance_table(study: Study) -> Table:
    """Which code, libraries and hardware the records come from."""
    found = {path for record in study.records for path in flatten(record["provenance"])}
    rows = []
    for path in sorted(found):
        values = study.provenance(path)
        text = " / ".join(value if len(values) == 1 else f"{value} ({count})" for value, count in values.items())
        rows.append([path, text])
    return Table(["what", "value (number of records)"], rows, fold=f"Where the {len(study.records)} records come from")
