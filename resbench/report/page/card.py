"""What the index says of a study. It stands in `report.json`, so that the index needs the pages alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from resbench.core.errors import LaterVersion
from resbench.core.json_reader import read_json
from resbench.core.text import plural
from resbench.records.part import Part
from resbench.records.study_file import Story
from resbench.report.document import Badge, Columns, Image, Table
from resbench.report.format import DASH, difference_text
from resbench.report.lead import Lead
from resbench.report.outcomes import RESULTS
from resbench.report.study import Study
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict
from resbench.report.wording.failures import rates
from resbench.report.wording.interactions import place_text
from resbench.report.wording.question import question
from resbench.report.wording.sentence import exact_text, state_text
from resbench.report.wording.states import SIGNS, TOO_FEW, badge_of, shown_state

_SHORT = 120  # characters of an answer below which a second sentence follows


class CountedState(Part):
    """How many claims are shown with a state."""

    kind: str
    count: int


class CardFacts(Part):
    """What the index says of a study.

    Attributes:
        name: of its folder of records.
        page: the folder of its page.
        answer: the first sentence or two of its page.
        figure, title: the figure that answers: its file, as seen from the page, and what it shows.
        state: how far the study is.
        states: of its claims.
        head, rows: a row for each comparison of each claim.
        file: the grid file.
    """

    name: str
    page: str
    question: str
    answer: str
    figure: Annotated[str, Field(pattern=r"^(figures/[a-z0-9-]+\.svg)?$")] = ""
    title: str = ""
    state: str
    states: list[CountedState] = Field(default_factory=list)
    head: list[str] = Field(default_factory=list)
    rows: list[list[str]] = Field(default_factory=list)
    story: Story | None = None
    file: str = ""

    @property
    def badges(self) -> list[Badge]:
        """`3 supported, 1 mixed`."""
        return [Badge(one.kind, SIGNS.get(one.kind, SIGNS[TOO_FEW]), f"{one.count} {one.kind}") for one in self.states]

    @property
    def table(self) -> Table | None:
        """The comparisons with their verdicts; None where nothing is claimed."""
        if not self.rows or any(len(row) != len(self.head) for row in self.rows):
            return None
        verdicts = [row[self.head.index("verdict")] for row in self.rows] if "verdict" in self.head else []
        return Table(
            self.head, self.rows, badges=list(map(badge_of, verdicts)), fold=plural(len(self.rows), "comparison")
        )


def card_facts(
    name: str, page: str, study: Study, verdicts: Sequence[ClaimVerdict], answer: Lead, images: Sequence[Image]
) -> dict[str, Any]:
    """The facts of a study, for `report.json`.

    Args:
        images: the figures of its page, the one that answers first.
    """
    states = Counter(shown_state(verdict).kind for verdict in verdicts)
    table = verdict_table(verdicts)
    facts: dict[str, Any] = {"name": name, "page": page, "question": question(study.about), "answer": _short(answer)}
    facts |= {"figure": f"figures/{images[0].name}.svg", "title": images[0].title} if images else {}
    facts |= {"state": _state(study, verdicts), "file": study.file.file}
    facts |= {"states": [{"kind": kind, "count": states[kind]} for kind in SIGNS if states[kind]]}
    facts |= {"head": list(table.head), "rows": list(map(list, table.rows))} if table else {}
    return facts | ({"story": study.file.story.to_json()} if study.file.story else {})


def read_card(page: Path) -> CardFacts | None:
    """The facts in the folder of a page; None where it has none, as those of earlier versions."""
    try:
        report = read_json((page / "report.json").read_text(encoding="utf-8"))
        card = report.get("card") if isinstance(report, dict) else None
        return CardFacts.from_json(card).sanitised() if card else None
    except (OSError, ValueError, LaterVersion):
        return None


def _short(answer: Lead) -> str:
    """The first sentence of the answer, and the second after a short one."""
    found = [text for text in answer.sentences if text not in answer.progress] or list(answer.sentences)
    return " ".join(found[: 2 if found and len(found[0]) < _SHORT else 1])


def _state(study: Study, verdicts: Sequence[ClaimVerdict]) -> str:
    """`done`, `interim: 2 of 4 runs`, `1 of 5 seeds so far`."""
    runs = study.runs.drop_duplicates("id")
    done = int(runs["status"].isin(RESULTS).sum())
    shown = [shown_state(verdict) for verdict in verdicts]
    few = shown[0].text if shown and all(state.kind == TOO_FEW for state in shown) else ""
    if done < len(runs):
        interim = f"interim: {done} of {plural(len(runs), 'run')}" if done else "no run yet"
        return f"{interim}; {few}" if few and done else interim
    return few or "done"


def verdict_table(verdicts: Sequence[ClaimVerdict]) -> Table | None:
    """A row for each comparison of each claim; None where nothing is claimed."""
    columns = Columns()
    for verdict in verdicts:
        for judged in verdict.contrasts:
            columns.put("claim", verdict.claim.says)
            columns.put("at", place_text(judged))
            columns.put("verdict", state_text(judged, verdict.claim.metric.exact, bool(verdict.outstanding)))
            columns.put("difference", _difference(verdict, judged))
            columns.put("seeds", str(judged.contrast.seeds) if judged.contrast else DASH)
    return columns.table() if columns.texts else None


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
