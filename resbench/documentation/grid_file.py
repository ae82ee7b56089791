"""The pages on grid files and search files: every key, every field, every value."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from resbench.documentation.markdown import MADE, block, bullets, code, page, paragraphs, prose, table
from resbench.documentation.types import plain_type
from resbench.grid.keys import GRID_KEYS, Key
from resbench.records.claim import DEFAULT_MARGIN
from resbench.records.study_file import SPENDING
from resbench.reference.reference import build
from resbench.reference.shipped import where_used
from resbench.reference.topic import Topic
from resbench.reference.words import ENTRIES, PARTS, meanings
from resbench.tuning.keys import SEARCH_KEYS

_EXAMPLE = """# my-question.yaml
name: my-question
base:
  model: {depth: 22, width: 8}
  recipe: {epochs: 3}
axes:
  model.shortcut: [identity, none]
seeds: 5
claims:
  - says: shortcuts lead to fewer errors
    compare: {model.shortcut: identity}
    to: {model.shortcut: none}
    expect: lower
"""
_SEARCH = """# my-search.yaml
name: my-search
base: {model: {width: 8, depth: 22}, recipe: {epochs: 3}}
arms: {model.shortcut: [identity, none]}
search:
  recipe.lr: {low: 0.005, high: 1.0, log: true}
trials: 30
"""


def grid_file_page() -> str:
    """Every key of a grid file, and every field that it can set or vary."""
    return page(
        "Grid file",
        [
            "What may stand in a grid file, and what each name in it means. `resbench explain NAME` says the same in a "
            f"terminal, and knows your plug-ins too. [Search files](search-file.md) have a page of their own. {MADE}",
            "",
        ],
        block("yaml", _EXAMPLE),
        ["## Keys", ""],
        _overview(GRID_KEYS),
        *(_key(key) for key in GRID_KEYS),
        _fields(),
    )


def search_file_page() -> str:
    """Every key of a search file."""
    own = [key for key in SEARCH_KEYS if key not in GRID_KEYS]
    shared = [key for key in SEARCH_KEYS if key in GRID_KEYS]
    links = [f"[{key.name}](grid-file.md#{key.name})" for key in shared]
    return page(
        "Search file",
        [
            "What may stand in a search file, which `resbench tune` reads. [Search files](../tuning.md) says how to use one. "
            f"{MADE}",
            "",
        ],
        block("yaml", _SEARCH),
        ["## Keys", ""],
        _overview(SEARCH_KEYS),
        [
            f"As in a grid file: {', '.join(links)}. A claim is about the tuned arms, unless it names `tuning`, an axis with "
            "the values `untuned` and `tuned`.",
            "",
        ],
        *(_key(key) for key in own),
    )


def _overview(keys: Sequence[Key]) -> list[str]:
    shared = {key.name for key in keys if key in GRID_KEYS} if keys is not GRID_KEYS else set()
    rows = ([f"[{key.name}]({'grid-file.md' * (key.name in shared)}#{key.name})", prose(key.about)] for key in keys)
    return table(["key", "meaning"], rows)


def _key(key: Key) -> Iterator[str]:
    yield from [f"### {key.name}", ""]
    yield from paragraphs(key.about)
    yield from bullets([f"takes: {key.takes}", f"default: {key.default}"])
    if key in GRID_KEYS and key.name in PARTS:  # the seeds of a search are others
        yield from _entries(PARTS[key.name])
    if key.name == "probes":
        yield from _probes()
    yield from block("yaml", key.example)


def _entries(part: type[BaseModel]) -> list[str]:
    """The entries of a mapping that is read as a part of a study file."""
    rows = (
        [code(ENTRIES.get(name, name)), plain_type(info), _default(name, info), prose(meaning)]
        for (name, info), meaning in zip(part.model_fields.items(), meanings(part), strict=True)
    )
    return table(["entry", "takes", "default", "meaning"], rows)


def _default(name: str, info: FieldInfo) -> str:
    if name in _DEFAULTS:
        return _DEFAULTS[name]
    if info.is_required():
        return "has to be given"
    default = info.get_default(call_default_factory=False)
    return "none" if default in (None, "", PydanticUndefined) else code(str(default))


_DEFAULTS = {
    "at": "all values of every axis that the claim does not name",
    "between": "none: a plain difference",
    "margin": f"{DEFAULT_MARGIN} for shares of images, else 0",
    "spend": code(SPENDING[0]),
}


@functools.cache
def _topics() -> list[Topic]:
    return build()


def _probes() -> list[str]:
    """Every probe, and the metrics that it leaves."""
    probes = [topic for topic in _topics() if topic.kind == "probe"]
    rows = (
        [
            code(one.name),
            one.fact("measured"),
            one.fact("costs"),
            ", ".join(code(name) for name, _ in one.items),
            prose(one.summary),
        ]
        for one in probes
    )
    return [
        *table(["probe", "measured", "costs", "metrics", "meaning"], rows),
        "[Records](records.md#metrics-of-claims) says what each metric is, [Probes](../probes.md) why it is measured.",
        "",
    ]


def _fields() -> Iterator[str]:
    topics = _topics()
    values = {topic.name: topic for topic in topics if topic.kind == "value"}
    fields = [topic for topic in topics if topic.kind == "field"]
    sections = list(dict.fromkeys(topic.name.partition(".")[0] for topic in fields))
    yield from ["## Fields", "", "Each can stand in `base`, or be an axis, an arm or a searched field.", ""]
    for section in sections:
        yield from [f"### Fields of {section}", ""]
        ours = [topic for topic in fields if topic.name.partition(".")[0] == section]
        rows = ([_link(one), code(one.fact("default")), one.fact("allowed"), prose(one.summary)] for one in ours)
        yield from table(["field", "default", "values", "meaning"], rows)
        for topic in ours:
            yield from _field(topic, values)


def _link(topic: Topic) -> str:
    return f"[{topic.name}](#{anchor(topic.name)})"


def anchor(heading: str) -> str:
    """As GitHub makes it of a heading of words, dots and underscores."""
    return heading.lower().replace(".", "").replace(" ", "-")


def _field(topic: Topic, values: dict[str, Topic]) -> Iterator[str]:
    yield from [f"#### {topic.name}", ""]
    yield from paragraphs(topic.meaning)
    facts = [*topic.facts, *where_used(topic)]
    yield from bullets(
        _fact(label, text) for label, text in facts if label not in ("not", "allowed") or _plain(topic, label)
    )
    rows = []
    for name, summary in topic.items:
        rest = values[f"{topic.name}={name}"]
        text = rest.meaning.replace("\n\n", " ") or summary
        alone = [text for label, text in rest.facts if label == "not" and text.startswith("where all other")]
        rows.append([code(name), " ".join([prose(text), *map(prose, (f"Refused {reason}." for reason in alone))])])
    yield from table(["value", "meaning"], rows)
    refused = [text for label, text in topic.facts if label == "not"]
    if refused:
        yield from ["Not together:", "", *bullets(map(prose, refused))]


def _plain(topic: Topic, label: str) -> bool:
    """Whether a field has no table of values, so that what it allows is a fact to list."""
    return label == "allowed" and not topic.items


def _fact(label: str, text: str) -> str:
    shown = code(text) if label in ("default", "example") else prose(text)
    return f"{label}: {shown}"
