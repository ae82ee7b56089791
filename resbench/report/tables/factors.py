"""How much of the spread of the error each axis accounts for: the analysis of variance of a study, and its table."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import pandas as pd

from resbench.core.text import plural, show
from resbench.report.comparable import data_note
from resbench.report.document import Table
from resbench.report.format import capitalised, number, p_cell, significant
from resbench.report.labels import Labels
from resbench.report.outcomes import measured, untrained
from resbench.report.statistics.factors import ANOVA_COLUMNS, Analysis, anova, words
from resbench.report.study import Study

RESPONSE = "test error (%)"
_MOST_REPEATS = 0.1  # of the rows; with more the analysis would be of other numbers than were measured
_ADDS_UP = 0.01  # how far the shares may be from 1, by a few runs that are missing
_SMALL = "p values are a little too small."
_MERGED = "Some cells are one network, and it would count their runs under each of their names."
_CAPTION = "Type II analysis of variance over the seeds that trained, with the seed as a block, for these test images."
MEANING = (
    "η²: share of all variation; ω²: the same without what chance adds; partial ω²: share of what other terms leave, without "
    "what chance adds (below zero means none). The root of an error varies alike wherever the error lies: an interaction that "
    "is there on one scale only depends on the scale. F and p compare with one error of all cells, so they are given for the "
    "root alone."
)
_SCALES = {"as measured": "test error", "square root": "√(test error)"}


@dataclass(frozen=True)
class Factors:
    """What the axes of a study do to its test error.

    Attributes:
        frame: one row per run that ended well: the axes, `seed`, and `RESPONSE`.
        axes: of the study.
        analysis: as `factors.anova` returns; its remark says why the table is empty, or what it leaves out.
        merged: whether too many runs stand in several cells for means and intervals over the rows.
    """

    frame: pd.DataFrame
    axes: list[str]
    analysis: Analysis
    merged: bool = False

    @property
    def reason(self) -> str:
        """Why there is no analysis, in a sentence; empty if there is one."""
        return self.analysis.remark if self.analysis.table.empty else ""

    @property
    def no_shares(self) -> str:
        """Why what the terms explain is no share of the variation, in a sentence; empty if it is."""
        sums = self.analysis.table.groupby("scale")["eta2"].sum()
        if (sums.sub(1).abs() <= _ADDS_UP).all():
            return ""
        pairs = [
            f"{words([axis.rpartition('.')[2] for axis in pair])} are crossed only in part"
            for pair in itertools.combinations(self.axes, 2)
            if not self._wholly_crossed(pair)
        ]
        why = f"the grid is not complete ({'; '.join(pairs)})" if pairs else "runs are missing or did not end well"
        return f"The shares do not add up, as {why}."

    def _wholly_crossed(self, pair: tuple[str, str]) -> bool:
        levels = [list(map(show, self.frame[axis])) for axis in pair]
        return len(set(zip(*levels, strict=True))) == math.prod(len(set(texts)) for texts in levels)


def factors_of(study: Study) -> Factors:
    """The analysis of variance of a study, once for its table and its figures."""
    counted = study.runs.index.isin([label for _, _, runs in study.cells for label in measured(runs).index])
    ok = study.runs[counted].reset_index(drop=True)
    frame = ok[[*study.axes, "seed"]].copy()
    accuracy = ok["metrics.test_accuracy"] if "metrics.test_accuracy" in ok else pd.Series(math.nan, index=ok.index)
    frame[RESPONSE] = 100 * (1 - pd.to_numeric(accuracy, errors="coerce"))
    if other := data_note(study):
        nothing = Analysis(pd.DataFrame(columns=ANOVA_COLUMNS), f"{capitalised(other)}.")
        return Factors(frame.iloc[:0], list(study.axes), nothing)
    repeats = len(ok) - ok["id"].nunique()
    merged = repeats > _MOST_REPEATS * len(ok)
    if merged:
        analysis = anova(frame.head(0), study.axes, RESPONSE)._replace(remark=_MERGED)
    else:
        analysis = anova(frame, study.axes, RESPONSE).rounded()
        # noise that grows with the error is no single error to compare all cells with
        analysis.table.loc[analysis.table["scale"] == "as measured", ["F", "p"]] = math.nan
    if repeats and not analysis.table.empty:
        remark = f"Runs of cells that are one network count under each of their names, {repeats} of {len(ok)} twice: {_SMALL}"
        analysis = analysis._replace(remark=f"{analysis.remark} {remark}".strip())
    lost = untrained(study.runs[~counted])
    unknown = int(frame[RESPONSE].isna().sum())
    if not analysis.table.empty:
        remark = analysis.remark
        remark += f" Runs that did not train take no part: {lost}." if lost else ""
        remark += f" Runs that finished without a test accuracy take no part: {unknown}." if unknown else ""
        analysis = Analysis(analysis.table, remark.strip())
    return Factors(frame, list(study.axes), analysis, merged)


def factor_table(factors: Factors, labels: Labels) -> Table | None:
    """A row per term, on the error and on its square root; None if there is no analysis (`Factors.reason` says why)."""
    terms = factors.analysis.table
    if terms.empty:
        return None
    columns: dict[str, list[str]] = {
        "on": [_SCALES[scale] for scale in terms["scale"]],
        "term": [term_words(term, labels) for term in terms["term"]],
        "df": [f"{df:.0f}" for df in terms["df"]],
        "F": [significant(value, 3) for value in terms["F"]],
        "p": [p_cell(value) for value in terms["p"]],
    }
    raw = {"F": list(terms["F"]), "p": list(terms["p"])}
    heads = {"eta2": "η²", "omega2": "ω²", "partial_omega2": "partial ω²"}
    for name in ["partial_omega2"] if factors.no_shares else heads:
        columns[heads[name]] = [number(round(value, 2) + 0.0, ".2f") for value in terms[name]]
        raw[heads[name]] = list(terms[name])
    caption = " ".join(filter(None, [_CAPTION, factors.no_shares, labels.prose(factors.analysis.remark)]))
    fold = f"Analysis of variance: F tests of {plural(terms['term'].nunique() - 1, 'term')}"  # the residual has none
    return Table.of(columns, raw, caption=caption, fold=fold, name="factors", frame=terms)


def shares(factors: Factors, most: int) -> pd.DataFrame:
    """Terms by their share of the variation, the largest first and the residual last.

    Args:
        most: number of terms; the residual is always among them.

    Returns:
        `term`, `kind` (axis, interaction, seed or residual), `share` (ω²; of the residual η²), `share_of_root`, the same
        of the root of the error, and `p`, of the root.
    """
    terms = factors.analysis.table
    root = {row["term"]: row for row in terms[terms["scale"] == "square root"].to_dict("records")}
    rows = []
    for row in terms[terms["scale"] == "as measured"].to_dict("records"):
        term = str(row["term"])
        # what is left has a share, and no estimate of one without chance
        column = "eta2" if term == "residual" else "omega2"
        kind = term if term in ("seed", "residual") else "interaction" if " x " in term else "axis"
        of_root, p = (float(root[term][name]) if term in root else math.nan for name in (column, "p"))
        values = {"share": float(row[column]), "share_of_root": of_root, "p": p}
        rows.append({"term": term, "kind": kind} | values)
    points = pd.DataFrame(rows, columns=["term", "kind", "share", "share_of_root", "p"])
    points = points.assign(last=points["kind"] == "residual")
    points = points.sort_values(["last", "share"], ascending=[True, False], kind="stable").drop(columns="last")
    shown = pd.concat([points.head(most), points[points["kind"] == "residual"]])
    return shown[~shown.index.duplicated()].reset_index(drop=True)


def term_words(term: str, labels: Labels) -> str:
    """`model.depth x model.shortcut` -> `depth × shortcut`."""
    return " × ".join(labels.name(axis) for axis in term.split(" x "))
