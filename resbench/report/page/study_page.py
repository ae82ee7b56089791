"""The page of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from resbench.core.text import plural, printable
from resbench.report.cells import cells
from resbench.report.check import verdict_lines
from resbench.report.document import Block, Bullets, Code, Heading, Image, Paragraph, Table, Views, slug
from resbench.report.format import capitalised
from resbench.report.judge import judge
from resbench.report.lead import Lead
from resbench.report.page.content import Content
from resbench.report.page.markdown import text_table
from resbench.report.shown import fitted
from resbench.report.study import Study, load
from resbench.report.summary import command, notes, others_note
from resbench.report.tables.cells import cell_table
from resbench.report.tables.comparisons import claim_table, comparison_table
from resbench.report.tables.cost import cost_frame, cost_table, reference_table
from resbench.report.tables.factors import factor_table
from resbench.report.tables.hardest import hardest_table
from resbench.report.tables.looks import look_table
from resbench.report.tables.power import power_table
from resbench.report.tables.probes import probe_table
from resbench.report.tables.published import published_table
from resbench.report.tables.runs import run_rows, runs_block
from resbench.report.tables.search import search_tables
from resbench.report.tables.settings import excluded_table, protocol_table, provenance_table
from resbench.report.tables.target import target_table
from resbench.report.tables.theory import theory_table
from resbench.report.tables.words import in_words
from resbench.report.verdicts import ClaimVerdict
from resbench.report.wording.question import context, expectation
from resbench.report.wording.rules import RULES_PAGE, RULES_TITLE
from resbench.report.wording.sentence import sentence, state_note, unpaired_text
from resbench.report.wording.setup import setup_text
from resbench.report.wording.states import shown_state
from resbench.report.wording.target import target_sentence
from resbench.report.wording.tested import tested_of, tested_text

if TYPE_CHECKING:
    from resbench.report.figures.evidence import Evidence


def study_blocks(content: Content, images: Sequence[Image]) -> list[Block]:
    """What the page shows, in its order: the answer with its figure, what a reader must know, the other figures, the rest."""
    evidence, measured, study = content.evidence, content.measured, content.study
    trained = bool(study.records or not measured)  # one that is only measured has no cells to show
    out = _opening(study, content.answer, images[:1])
    warnings = notes(study)
    out += [Heading("Notes"), Bullets(warnings, strong=True)] if warnings else []
    out += [Heading("Figures"), *_with_views(images[1:])] if images[1:] else []
    out += claim_blocks(
        evidence.verdicts, tested_text(tested_of(evidence.verdicts, study.file.family), evidence.verdicts)
    )
    sections: list[tuple[str, Sequence[Block | None]]] = [
        ("Looks", [look_table(evidence.verdicts)]),
        ("Target", [target_table(study)]),
        ("Cells", [cell_table(evidence.frame, study.axes) if trained else None]),
        ("Runs", [runs_block(study, run_rows(study))]),
        ("Against the baseline", [_against_baseline(evidence)]),
        ("Effect of each factor", [factor_table(evidence.factors, evidence.labels)]),
        ("Why it trains", [probe_table(study)]),
        ("What these seeds can detect", [power_table(evidence.verdicts)]),
        ("Hardest images", [hardest_table(evidence.hardest)]),
        ("Tuning", search_tables(evidence.trials, study.labels) if evidence.trials else []),
        ("Measured cost", measured),
        ("Published numbers", [published_table(content.reproductions, study.labels)]),
        ("Theory", [theory_table(evidence.theory, study.labels)]),
        ("Excluded cells", [excluded_table(study)]),
        ("Protocol", [protocol_table(study) if study.records else None]),
        ("Provenance", [provenance_table(study) if study.records else None, *map(Paragraph, others_note(study))]),
    ]
    for heading, tables in sections:
        shown = [table for table in tables if table]
        out += [Heading(heading), *shown] if shown else []
    resume = command(study)
    out += [Heading("Missing runs"), Code(resume)] if resume else []
    out = out if any(verdict.contrasts for verdict in evidence.verdicts) else [*out, _rules()]
    words = evidence.arms.words if trained else {}
    return [in_words(block, study.axes, study.labels, words) if isinstance(block, Table) else block for block in out]


def _with_views(images: Sequence[Image]) -> list[Image | Views]:
    """The figures that stand open, and the others folded away."""
    rest = [image for image in images if not image.opened]
    return [*(image for image in images if image.opened), *([Views(rest)] if rest else [])]


def _opening(study: Study, answer: Lead, first: Sequence[Image]) -> list[Block]:
    """On what the answer was found, the answer and the figure that shows it, what else was found, and what the grid file says of the question."""
    setup = setup_text([study])
    out: list[Block] = [Paragraph(setup, soft=True)] if setup else []
    out += [*(Paragraph(text, lead=True) for text in answer.sentences), *first]
    out += [Bullets(answer.more)] if answer.more else []
    about = [("Background", context(study.about)), ("Expectation and cost, as stated", expectation(study.about))]
    return [*out, *(Paragraph(text, fold=title) for title, text in about if text)]


def _against_baseline(evidence: Evidence) -> Table | None:
    """Each cell against the baseline, folded away where claims say what matters of it."""
    study = evidence.study
    table = comparison_table(evidence.compared, study.axes, study.baseline, study.labels)
    if table and any(verdict.contrasts for verdict in evidence.verdicts):
        return replace(table, fold=f"Test error of {plural(len(table.rows), 'cell')} against that of the baseline")
    return table


def claim_blocks(verdicts: Sequence[ClaimVerdict], tested: str) -> list[Block]:
    """The claims with their verdicts and comparisons, and their table; nothing where nothing is claimed.

    Args:
        tested: how much was tested, in a sentence.
    """
    table = claim_table(verdicts)
    if not table:
        return []
    out: list[Block] = [Heading("Claims"), _rules(tested)]
    for verdict in verdicts:
        source = f" Source: {verdict.claim.source}" if verdict.claim.source else ""
        says, note = capitalised(verdict.claim.says.rstrip(".")), state_note(verdict)
        anchor = f"claim-{slug(verdict.claim.says)}"
        out.append(Paragraph(f"{says}{note}.{source}", badge=shown_state(verdict).badge, anchor=anchor))
        texts = [*(sentence(verdict, judged) for judged in verdict.contrasts), unpaired_text(verdict)]
        out.append(Bullets(list(filter(None, texts))))
    return [*out, table]


def _rules(text: str = "") -> Paragraph:
    """The way to the page of the rules."""
    return Paragraph(text, link=f"../{RULES_PAGE}", label=RULES_TITLE)


def summary(results: Path, study: str, width: int | None = None) -> str:
    """The table of cells and the notes, for the terminal.

    Args:
        width: in columns, which the table is fit to; None for all of it.

    Raises:
        UserError: there is no such study, or its study file is damaged.
    """
    loaded = load(results, study)
    table = cell_table(cells(loaded), loaded.axes)
    lines = fitted(table, width) if width else [text_table(table)]
    lines += [printable(f"note: {note}") for note in [*notes(loaded), *others_note(loaded)]]
    lines += [printable(target_sentence(loaded))] if loaded.target else []
    return "\n".join([*lines, *verdict_lines(judge(loaded))])


def costs(results: Path, study: str) -> str:
    """The tables of measured costs, for the terminal.

    Raises:
        UserError: there is no such study, or its study file is damaged.
    """
    loaded = load(results, study)
    tables = [cost_table(cost_frame(results, loaded), loaded.axes), reference_table(results, loaded)]
    return "\n\n".join(text_table(table) for table in tables if table) or "nothing measured yet"
