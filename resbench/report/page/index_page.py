"""The page that leads to all others: every study with its question, and every claim with its verdict."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from resbench.core.files import alone
from resbench.report.document import Block, Columns, Paragraph, Table
from resbench.report.format import DASH, difference_text, name_of
from resbench.report.goals import goal_blocks
from resbench.report.page.html import html
from resbench.report.page.markdown import markdown
from resbench.report.page.save import clean, save, write_text
from resbench.report.study import Study, load, names
from resbench.report.target import cheapest
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict, judge
from resbench.report.wording import failures, rules


def write_index(results: Path, reports: Path) -> Path:
    """Write `reports/index.html` and `reports/README.md`.

    Returns:
        The HTML page.
    """
    with alone(reports):
        return _write_index(results, reports)


def _write_index(results: Path, reports: Path) -> Path:
    blocks: list[Block] = []
    for name in names(results):
        if (reports / name / "index.html").is_file():
            study = load(results, name)
            blocks.append(Paragraph(_progress(study), link=study.name, label=study.name))
            verdicts = verdict_table(judge(study)) if study.records else None
            blocks += [verdicts] if verdicts else []
    if any(isinstance(block, Table) for block in blocks):
        blocks.append(Paragraph(f"Differences with their 95 % intervals, of shares of images in points. {rules()}"))
    if goals := goal_blocks(results):
        save(clean(reports / "goals"), "Speed: goals and measurements", goals)
        blocks.append(Paragraph("What resbench promises of its own speed, measured.", link="goals", label="goals"))
    shown = blocks or [Paragraph("No study has a report yet.")]
    write_text(reports / "README.md", markdown("Reports", shown))
    return write_text(reports / "index.html", html("Reports", shown))


def _progress(study: Study) -> str:
    """The question, how far it is, with which settings, and the target where there is one."""
    runs = study.runs.drop_duplicates("id")
    done = int(runs["status"].isin(["ok", "diverged"]).sum())
    state = f"{done} of {len(runs)} runs done."
    overrides = ", ".join(study.overrides)
    changed = f"With other settings than the grid file says: {overrides}." if overrides else ""
    return " ".join(filter(None, (_first_sentence(study.about), state, changed, cheapest(study))))


def _first_sentence(about: str) -> str:
    """The question, or whatever the description opens with."""
    text = " ".join(about.split()).removeprefix("Question: ")
    match = re.match(r".*?[.?!](?=\s+[A-Z]|$)", text)
    return match.group() if match else text


def verdict_table(verdicts: Sequence[ClaimVerdict]) -> Table | None:
    """A row for each comparison of each claim; None where nothing is claimed."""
    columns = Columns()
    for verdict in verdicts:
        for judged in verdict.contrasts:
            columns.put("claim", verdict.claim.says)
            columns.put("at", name_of(judged.context) if judged.context else "")
            columns.put("verdict", f"{judged.state}{' so far' if verdict.outstanding else ''}")
            columns.put("difference", _difference(verdict, judged))
            columns.put("seeds", str(judged.contrast.seeds) if judged.contrast else DASH)
    return columns.table() if columns.texts else None


def _difference(verdict: ClaimVerdict, judged: ContrastVerdict) -> str:
    """`test error −0.44 points [−0.63, −0.25]`, or what happened instead."""
    metric = verdict.claim.metric
    if judged.state == "not trained":
        return f"diverged: {failures(judged.ours)} against {failures(judged.theirs)}"
    if judged.contrast is None or not judged.contrast.seeds:
        return DASH
    if metric.exact:
        return f"{judged.contrast.ours:,.0f} against {judged.contrast.theirs:,.0f}"
    return f"{metric.words} {difference_text(judged.contrast, metric)}"
