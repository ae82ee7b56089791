"""The keys of grid files and the verdicts, as topics."""

from __future__ import annotations

from collections.abc import Iterator

from resbench.core.docstrings import docstring
from resbench.grid.keys import GRID_KEYS
from resbench.records.claim import Claim
from resbench.reference.topic import Topic
from resbench.report.wording.rules import RULES
from resbench.report.wording.states import SIGNS


def key_topics() -> Iterator[Topic]:
    """Every key of a grid file, and of a claim in it."""
    for key in GRID_KEYS:
        yield Topic("key", key.name, key.about, [("takes", key.takes), ("without it", key.default)])
    for name, about in docstring(Claim).names.items():
        if name in Claim.model_fields:
            yield Topic("key", f"claims.{name}", " ".join(about.split()), [("in", "a claim of a grid file")])


def verdict_topics() -> Iterator[Topic]:
    """Every verdict that a claim can have."""
    for state, sign in SIGNS.items():
        yield Topic("verdict", state, RULES[state], [("sign", sign), ("more", "docs/claims.md")])
