"""The page that leads to all others: every study with its question, and every claim with its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from resbench.core.files import alone
from resbench.report.document import Block, Columns, Paragraph, Table
from resbench.report.goals import write_goals
from resbench.report.page.html import html
from resbench.report.page.markdown import markdown
from resbench.report.page.save import write_text
from resbench.report.study import Study, first_sentence, load, names
from resbench.report.tables.study import DASH
from resbench.report.target import cheapest
from resbench.report.verdicts import EXACT, Judged, Verdict, judge
from resbench.report.wording import difference, failures, metric, rules, where


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
            blocks.append(Paragraph(_told(study), link=study.name, label=study.name))
            verdicts = verdict_table(judge(study)) if study.records else None
            blocks += [verdicts] if verdicts else []
    if any(isinstance(block, Table) for block in blocks):
        blocks.append(Paragraph(f"Differences with their 95 % intervals, of shares of images in points. {rules()}"))
    if write_goals(results, reports):
        blocks.append(Paragraph("What resbench promises of its own speed, measured.", link="goals", label="goals"))
    shown = blocks or [Paragraph("No study has a report yet.")]
    write_text(reports / "README.md", markdown("Reports", shown))
    return write_text(reports / "index.html", html("Reports", shown))


def _told(study: Study) -> str:
    """The question, how far it is, with which settings, and the target where there is one."""
    runs = study.runs.drop_duplicates("id")
    done = int(runs["status"].isin(["ok", "diverged"]).sum())
    state = f"{done} of {len(runs)} runs done."
    others = ", ".join(map(str, study.asked.get("overrides") or []))
    other = f"With other settings than the grid file says: {others}." if others else ""
    return " ".join(filter(None, (first_sentence(study.about), state, other, cheapest(study))))


def verdict_table(verdicts: Sequence[Verdict]) -> Table | None:
    """A row for each comparison of each claim; None where nothing is claimed."""
    columns = Columns()
    for verdict in verdicts:
        for one in verdict.contrasts:
            columns.put("claim", str(verdict.claim["says"]))
            columns.put("at", where(one.context).removeprefix(" at "))
            columns.put("verdict", f"{one.state}{' so far' if verdict.outstanding else ''}")
            columns.put("difference", _difference(verdict, one))
            columns.put("seeds", str(one.contrast.seeds) if one.contrast else DASH)
    return columns.table() if columns.texts else None


def _difference(verdict: Verdict, one: Judged) -> str:
    """`test error −0.44 points [−0.63, −0.25]`, or what happened instead."""
    on = verdict.claim["on"]
    if one.state == "not trained":
        return f"diverged: {failures(one.ours)} against {failures(one.theirs)}"
    if one.contrast is None or not one.contrast.seeds:
        return DASH
    if on in EXACT:
        return f"{one.contrast.ours:,.0f} against {one.contrast.theirs:,.0f}"
    return f"{metric(on)} {difference(one.contrast, on)}"
