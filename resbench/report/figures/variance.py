"""How much of the spread of the error each axis accounts for: figure and table of the analysis of variance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from resbench.report.document import Table
from resbench.report.figures.drawing import GREY, SMALL, Drawn, canvas, leaf
from resbench.report.statistics.factors import Analysis, anova
from resbench.report.study import Study
from resbench.report.wording import p_text

RESPONSE = "test error (%)"
_MOST_BARS = 16
_COLORS = {"axis": "#0173b2", "interaction": "#56b4e9", "seed": "#ca9161", "residual": "#d0d7de"}
_SCALES = {"as measured": "test error", "square root": "√(test error)"}


@dataclass(frozen=True)
class Factors:
    """What the axes of a study do to its test error.

    Attributes:
        frame: one row per run that ended well: the axes, `seed`, and `RESPONSE`.
        axes: of the study.
        analysis: as `factors.anova` returns; its remark says why the table is empty, or what it leaves out.
    """

    frame: pd.DataFrame
    axes: list[str]
    analysis: Analysis

    @property
    def reason(self) -> str:
        """Why there is no analysis, in a sentence; empty if there is one."""
        return self.analysis.remark if self.analysis.table.empty else ""


def factors_of(study: Study) -> Factors:
    """The analysis of variance of a study, once for its table and its figures."""
    ok = study.runs[study.runs["status"] == "ok"].reset_index(drop=True)
    frame = ok[[*study.axes, "seed"]].copy()
    accuracy = ok["metrics.test_accuracy"] if "metrics.test_accuracy" in ok else pd.Series(math.nan, index=ok.index)
    frame[RESPONSE] = 100 * (1 - pd.to_numeric(accuracy, errors="coerce"))
    found = anova(frame, study.axes, RESPONSE).rounded()
    lost = int((study.runs["status"] == "diverged").sum())
    if lost and not found.table.empty:
        found = Analysis(
            found.table, f"{found.remark} Runs that diverged have no error and take no part: {lost}.".strip()
        )
    return Factors(frame, list(study.axes), found)


def factor_table(factors: Factors) -> Table | None:
    """A row per term, on the error and on its square root; None if there is no analysis (`Factors.reason` says why)."""
    found = factors.analysis.table
    if found.empty:
        return None
    columns: dict[str, list[str]] = {
        "on": [_SCALES[scale] for scale in found["scale"]],
        "term": [_term(term) for term in found["term"]],
        "df": [f"{df:.0f}" for df in found["df"]],
        "F": [_number(value, ",.1f") for value in found["F"]],
        "p": [p_text(value).removeprefix("= ") for value in found["p"]],
    }
    for name, head in (("eta2", "η²"), ("omega2", "ω²"), ("partial_omega2", "partial ω²")):
        columns[head] = [_number(value, ".3f") for value in found[name]]
    raw = {"F": list(found["F"]), "p": list(found["p"]), "η²": list(found["eta2"])}
    raw |= {"ω²": list(found["omega2"]), "partial ω²": list(found["partial_omega2"])}
    caption = (
        "Type II analysis of variance over the seeds that ended, with the seed as a block: what seeds can tell, for "
        "these test images. η²: share of all variation; ω²: the same without what chance adds (below zero means none); "
        "partial ω²: share of what other terms leave. The root of an error varies alike wherever the error lies: an "
        f"interaction that is there on one scale only depends on the scale. {factors.analysis.remark}"
    )
    return Table.of(columns, raw, caption=caption.strip(), name="factors", frame=found)


def draw_shares(factors: Factors) -> Drawn | None:
    """Bars of omega2; the figure, exactly what it shows, and its caption; None if there is no analysis."""
    found = factors.analysis.table
    if found.empty:
        return None
    points = shares(factors)
    height = 0.27 * len(points) + 0.9
    figure = canvas(8.5, height)
    axes = figure.add_subplot()
    for y, row in enumerate(points.to_dict("records")):
        axes.barh(y, max(0.0, row["share"]), height=0.68, color=_COLORS[row["kind"]], zorder=2)
        root = row["share_of_root"]
        if not math.isnan(root):
            axes.plot(
                [max(0.0, root)],
                [y],
                marker="D",
                markersize=4.5,
                color="white",
                markeredgecolor="#24292f",
                zorder=4,
                clip_on=False,
            )
        end = max(0.0, row["share"], 0.0 if math.isnan(root) else root)
        p = "" if math.isnan(row["p"]) else f", p {p_text(row['p'])}"
        axes.annotate(
            f"{100 * row['share']:.1f} %{p}".replace("-", "−"), (end, y), (7, 0), textcoords="offset points", va="center",
            fontsize=SMALL, color=GREY,
        )  # fmt: skip
    axes.set_yticks(range(len(points)), [_term(term) for term in points["term"]], fontsize=SMALL)
    axes.set_ylim(len(points) - 0.4, -0.6)
    most = max(points["share"].max(), points["share_of_root"].max())
    axes.set_xlim(0, 1.25 * most)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0, pad=7)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %" if value <= 1 else "")
    axes.set_xlabel("share of the variation of the test error between runs (ω²)")
    return figure, points, _caption(factors, len(points))


def shares(factors: Factors) -> pd.DataFrame:
    """What the figure shows: `term`, `kind`, `share`, `share_of_root`, `p`; largest first, the rest at the end."""
    found = factors.analysis.table
    raw = found[found["scale"] == "as measured"].to_dict("records")
    root = {row["term"]: row for row in found[found["scale"] == "square root"].to_dict("records")}
    rows = []
    for row in raw:
        term = str(row["term"])
        last = term == "residual"  # what is left has a share, and no estimate of one without chance
        column = "eta2" if last else "omega2"
        kind = term if term in ("seed", "residual") else "interaction" if " x " in term else "axis"
        other = float(root[term][column]) if term in root else math.nan
        rows.append(
            {"term": term, "kind": kind, "share": float(row[column]), "share_of_root": other, "p": float(row["p"])}
        )
    points = pd.DataFrame(rows, columns=["term", "kind", "share", "share_of_root", "p"])
    points = points.assign(last=points["kind"] == "residual")
    points = points.sort_values(["last", "share"], ascending=[True, False], kind="stable").drop(columns="last")
    kept = pd.concat([points.head(_MOST_BARS), points[points["kind"] == "residual"]])
    return kept[~kept.index.duplicated()].reset_index(drop=True)


def _caption(factors: Factors, bars: int) -> str:
    terms = int((factors.analysis.table["scale"] == "as measured").sum())
    text = (
        "Share of the variation of the test error between runs that each axis and each pair of axes accounts for beyond "
        "what they add up to (ω², type II, the seed as a block; below zero means none), for these test images. Residual: "
        "what neither the axes, nor their pairs, nor the seed explain. Diamonds: the same of the root of the error."
    )
    if bars < terms:
        text += f" The largest {bars - 1} of {terms - 1} terms."
    return f"{text} {factors.analysis.remark}".strip()


def _term(term: str) -> str:
    return " × ".join(leaf(axis) for axis in term.split(" x "))


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form).replace("-", "−")
