"""The page of a study."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from resbench.core.files import alone
from resbench.core.text import printable
from resbench.report.cells import cells, comparisons, contrast_columns, margin_of
from resbench.report.check import verdict_lines
from resbench.report.document import (
    Block,
    Bullets,
    Code,
    Heading,
    Image,
    Paragraph,
    Table,
)
from resbench.report.figures.gallery import Figures
from resbench.report.page.markdown import text_table
from resbench.report.page.save import clean, save, write_text
from resbench.report.published import compare_published
from resbench.report.study import Study, load
from resbench.report.summary import answer, command, headline, notes
from resbench.report.tables.cost import cost_frame, cost_table, known_table
from resbench.report.tables.search import load_trials, search_tables
from resbench.report.tables.study import (
    cell_table,
    claim_table,
    comparison_table,
    excluded_table,
    protocol_table,
    provenance_table,
    published_table,
)
from resbench.report.target import cheapest, target_found, target_table
from resbench.report.verdicts import Judged, Verdict, judge
from resbench.report.wording import sentence
from resbench.report.wording import summary as summary_of


def write(results: Path, reports: Path, study: str) -> Path:
    """Write `reports/<study>/`: page, figures and tables; the same bytes for the same records.

    Args:
        results: folder of all records.
        reports: folder of all reports.
        study: name of the folder in `results`.

    Returns:
        The HTML page.

    Raises:
        UserError: there is no such study, or its study file is damaged.
    """
    page = _Page(results, load(results, study))
    with alone(reports):
        return _write(page, reports / study)


def _write(page: _Page, folder: Path) -> Path:
    folder = clean(folder)
    drawn = Figures(page.study, page.frame, page.verdicts, page.compared)
    images = drawn.save(folder / "figures", headline(page.frame))
    if not page.costs.empty:
        images += drawn.save_cost(folder / "figures", page.costs)
    if page.trials:
        images += drawn.save_search(folder / "figures", page.trials)
    write_text(folder / "report.json", page.json())
    return save(folder, page.study.name, page.blocks(images, drawn.sections()))


class _Page:
    """What a page says, computed once.

    Args:
        results: folder of all records.
        study: of which the page is.
    """

    def __init__(self, results: Path, study: Study) -> None:
        self.study = study
        self.frame = cells(study)
        self.verdicts = judge(study)
        self.published = compare_published(study)
        self.compared = comparisons(study, study.baseline, margin_of(study)) if study.baseline else pd.DataFrame()
        self.costs = cost_frame(results, study)
        self.trials = load_trials(results, study.name)
        self.measured = [table for table in (cost_table(self.costs, study.axes), known_table(results, study)) if table]

    def blocks(self, images: list[Image], more: list[tuple[str, list[Block | None]]]) -> list[Block]:
        """What the page shows, in its order: the answer, the question, what a reader must know, claims, the rest."""
        study = self.study
        trained = bool(study.records or not self.measured)  # one that is only measured has no answer to show
        out: list[Block] = []
        if trained:
            found = (cheapest(study), answer(self.frame, study, self.verdicts, self.compared))
            out.append(Paragraph(" ".join(filter(None, found)), lead=True))
        out += [Paragraph(_unwrapped(study.about))] if study.about.strip() else []
        warnings = notes(study)
        out += [Heading("Notes"), Bullets(warnings, strong=True)] if warnings else []
        out += self._claims()
        out += [Heading("Figures"), *images] if images else []
        sections: list[tuple[str, list[Block | None]]] = [
            ("Target", [target_table(study)]),
            ("Cells", [cell_table(self.frame, study.axes) if trained else None]),
            ("Against the baseline", [self._comparisons()]),
            *more,
            ("Tuning", search_tables(self.trials) if self.trials else []),
            ("Measured cost", [*self.measured]),
            ("Published numbers", [published_table(self.published)]),
            ("Left out", [excluded_table(study)]),
            ("Protocol", [protocol_table(study) if study.records else None]),
            ("Provenance", [provenance_table(study) if study.records else None]),
        ]
        for heading, tables in sections:
            there = [table for table in tables if table]
            out += [Heading(heading), *there] if there else []
        again = command(study)
        out += [Heading("Outstanding runs"), Code(again)] if again else []
        return out

    def _claims(self) -> list[Block]:
        table = claim_table(self.verdicts)
        if not table:
            return []
        out: list[Block] = [Heading("Claims")]
        for verdict in self.verdicts:
            source = f" ({verdict.claim['source']})" if "source" in verdict.claim else ""
            out.append(Paragraph(f"{_capital(summary_of(verdict))}{source}"))
            out.append(Bullets([sentence(verdict, one) for one in verdict.contrasts]))
        return [*out, table]

    def _comparisons(self) -> Table | None:
        if self.compared.empty or self.compared["contrast"].isna().all():
            return None
        return comparison_table(self.compared, self.study.axes, self.study.baseline)

    def json(self) -> str:
        """The verdicts for machines, with every number of each contrast."""
        claims = [
            {
                **verdict.claim,
                "verdict": verdict.state,
                "outstanding": verdict.outstanding,
                "contrasts": [_contrast(verdict, one) for one in verdict.contrasts],
            }
            for verdict in self.verdicts
        ]
        found = [
            {**one.row, "ours": one.ours.estimate, "low": one.ours.low, "high": one.ours.high, "seeds": one.seeds}
            | {"verdict": one.verdict, "because": one.because}
            for one in self.published
        ]
        counts = self.study.runs["status"].value_counts().sort_index().to_dict()
        told = {"schema": 1, "study": self.study.name, "runs": counts, "claims": claims, "published": found}
        told |= {"target": target} if (target := target_found(self.study)) else {}
        return json.dumps(_finite(told), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _contrast(verdict: Verdict, one: Judged) -> dict[str, Any]:
    numbers = contrast_columns(one.contrast) if one.contrast else {}
    told: dict[str, Any] = {
        "at": dict(one.context),
        "compare": dict(one.ours.cell),
        "to": dict(one.theirs.cell),
        "verdict": one.state,
    }
    told |= {"sentence": sentence(verdict, one), "p_holm": one.p_holm, "more_seeds": one.more_seeds}
    return told | {"images_needed": one.images_needed, "detectable": one.detectable} | numbers


def _finite(value: Any) -> Any:
    """The same with null for what is no number: JSON has no NaN. Ten digits, as in the tables."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.10g}") if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else bool(value) if isinstance(value, np.bool_) else value


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _unwrapped(about: str) -> str:
    """A comment's lines joined to paragraphs: a new one begins after an empty line and where a line opens `Cost: `."""
    return re.sub(r"[ \t]*\n[ \t]*(?!\s*\n|[A-Z]\w*: )(?<!\n\n)", " ", about.strip())


def summary(results: Path, study: str) -> str:
    """The table of cells and the notes, for the terminal.

    Raises:
        UserError: there is no such study, or its study file is damaged.
    """
    loaded = load(results, study)
    table = text_table(cell_table(cells(loaded), loaded.axes))
    told = [printable(cheapest(loaded))] if loaded.asked.get("target") else []
    told += verdict_lines(judge(loaded))
    return "\n".join([table, *(printable(f"note: {note}") for note in notes(loaded)), *told])


def costs(results: Path, study: str) -> str:
    """The table of measured costs, for the terminal.

    Raises:
        UserError: there is no such study, or its study file is damaged.
    """
    loaded = load(results, study)
    table = cost_table(cost_frame(results, loaded), loaded.axes)
    return text_table(table) if table else "nothing measured yet"
