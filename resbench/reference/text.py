"""Topics as text for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from resbench.reference.shipped import where_used
from resbench.reference.topic import Topic

_MIN_WIDTH = 60
_MOST = 3  # topics of one name that are shown whole
ARXIV = re.compile(r"(?<![\d.])(?:\d{4}\.\d{5}|(?<=arXiv )\d{4}\.\d{4})(?![\d.])")


def as_text(topics: Sequence[Topic], width: int) -> str:
    """Topics in so many columns; of many with one name only a line each."""
    width = max(width, _MIN_WIDTH)
    if len(topics) > _MOST:
        lines = [f"{len(topics)} names are called so; `resbench explain NAME` says more of one:", ""]
        return "\n".join([*lines, *_columns([(topic.name, topic.summary) for topic in topics], width)])
    return "\n\n".join("\n".join(_whole(topic, width)) for topic in topics)


def _whole(topic: Topic, width: int) -> Iterator[str]:
    yield f"{topic.name} ({topic.kind})"
    for paragraph in filter(None, topic.meaning.split("\n\n")):
        yield from textwrap.wrap(paragraph, width, initial_indent="  ", subsequent_indent="  ")
    facts = [fact for fact in topic.facts if not (topic.kind == "field" and topic.items and fact[0] == "allowed")]
    papers = dict.fromkeys(ARXIV.findall("\n".join([topic.meaning, *(text for _, text in [*topic.items, *facts])])))
    facts += [*where_used(topic), *(("paper", f"https://arxiv.org/abs/{number}") for number in papers)]
    yield from ["", *_columns(_once(facts), width)] if facts else []
    if topic.items:
        yield from ["", f"  {'values' if topic.kind == 'field' else 'metrics'}"]
        yield from _columns([(f"  {name}", text) for name, text in topic.items], width)


def _once(facts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each label once, in front of the first of its texts."""
    return [
        ("" if index and facts[index - 1][0] == label else label, text) for index, (label, text) in enumerate(facts)
    ]


def _columns(rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    """Names, and next to them their texts."""
    left = max(len(name) for name, _ in rows) + 4
    for name, text in rows:
        lines = textwrap.wrap(text, max(width - left, 20), break_on_hyphens=False, break_long_words=False) or [""]
        yield f"  {name:{left - 2}}{lines[0]}".rstrip()
        yield from (f"{'':{left}}{line}" for line in lines[1:])


def axes_lines(topics: Sequence[Topic], width: int | None) -> Iterator[str]:
    """A line for each field, by section: its path, default, what it allows and means; as much as there is room for."""
    section = ""
    for topic in topics:
        if topic.kind == "field":
            name = topic.name.partition(".")[0]
            if name != section:
                yield f"{chr(10) if section else ''}{name}"
            section = name
            cells = [(topic.name, 22), (topic.fact("default"), 8), (topic.fact("allowed"), 19)]
            if width:
                short = re.sub(r"\b(integer|number) ", "", topic.fact("allowed"))
                cells[2] = (cut(short, 19), 19)
            yield cut("  ".join(["", *(f"{text:{size}}" for text, size in cells), topic.summary]), width)


def measured_lines(topics: Sequence[Topic], width: int | None) -> Iterator[str]:
    """The same for each probe, and then each metric."""
    for kind, heading in (("probe", "probes: [NAME] in a grid file"), ("metric", "on: NAME in a claim")):
        yield f"{chr(10) if kind == 'metric' else ''}{kind}s ({heading})"
        for topic in topics:
            if topic.kind == kind:
                cost = f"{topic.fact('costs')}: " if kind == "probe" else ""
                yield cut(f"  {topic.name:24} {cost}{topic.summary}", width)


def cut(text: str, width: int | None) -> str:
    """A line that is not wider; the end of a longer one is left out."""
    return text if width is None or len(text) <= width else f"{text[: width - 1].rstrip(' ,')}…"
