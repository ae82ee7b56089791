"""The keys of grid files, the entries below them, and the verdicts, as topics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from resbench.core.docstrings import docstring
from resbench.grid.keys import GRID_KEYS
from resbench.records.claim import EXPECTATIONS, Claim, Published, Target
from resbench.records.study_file import Looks, Story
from resbench.records.theory import Prediction
from resbench.reference.topic import Topic
from resbench.report.format import capitalised
from resbench.report.wording.rules import RULES
from resbench.report.wording.states import SIGNS

# key -> what has its entries
PARTS: Mapping[str, type[BaseModel]] = {
    "claims": Claim,
    "published": Published,
    "theory": Prediction,
    "target": Target,
    "story": Story,
    "seeds": Looks,
}
ENTRIES = {"sizes": "looks"}  # that stand in a grid file under another name
# what the code says elsewhere, or in the words of Python
_OF_CLAIMS = {
    "at": "Axes, as a list, or each with the values that count: one comparison for each combination of their values, together "
    "one family.",
    "expect": f"What is expected of the difference: {', '.join(EXPECTATIONS)}.",
}
_SAID = {
    "source": "Where it is from, as the page prints it.",
    "on": "The metric; `resbench ls probes` lists all.",
    "confirm": "Fresh seeds on which the cell is judged that the seeds of the grid choose, their number or a list; without it "
    "every cell is judged on the seeds of the grid.",
}


def meanings(part: type[BaseModel]) -> list[str]:
    """What each entry of a part of a grid file means, in the order of its fields."""
    said = docstring(part).names | _SAID | (_OF_CLAIMS if part is Claim else {})
    return [capitalised(said[name]) for name in part.model_fields]


def key_topics() -> Iterator[Topic]:
    """Every key of a grid file, and every entry below one."""
    for key in GRID_KEYS:
        yield Topic("key", key.name, key.about, [("takes", key.takes), ("without it", key.default)])
    for key_name, part in PARTS.items():
        for name, meaning in zip(part.model_fields, meanings(part), strict=True):
            yield Topic("key", f"{key_name}.{ENTRIES.get(name, name)}", meaning, [("stands below", key_name)])


def verdict_topics() -> Iterator[Topic]:
    """Every verdict that a claim can have."""
    for state, sign in SIGNS.items():
        yield Topic("verdict", state, RULES[state], [("sign", sign), ("more", "docs/claims.md")])
