"""The page of two files that were judged, by the pieces that pages of studies have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from resbench.core.files import alone
from resbench.core.text import plural
from resbench.report.cells import cells
from resbench.report.comparison import seeds_of
from resbench.report.document import Block, Bullets, Columns, Heading, Image, Paragraph, Table
from resbench.report.figures import forest
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.gallery import save_figures
from resbench.report.format import DASH, signed, significant
from resbench.report.judging.judgement import Judgement
from resbench.report.judging.question import AXIS
from resbench.report.labels import listed
from resbench.report.lead import Lead
from resbench.report.page.card import card_facts
from resbench.report.page.index_page import write_index
from resbench.report.page.report_json import report_json
from resbench.report.page.save import THUMB, clean, save, write_text
from resbench.report.page.study_page import claim_blocks
from resbench.report.svg import as_file
from resbench.report.tables.power import power_table
from resbench.report.wording.question import question
from resbench.report.wording.sentence import sentence
from resbench.report.wording.tested import tested_of, tested_text


def write_page(reports: Path, judged: Judgement) -> Path:
    """Write the page into its folder among other pages, and bring their index up to date; returns the HTML page.

    Raises:
        UserError: a file that is not ours is in its place.
    """
    study, verdicts = judged.study, [judged.verdict]
    with alone(reports):
        folder = clean(reports / study.name, study.name)
        evidence = Evidence(study, cells(study), verdicts)
        images = save_figures(folder / "figures", evidence, builders=[forest.figure])
        if images and images[0].narrow:
            write_text(folder / THUMB, as_file(images[0].narrow, images[0].title))
        answer = Lead([sentence(judged.verdict, judged.comparison)])
        facts = card_facts(study.name, study.name, study, verdicts, answer, images)
        write_text(folder / "report.json", report_json(study, verdicts, [], card=facts))
        page = save(folder, study.name, _blocks(judged, answer, images), question(study.about))
    write_index(reports / "none", reports)
    return page


def _blocks(judged: Judgement, answer: Lead, images: Sequence[Image]) -> list[Block]:
    verdicts = [judged.verdict]
    out: list[Block] = [Paragraph(_setup(judged), soft=True)]
    out += [*(Paragraph(text, lead=True) for text in answer.sentences), *images]
    out += [Heading("Notes"), Bullets(judged.notes, strong=True)] if judged.notes else []
    out += claim_blocks(verdicts, tested_text(tested_of(verdicts, judged.study.file.family), verdicts))
    looks = _looks(judged)
    tables = (("Looks so far", looks), ("Runs", _runs(judged)), ("What these seeds can detect", power_table(verdicts)))
    return out + [block for heading, table in tables if table for block in (Heading(heading), table)]


def _setup(judged: Judgement) -> str:
    """How many seeds each file has, on how many images, the margin, and the looks so far."""
    labels = judged.study.labels
    counts = [f"{labels.cell(cell)} {plural(len(runs), 'seed')}" for _, cell, runs in judged.study.cells]
    images = {one.predictions.images for one in judged.study.records if one.predictions}
    tested = f"; {images.pop():,} test images" if len(images) == 1 else ""
    return "; ".join([f"Two files: {listed(counts)}{tested}", *judged.frame])


def _looks(judged: Judgement) -> Table | None:
    """Every number of seeds at which these runs were judged, and what was found; None where there is but one."""
    columns = Columns()
    for reading in judged.readings:
        for claim in reading.claims:
            columns.put("time (UTC)", reading.time[:16].replace("T", " "))
            columns.put("seeds", ", ".join(map(str, claim.seeds)))
            columns.put("state", ", ".join(claim.states))
    return columns.table(name="looks") if len(columns.texts.get("seeds", ())) > 1 else None


def _runs(judged: Judgement) -> Table:
    """The number of each seed in both files."""
    metric, study = judged.verdict.claim.metric, judged.study
    values: dict[str, dict[int, float | None]] = {}
    for _, cell, runs in study.cells:
        numbers = {
            int(seed): study.by_id[run_id].metrics[metric.name]
            for seed, run_id in zip(runs["seed"], runs["id"], strict=True)
            if run_id in study.by_id
        }
        values[study.labels.value(AXIS, cell[AXIS])] = numbers
    ours, theirs = values.values()
    paired = set(seeds_of(judged.comparison.comparison, metric))
    columns = Columns()
    for seed in sorted({*ours, *theirs}):
        columns.put("seed", str(seed), seed)
        for name, numbers in values.items():
            value = numbers.get(seed)
            shown = DASH if value is None else f"{100 * value:.2f}" if metric.proportion else significant(value, 4)
            shown = "diverged" if value is None and seed in numbers else shown
            columns.put(f"{metric.words}{' %' if metric.proportion else ''}, {name}", shown, value)
        a, b = ours.get(seed), theirs.get(seed)
        apart = metric.factor * (a - b) if a is not None and b is not None and seed in paired else None
        columns.put(
            f"difference {metric.unit}".rstrip(), DASH if apart is None else signed(apart, metric.digits), apart
        )
    frame = pd.DataFrame({name: column for name, column in columns.values.items()})
    return columns.table(name="runs", frame=frame)
