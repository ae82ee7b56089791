"""A page that several studies share: they put the same question to different data, and the first in the story opens it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from resbench.core.text import plural
from resbench.records.store import Store, study_names
from resbench.records.study_file import Story
from resbench.report.document import Block, Bullets, Heading, Image, Paragraph, Table, Views, slug
from resbench.report.format import capitalised
from resbench.report.labels import data_name, listed
from resbench.report.run_blocks import Runs
from resbench.report.study import Study
from resbench.report.verdicts import ClaimVerdict
from resbench.report.wording.interactions import place_text
from resbench.report.wording.states import part_state

_DATA = "data.name"


class Sharing(NamedTuple):
    """Whose page a study stands on.

    Attributes:
        page: the name of its folder.
        names: of the studies that share it, in the order of the story.
    """

    page: str
    names: Sequence[str]


def sharing(results: Path, name: str) -> Sharing:
    """The page of a study: its own, unless its story or that of another one says that they share one.

    A page belongs to the study of that name; without that study there is nothing to share.
    """
    stories = _stories(results)
    page = _page(stories, name)
    names = [one for one in stories if _page(stories, one) == page]
    if len(names) < 2:
        return Sharing(name, [name])
    return Sharing(page, sorted(names, key=lambda one: (rank(stories[one]), one)))


def rank(story: Story | None) -> float:
    """Where a study stands in the order of all; last without a place."""
    return float("inf") if story is None or story.place is None else story.place


def _page(stories: Mapping[str, Story | None], name: str) -> str:
    story = stories.get(name)
    return story.page if story and story.page in stories else name


def _stories(results: Path) -> dict[str, Story | None]:
    """The stories of the studies that can be read."""
    out: dict[str, Story | None] = {}
    for name in study_names(results):
        try:  # no more of the file than that: it may name 100,000 runs
            story = json.loads(Store(results / name).study_path.read_text(encoding="utf-8")).get("story")
            out[name] = Story.from_json(story).sanitised() if story else None
        except (OSError, ValueError, AttributeError, RecursionError):
            continue
    return out


def data_label(study: Study) -> str:
    """What tells a study from those that share its page: its data; its name where that is not one set."""
    names = {data_name(record.settings) for record in study.records}
    return study.labels.value(_DATA, *names) if len(names) == 1 else study.name


class Agreement(NamedTuple):
    """How the verdicts of two studies agree.

    Attributes:
        sentence: in how many comparisons.
        different, same: the comparisons, in words.
    """

    sentence: str
    different: Sequence[str]
    same: Sequence[str]


def agreement(first: Study, ours: Sequence[ClaimVerdict], other: Study, theirs: Sequence[ClaimVerdict]) -> Agreement:
    """Compare the verdicts on what both claim, in the places that both have."""
    there = dict(_states(theirs))
    pairs = [(key, state, there[key]) for key, state in _states(ours) if key in there]
    here, elsewhere = data_label(first), data_label(other)
    same = [f"{_says(key)}: {state}" for key, state, other_state in pairs if state == other_state]
    different = [
        f"{_says(key)}: {state} on {here}, {other_state} on {elsewhere}."
        for key, state, other_state in pairs
        if state != other_state
    ]
    where = f"{capitalised(f'on {elsewhere}')} (study {other.name})"
    if not pairs:
        return Agreement(f"{where} the claims are others: its answer stands below.", [], [])
    count = (
        f"{len(same)} of {plural(len(pairs), 'shared verdict')}" if different else f"all {len(pairs)} shared verdicts"
    )
    rest = f"; {len(different)} {'differs' if len(different) == 1 else 'differ'}" if different else ""
    return Agreement(
        f"{where} {count} {'is' if len(same if different else pairs) == 1 else 'are'} the same{rest}.", different, same
    )


def _states(verdicts: Sequence[ClaimVerdict]) -> Iterator[tuple[tuple[str, str], str]]:
    """Claim and place of each comparison, with its state."""
    for verdict in verdicts:
        for judged in verdict.contrasts:
            key = (verdict.claim.says, place_text(judged))
            yield key, part_state(judged, verdict.claim.metric.exact, bool(verdict.outstanding)).text


def _says(key: tuple[str, str]) -> str:
    says, place = key
    return capitalised(f"{says.rstrip('.')}{f' ({place})' if place else ''}")


def with_others(blocks: Sequence[Block], label: str, others: Sequence[Agreement], setup: str) -> list[Block]:
    """The page of the first study, with what the others say of it after its answer, and its data named.

    Args:
        setup: on what all of them found their answers.
    """
    blocks = [block for block in blocks if not (isinstance(block, Paragraph) and block.soft)]
    leads = [block for block in blocks if isinstance(block, Paragraph) and block.lead]
    rest = [block for block in blocks if not (isinstance(block, Paragraph) and block.lead)]
    out: list[Block] = [Paragraph(setup, soft=True)] if setup else []
    out += [Paragraph(_on(label, leads[0].text), lead=True), *leads[1:]] if leads else []
    out += [Paragraph(one.sentence, lead=True) for one in others]
    after = 1 if rest and isinstance(rest[0], Image) else 0  # the figure that answers
    out += rest[:after]
    for one in others:
        out += [Bullets(one.different)] if one.different else []
        out += [Paragraph(f"{'; '.join(one.same)}.", fold="The same verdict on both")] if one.same else []
    return [*out, *rest[after:]]


def _on(label: str, text: str) -> str:
    """A sentence with the data that it is about."""
    head, colon, rest = text.partition("Exploratory: ")
    return f"Exploratory, on {label}: {rest}" if colon and not head else f"{capitalised(f'on {label}')}: {text}"


def lean(blocks: Sequence[Block]) -> list[Block]:
    """The first study's part of a shared page: folded figures have one form, and those without answers are files."""

    def bare(image: Image) -> Image:
        return dataclasses.replace(image, linked=not image.marks, narrow="", narrow_marks=[])

    return [
        dataclasses.replace(block, images=list(map(bare, block.images))) if isinstance(block, Views) else block
        for block in blocks
    ]


def folded(blocks: Sequence[Block], label: str, prefix: str) -> list[Block]:
    """The page of a further study as a part of the first one's: its answer stands open, its figures and tables are folded."""
    head, claims, tables = list[Block](), list[Block](), list[Block]()
    images, runs = list[Image](), list[Runs]()
    heading = ""
    for block in blocks:
        match block:
            case Heading():
                heading = block.text
            case Image():
                images.append(block)
            case Views():
                images += block.images
            case Table():
                name = f"{prefix}-{block.name or slug(heading)}"
                tables.append(dataclasses.replace(block, name=name, fold=block.fold or f"{heading} on {label}"))
            case Runs():
                runs.append(dataclasses.replace(block, file=f"{prefix}-{block.file}", on=f" on {label}"))
            case Paragraph(fold="Background"):
                pass  # it is that of the first study
            case _:
                (claims if heading == "Claims" else head).append(block)
    bare = [
        dataclasses.replace(image, with_data=False, linked=True) for image in images
    ]  # or the page would be twice as large
    views: list[Block] = [Views(bare, f"Figures on {label}")] if images else []
    said: list[Block] = [Heading(f"Claims on {label}"), *claims] if claims else []
    return [Heading(capitalised(f"on {label}")), *head, *views, *tables, *runs, *said]


def pointer(page: str, names: Sequence[str], question: str) -> list[Block]:
    """The page at the place of a study that stands on the page of another one."""
    return [Paragraph(f"{question} One page answers it for {listed(names)}.", link=f"../{page}", label=page)]
