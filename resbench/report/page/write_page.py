"""Writes the page of a study, or that of the studies that share one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from resbench.core.files import alone
from resbench.report.document import Block, slug
from resbench.report.labels import listed
from resbench.report.lead import Lead
from resbench.report.page.card import card_facts
from resbench.report.page.content import Content, read_content
from resbench.report.page.report_json import report_json
from resbench.report.page.rules_page import write_rules
from resbench.report.page.run_pages import write_run_pages
from resbench.report.page.save import THUMB, clean, save, write_text
from resbench.report.page.shared import Sharing, agreement, data_label, folded, lean, pointer, sharing, with_others
from resbench.report.page.study_page import study_blocks
from resbench.report.svg import as_file
from resbench.report.tables.runs import run_rows
from resbench.report.wording.question import question
from resbench.report.wording.setup import setup_text


def write(results: Path, reports: Path, study: str, command: str = "report") -> Path:
    """Write `reports/<study>/`: page, figures and tables; the same bytes for the same records.

    Of studies that share a page that page is written, and what leads to it at the places of the others.

    Args:
        results: folder of all records.
        reports: folder of all reports.
        study: name of the folder in `results`.
        command: that writes it.

    Returns:
        The HTML page.

    Raises:
        UserError: there is no such study, its study file is damaged, or a page that is not ours is in its place.
    """
    whose = sharing(results, study)
    contents = [content for name in whose.names if (content := read_content(results, name, command, name == study))]
    if whose.page not in (content.name for content in contents):
        whose = Sharing(study, [study])
        contents = [content for content in contents if content.name == study]
    with alone(reports):
        write_rules(reports)
        return _write(results, reports, contents, whose.page)


def _write(results: Path, reports: Path, contents: Sequence[Content], page: str) -> Path:
    """The page of these studies, the first of which opens it."""
    first, *others = contents
    asked = question(first.study.about)
    folders = {content.name: clean(reports / content.name, content.study.name) for content in contents}
    compared = [
        agreement(first.study, first.evidence.verdicts, other.study, other.evidence.verdicts) for other in others
    ]
    blocks = _part(folders, page, first, first.answer)
    for content in contents:
        write_run_pages(folders[page], results, content.name, content.study, run_rows(content.study))
    if others:
        setup = setup_text([one.study for one in contents])
        blocks = with_others(lean(blocks), data_label(first.study), compared, setup)
    for other, agreed in zip(others, compared, strict=True):
        prefix = slug(other.name)
        part = _part(folders, page, other, Lead([agreed.sentence]), f"{prefix}-")
        blocks += folded(part, data_label(other.study), prefix)
    names = [content.study.name for content in contents]
    for content in contents:
        if content.name != page:
            save(folders[content.name], content.study.name, pointer(page, names, asked), asked)
    return save(folders[page], listed(names), blocks, asked)


def _part(folders: Mapping[str, Path], page: str, content: Content, card: Lead, prefix: str = "") -> list[Block]:
    """What the page shows of one study; its figures and `report.json` are written.

    Args:
        card: what the index says of it.
        prefix: of the names of its figures.
    """
    from resbench.report.figures.gallery import save_figures  # check and compare draw nothing

    study, verdicts = content.study, content.evidence.verdicts
    images = save_figures(folders[page] / "figures", content.evidence, prefix)
    if images and images[0].narrow and not prefix:  # of the study that opens the page
        write_text(folders[page] / THUMB, as_file(images[0].narrow, images[0].title))
    facts = card_facts(content.name, page, study, verdicts, card, images)
    write_text(
        folders[content.name] / "report.json",
        report_json(study, verdicts, content.reproductions, content.evidence.theory, facts),
    )
    return study_blocks(content, images)
