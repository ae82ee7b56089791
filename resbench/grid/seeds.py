"""The seeds of a grid: a number of them, a list, or a plan to look at the claims after so many of them and so many more."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from resbench.core.config import suggestion
from resbench.grid.source import Source
from resbench.records.claim import Claim
from resbench.records.study_file import SPENDING, Looks
from resbench.report.planning import MIN_SEEDS

MOST_SEEDS = 100_000
MAX_SEED = 2**31 - 1
_FORM = "{looks: [5, 10, 20], spend: pocock}"
_KEYS = ("looks", "spend")


class SeedPlan(NamedTuple):
    """The seeds of each cell, at most, and the looks at which they are asked for; None if all are from the beginning."""

    seeds: list[int]
    looks: Looks | None = None


def read_seeds(source: Source, value: Any, line: int) -> SeedPlan:
    """The seeds as a grid file or an override gives them; mistakes are noted."""
    if isinstance(value, dict):
        looks = _looks(source, value, line)
        return SeedPlan(list(range(looks.sizes[-1])), looks) if looks else SeedPlan([0])
    if type(value) is int and 1 <= value <= MOST_SEEDS:
        return SeedPlan(list(range(value)))
    if isinstance(value, list) and value:
        if not (text := wrong_list(value)):
            return SeedPlan(value)
        source.wrong(line, f"seeds: {text}")
    else:
        text = f"should be a number from 1 to {MOST_SEEDS}, a list of different seeds, or {_FORM}"
        source.wrong(line, f"seeds: {value!r} {text}")
    return SeedPlan([0])


def wrong_list(seeds: Sequence[Any]) -> str:
    """What is wrong with a list of seeds; empty if nothing is."""
    wrong = [seed for seed in seeds if type(seed) is not int or not 0 <= seed <= MAX_SEED]
    if wrong:
        return f"{wrong[0]!r} is not a seed: use whole numbers from 0 to {MAX_SEED}"
    return f"{seeds} names a seed twice" if len(set(seeds)) != len(seeds) else ""


def _looks(source: Source, value: dict[str, Any], line: int) -> Looks | None:
    """The plan, or None after a mistake."""
    mistakes = [
        f"seeds: {key}: unknown key; allowed are {', '.join(_KEYS)}{suggestion(str(key), _KEYS)}"
        for key in value
        if key not in _KEYS
    ]
    sizes, spend = value.get("looks"), value.get("spend", SPENDING[0])
    if text := _wrong_sizes(sizes):
        mistakes.append(f"seeds: looks: {text}")
    if spend not in SPENDING:
        allowed = f"{', '.join(SPENDING)}{suggestion(str(spend), SPENDING)}"
        mistakes.append(f"seeds: spend: {spend!r} is not one of {allowed}")
    for text in mistakes:
        source.wrong(line, text)
    return None if mistakes else Looks.model_validate({"sizes": sizes, "spend": spend})


def _wrong_sizes(sizes: Any) -> str:
    """What is wrong with the numbers of seeds at the looks; empty if nothing is."""
    if not isinstance(sizes, list) or not all(type(size) is int for size in sizes) or not sizes:
        return f"{sizes!r} should be rising whole numbers of seeds, as in {_FORM}"
    if any(second <= first for first, second in itertools.pairwise(sizes)):
        return f"{sizes} does not rise: each look has more seeds than the one before"
    if sizes[0] < MIN_SEEDS:
        return f"{sizes} begins with {sizes[0]}: no verdict takes fewer than {MIN_SEEDS} seeds, so begin with {MIN_SEEDS} or more"
    if sizes[-1] > MOST_SEEDS:
        return f"{sizes} ends with {sizes[-1]}: use at most {MOST_SEEDS} seeds"
    if len(sizes) == 1:
        return f"{sizes} is one look, which `seeds: {sizes[0]}` is without a plan: add a second one"
    return ""


def check_looks(source: Source, looks: Looks | None, claims: Sequence[Claim], stated: bool) -> None:
    """Looks judge claims, so there must be some whose numbers differ from seed to seed.

    Args:
        claims: those that can be read.
        stated: whether there are any.
    """
    if looks is None or (stated and not claims) or any(not claim.metric.exact for claim in claims):
        return
    line = 0 if source.set_by_command_line("seeds") else source.document.line("seeds")
    why = "each is of a number that is the same with every seed" if claims else "none is stated"
    source.wrong(line, f"seeds: looks judge claims, and {why}: add one, or give a number of seeds")
