"""The page that leads to all others: every study with its question, its answer and its figure, in the order of the story."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from resbench.core.errors import UserError
from resbench.core.files import alone
from resbench.core.text import is_name, printable
from resbench.records.store import Store, study_names
from resbench.records.study_file import StudyFile
from resbench.report import svg
from resbench.report.document import Block, Card, Heading, Paragraph
from resbench.report.goals import goal_blocks
from resbench.report.page.card import CardFacts, read_card
from resbench.report.page.html import html
from resbench.report.page.markdown import markdown
from resbench.report.page.navigation import Place, write_navigation
from resbench.report.page.rules_page import write_rules
from resbench.report.page.save import THUMB, clean, foreign, is_html, save, write_text
from resbench.report.page.shared import rank
from resbench.report.summary import HARDLY
from resbench.report.wording.rules import RULES_PAGE, RULES_TITLE

_GOALS = "goals"
_OTHER_PAGES = {_GOALS: "What resbench promises of its own speed, measured.", "gpu": "What a GPU has shown."}
_RULES = "Differences with their 95 % intervals, of shares of images in points."
_OPENING = re.compile(
    r"(?:1 study|\d+ studies): question, answer and verdicts\.(?:$| Each study )|\[.*\]\(<.+/report\.md>\): ", re.M
)
_INTRODUCTION = (
    " Each study trains networks that differ in what its question names; badges count its claims by their verdicts. "
    f"[untrained] marks cells in which no run trained, [hardly trained] those with less than {100 * HARDLY:.0f} % of the "
    "test images right."
)
_EMPTY = "No study has a report yet."
_MORE = "More studies"


def _to_stderr(line: str) -> None:
    print(printable(line), file=sys.stderr)


def write_index(results: Path, reports: Path, say: Callable[[str], None] = _to_stderr) -> Path:
    """Write `reports/index.html` and `reports/README.md`, and bring the links between the pages up to date.

    What they say of a study comes from the folder of its page, so that it stays although the results are elsewhere or damaged.

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
    write_rules(reports)
    files = _study_files(results, say)
    groups = _groups(reports)
    write_text(text, markdown("Reports", _blocks(reports, groups, "report.md")))
    write_text(page, html("Reports", _blocks(reports, groups, "index.html")))
    places = [Place(group[0].page, [one.name for one in group]) for group in groups]
    write_navigation(results, reports, places, files)
    return page


def _study_files(results: Path, say: Callable[[str], None]) -> dict[str, StudyFile]:
    """The study files that can be read."""
    out = {}
    for name in study_names(results):
        try:
            if file := Store(results / name).study():
                out[name] = file
        except UserError as error:
            say(error.lines[0])
    return out


def _groups(reports: Path) -> list[list[CardFacts]]:
    """What is known of each study that has a page, in the order of the story; those that share a page stand together."""
    names = sorted(path.parent.name for path in reports.glob("*/report.json") if (path.parent / "report.md").is_file())
    cards = [_card(reports, name) for name in names]
    pages: dict[str, list[CardFacts]] = {}
    for card in sorted(cards, key=lambda card: (rank(card.story), card.name)):
        pages.setdefault(card.page, []).append(card)
    chapters: dict[str, list[list[CardFacts]]] = {}
    for group in pages.values():
        story = group[0].story
        chapters.setdefault(story.chapter if story else "", []).append(group)
    last = chapters.pop("", [])
    return [group for part in [*chapters.values(), last] for group in part]


def _card(reports: Path, name: str) -> CardFacts:
    """What is known of a study from its page."""
    card = read_card(reports / name)
    other = card is not None and is_name(card.page) and (reports / card.page / "report.md").is_file()
    if card and card.name == name and (card.page == name or other):
        return card
    again = f"`resbench report {name}` writes it again."
    gone = f"It stood on the page of {card.page}, which is gone: {again}" if card and card.name == name else ""
    answer = gone or f"Its page is of another version of resbench: {again}"
    return CardFacts(name=name, page=name, question="", answer=answer, state="")


def _blocks(reports: Path, groups: Sequence[Sequence[CardFacts]], file: str) -> list[Block]:
    """The studies whose page has this file, by chapter; what git keeps of a page is not all of it."""
    shown = [group for group in groups if (reports / group[0].page / file).is_file()]
    count = sum(map(len, shown))
    noun = "1 study" if count == 1 else f"{count} studies"
    opening = f"{noun}: question, answer and verdicts.{_INTRODUCTION}"
    blocks: list[Block] = [Paragraph(opening)] if shown else []
    if any(card.rows for group in shown for card in group):
        blocks.append(Paragraph(_RULES, link=RULES_PAGE, label=RULES_TITLE))
    blocks += _chapters(reports, shown, narrow=file == "index.html")
    others: list[Block] = [
        Paragraph(text, link=name, label=name)
        for name, text in _OTHER_PAGES.items()
        if (reports / name / file).is_file()
    ]
    blocks += [Heading("resbench itself"), *others] if others else []
    return blocks or [Paragraph(_EMPTY)]


def _chapters(reports: Path, groups: Sequence[Sequence[CardFacts]], narrow: bool) -> Iterator[Block]:
    """A card for each page, below the headings of their chapters.

    Args:
        narrow: whether cards show the form of their figure for narrow screens, which is legible in a small place.
    """
    above = ""
    for group in groups:
        story = group[0].story
        chapter = (story.chapter if story else "") or (_MORE if above else "")
        if chapter != above:
            yield Heading(chapter)
            above = chapter
        first, *also = (_block(reports, card, narrow) for card in group)
        yield first if not also else first._replace(also=also)


def _block(reports: Path, card: CardFacts, narrow: bool) -> Card:
    figure, thumb = f"{card.page}/{card.figure}", f"{card.page}/{THUMB}"
    if narrow and card.figure and (reports / thumb).is_file():
        figure = thumb
    drawn = reports / figure if card.figure and (reports / figure).is_file() else None
    return Card(
        card.name,
        card.page,
        card.question,
        card.answer,
        card.state,
        card.badges,
        card.table,
        figure if drawn else "",
        card.title,
        size=svg.size(drawn.read_text(encoding="utf-8")) if drawn else (0, 0),
    )


def _write_goals(results: Path, reports: Path, say: Callable[[str], None]) -> None:
    title = "Speed: goals and measurements"
    try:
        if goals := goal_blocks(results):
            save(clean(reports / _GOALS, title), title, goals)
    except UserError as error:
        say(error.lines[0])


def _is_index(path: Path) -> bool:
    """Whether a README.md is an index that we wrote."""
    text = path.read_text(encoding="utf-8", errors="replace")
    opening = text.removeprefix(markdown("Reports", [])).strip()
    return opening != text.strip() and (opening.startswith(_EMPTY) or bool(_OPENING.match(opening)))
