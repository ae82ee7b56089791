"""The pages: one for each study, and the index of them."""

from __future__ import annotations

import re
from pathlib import Path

from resbench.report.blocks import (
    Block,
    Bullets,
    Code,
    Heading,
    Image,
    Paragraph,
    Table,
)
from resbench.report.cost import cost_frame, cost_table, known_table
from resbench.report.figures import Figures
from resbench.report.goals import write_goals
from resbench.report.html import html
from resbench.report.markdown import markdown, text_table
from resbench.report.save import clean, save, write_text
from resbench.report.sentences import answer, command, headline, notes
from resbench.report.statistics import cells
from resbench.report.study import Study, first_sentence, load, names
from resbench.report.tables import (
    cell_table,
    excluded_table,
    protocol_table,
    provenance_table,
    published_table,
)


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
    loaded = load(results, study)
    folder = clean(reports / study)
    frame = cells(loaded.runs, loaded.axes)
    drawn = Figures(loaded, frame)
    images = drawn.save(folder / "figures", headline(frame))
    costs = cost_frame(results, loaded)
    if not costs.empty:
        images += drawn.save_cost(folder / "figures", costs)
    trained = cell_table(frame, loaded.axes), answer(loaded, frame), images
    measured = [table for table in (cost_table(costs, loaded.axes), known_table(results, loaded)) if table]
    return save(folder, loaded.name, _blocks(loaded, *trained, measured))


def _blocks(
    study: Study, table: Table, said: tuple[str, list[str]], images: list[Image], measured: list[Table]
) -> list[Block]:
    """What the page shows, in its order: the answer first, then the question, then what a reader must know."""
    warnings, lines = notes(study), said[1]
    trained = bool(study.records or not measured)  # one that is only measured has no answer and no accuracies to show
    out: list[Block] = [Paragraph(said[0], lead=True)] if trained else []
    out += [Paragraph(_unwrapped(study.about))] if study.about.strip() else []
    out += [Heading("Notes"), Bullets(warnings, strong=True)] if warnings else []
    out += [Heading("Differences"), Bullets(lines)] if trained and lines else []
    out += [Heading("Cells"), table] if trained else []
    out += [Heading("Measured cost"), *measured] if measured else []
    out += [Heading("Figures"), *images] if images else []
    for heading, extra in (
        ("Left out", excluded_table(study)),
        ("Published numbers", published_table(study)),
        ("Protocol", protocol_table(study) if study.records else None),
        ("Provenance", provenance_table(study) if study.records else None),
    ):
        out += [Heading(heading), extra] if extra else []
    again = command(study)
    out += [Heading("Outstanding runs"), Code(again)] if again else []
    return out


def _unwrapped(about: str) -> str:
    """A comment's lines joined to paragraphs: a new one begins after an empty line and where a line opens `Cost: `."""
    return re.sub(r"[ \t]*\n[ \t]*(?!\s*\n|[A-Z]\w*: )(?<!\n\n)", " ", about.strip())


def write_index(results: Path, reports: Path) -> Path:
    """Write `reports/index.html` and `reports/README.md`, which lead to the page of each study.

    Returns:
        The HTML page.
    """
    blocks: list[Block] = []
    for name in names(results):
        if (reports / name / "index.html").is_file():
            study = load(results, name)
            done = int(study.runs["status"].isin(["ok", "diverged"]).sum())
            state = f"{done} of {len(study.runs)} runs done."
            blocks.append(Paragraph(f"{first_sentence(study.about)} {state}".strip(), link=name, label=study.name))
    reports.mkdir(parents=True, exist_ok=True)
    if write_goals(results, reports):
        blocks.append(Paragraph("What resbench promises of its own speed, measured.", link="goals", label="goals"))
    shown = blocks or [Paragraph("No study has a report yet.")]
    write_text(reports / "README.md", markdown("Reports", shown))
    return write_text(reports / "index.html", html("Reports", shown))


def summary(results: Path, study: str) -> str:
    """The table of cells and the notes, for the terminal.

    Raises:
        UserError: there is no such study, or its study file is damaged.
    """
    loaded = load(results, study)
    table = text_table(cell_table(cells(loaded.runs, loaded.axes), loaded.axes))
    return "\n".join([table, *(f"note: {note}" for note in notes(loaded))])


def costs(results: Path, study: str) -> str:
    """The table of measured costs, for the terminal.

    Raises:
        UserError: there is no such study, or its study file is damaged.
    """
    loaded = load(results, study)
    table = cost_table(cost_frame(results, loaded), loaded.axes)
    return text_table(table) if table else "nothing measured yet"
