"""The page that leads to all others: every study with its question, and every claim with its verdict."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from resbench.core.errors import UserError
from resbench.core.files import alone
from resbench.core.text import plural, printable
from resbench.records.store import study_names
from resbench.report.document import Block, Columns, Paragraph, Table
from resbench.report.format import DASH, difference_text
from resbench.report.goals import goal_blocks
from resbench.report.judge import judge
from resbench.report.outcomes import RESULTS
from resbench.report.page.html import html
from resbench.report.page.markdown import markdown, unescape
from resbench.report.page.save import clean, foreign, is_html, save, write_text
from resbench.report.study import Study, load
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict
from resbench.report.wording.failures import rates
from resbench.report.wording.interactions import place_text
from resbench.report.wording.question import question
from resbench.report.wording.sentence import exact_text, rules, state_text
from resbench.report.wording.states import badge_of
from resbench.report.wording.target import target_sentence

_GOALS = "goals"
_OTHER_PAGES = {_GOALS: "What resbench promises of its own speed, measured.", "gpu": "What a GPU has shown."}
_RULES = "Differences with their 95 % intervals, of shares of images in points."
_ENTRY = re.compile(r"\[.*\]\(<(.+)/report\.md>\): (.*)", re.DOTALL)
_EMPTY = "No study has a report yet."


def _to_stderr(line: str) -> None:
    print(printable(line), file=sys.stderr)


def write_index(results: Path, reports: Path, say: Callable[[str], None] = _to_stderr) -> Path:
    """Write `reports/index.html` and `reports/README.md`.

    A study whose page is in the folder keeps its entry, although its results are elsewhere or damaged.

    Args:
        say: takes a line for each study that cannot be read.

    Returns:
        The HTML page.

    Raises:
        UserError: a file that is not ours is in the place of one of them; both stay as they are.
    """
    with alone(reports):
        return _write_index(results, reports, say)


def _write_index(results: Path, reports: Path, say: Callable[[str], None]) -> Path:
    page, text = reports / "index.html", reports / "README.md"
    others = [path for path, ours in ((page, is_html), (text, _is_index)) if path.exists() and not ours(path)]
    if others:
        raise UserError(map(foreign, others))
    _write_goals(results, reports, say)
    earlier = _entries(text)
    entries = {}
    for name in sorted({*study_names(results), *_pages(reports)}):
        if (reports / name / "report.md").is_file():
            entries[name] = _entry(results, name, say) or earlier.get(name) or [_unread(name)]
    write_text(text, markdown("Reports", _blocks(reports, entries, "report.md")))
    return write_text(page, html("Reports", _blocks(reports, entries, "index.html")))


def _blocks(reports: Path, entries: Mapping[str, Sequence[Block]], file: str) -> list[Block]:
    """The entries whose page has this file; what git keeps of a page is not all of it."""
    blocks = [block for name, entry in entries.items() if (reports / name / file).is_file() for block in entry]
    if any(isinstance(block, Table) for block in blocks):
        blocks.append(Paragraph(f"{_RULES} {rules()}"))
    for name, text in _OTHER_PAGES.items():
        if (reports / name / file).is_file():
            blocks.append(Paragraph(text, link=name, label=name))
    return blocks or [Paragraph(_EMPTY)]


def _write_goals(results: Path, reports: Path, say: Callable[[str], None]) -> None:
    title = "Speed: goals and measurements"
    try:
        if goals := goal_blocks(results):
            save(clean(reports / _GOALS, title), title, goals)
    except UserError as error:
        say(error.lines[0])


def _entry(results: Path, name: str, say: Callable[[str], None]) -> list[Block]:
    """What the index says of a study; nothing if its results are not in the folder, or cannot be read."""
    if not (results / name).is_dir():
        return []
    try:
        study = load(results, name)
    except UserError as error:
        say(error.lines[0])
        return []
    verdicts = verdict_table(judge(study)) if study.records else None
    return [Paragraph(_progress(study), link=name, label=study.name), *([verdicts] if verdicts else [])]


def _pages(reports: Path) -> list[str]:
    """Folders of pages of studies."""
    return [path.parent.name for path in reports.glob("*/report.json")]


def _is_index(path: Path) -> bool:
    """Whether a README.md is an index that we wrote."""
    text = path.read_text(encoding="utf-8", errors="replace")
    opening = text.removeprefix(markdown("Reports", [])).strip()
    return opening != text.strip() and (opening.startswith(_EMPTY) or bool(_ENTRY.match(opening.split("\n")[0])))


def _entries(path: Path) -> dict[str, list[Block]]:
    """What an earlier index says of each study."""
    out: dict[str, list[Block]] = {}
    entry: list[Block] = []
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    for part in text.strip().split("\n\n")[1:]:
        if match := _ENTRY.fullmatch(part):
            name = unescape(match[1])
            label = unescape(part[1 : part.index("](<")])
            entry = out.setdefault(name, [])
            entry.append(Paragraph(unescape(match[2]), link=name, label=label))
        elif part.startswith("| "):
            head, _, *rows = [list(map(unescape, line[2:-2].split(" | "))) for line in part.split("\n")]
            badges = [badge_of(row[head.index("verdict")]) for row in rows] if "verdict" in head else []
            entry.append(Table(head, rows, badges=badges))
        elif part.startswith(_RULES):
            entry = []
        else:
            entry.append(Paragraph(unescape(part)))
    return out


def _unread(name: str) -> Paragraph:
    """The entry of a study of which there is the page alone."""
    return Paragraph("Its results cannot be read here.", link=name, label=name)


def _progress(study: Study) -> str:
    """The question, how far it is, with which settings, and the target where there is one."""
    runs = study.runs.drop_duplicates("id")
    done = int(runs["status"].isin(RESULTS).sum())
    state = f"{done} of {plural(len(runs), 'run')} done."
    overrides = ", ".join(study.overrides)
    changed = f"With other settings than the grid file says: {overrides}." if overrides else ""
    return " ".join(filter(None, (question(study.about), state, changed, target_sentence(study))))


def verdict_table(verdicts: Sequence[ClaimVerdict]) -> Table | None:
    """A row for each comparison of each claim; None where nothing is claimed."""
    columns = Columns()
    for verdict in verdicts:
        for judged in verdict.contrasts:
            columns.put("claim", verdict.claim.says)
            columns.put("at", place_text(judged))
            columns.put("verdict", state_text(judged, bool(verdict.outstanding)))
            columns.put("difference", _difference(verdict, judged))
            columns.put("seeds", str(judged.contrast.seeds) if judged.contrast else DASH)
    return columns.table(badges=list(map(badge_of, columns.texts["verdict"]))) if columns.texts else None


def _difference(verdict: ClaimVerdict, judged: ContrastVerdict) -> str:
    """`test error −0.44 points [−0.63, −0.25]`, or what happened instead."""
    metric = verdict.claim.metric
    if judged.reason:
        return judged.reason
    if judged.ranks or judged.state == "not trained":
        return f"did not train: {rates(judged)}"
    if judged.contrast is None or not judged.contrast.seeds:
        return DASH
    if metric.exact:
        return exact_text(judged.contrast)
    return f"{metric.words} {difference_text(judged.contrast, metric)}"
