"""What is known of one name, as values: for a terminal now, and for pages that are made from the same."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from resbench.core.errors import UserError

Kind = Literal["field", "value", "probe", "metric", "key", "verdict"]


@dataclass(frozen=True)
class Topic:
    """A name and what it means.

    Attributes:
        name: `model.unit`, `model.unit=preact`, `gradients`, `probe.sharpness`, `axes`, `claims.margin`, `mixed`.
        meaning: paragraphs, an empty line between them; the first is the summary.
        facts: (label, text): its default, what it allows, when it acts.
        items: (name, text) of what belongs to it: the values of a field, the metrics of a probe.
    """

    kind: Kind
    name: str
    meaning: str
    facts: Sequence[tuple[str, str]] = ()
    items: Sequence[tuple[str, str]] = ()

    @property
    def summary(self) -> str:
        """The first paragraph."""
        return self.meaning.partition("\n\n")[0].replace("\n", " ")

    @property
    def path(self) -> str:
        """The field of a field, or of a value; else the name."""
        return self.name.partition("=")[0]

    @property
    def short_names(self) -> set[str]:
        """By which it is found too: `unit`, `unit=preact`, `preact`, `sharpness`."""
        path, equals, value = self.name.partition("=")
        leaf = path.rpartition(".")[2]
        return {f"{leaf}={value}", value} if equals else {leaf}

    def fact(self, label: str) -> str:
        """The first fact with this label; empty if there is none."""
        return next((text for known, text in self.facts if known == label), "")


def find(topics: Sequence[Topic], given: str) -> list[Topic]:
    """The topic of this name, or all that have it as a short name; a key hides none of these.

    Raises:
        UserError: there is none; the nearest names are in the line.
    """
    for name in (given, given.lower()):
        exact = [topic for topic in topics if topic.name == name]
        short = [topic for topic in topics if name in topic.short_names and topic not in exact]
        hides = any(topic.kind != "key" for topic in exact)
        if found := exact if hides else [*exact, *short]:
            return found
    near = difflib.get_close_matches(given, sorted(_names(topics)), n=3, cutoff=0.6)
    hint = f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
    raise UserError(
        f"explain {given}: no field, value, probe, metric, key or verdict has this name{hint}; `resbench ls axes` lists the fields, "
        "`resbench ls probes` the rest; what a plug-in brings needs --grid FILE"
    )


def _names(topics: Iterable[Topic]) -> set[str]:
    return {name for topic in topics for name in (topic.name, *topic.short_names) if name}
