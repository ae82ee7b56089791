"""The state of a claim as it is shown: its verdict, which of its parts have which, or how many seeds it has so far.

Programs and exit codes know the states of `verdicts.STATES`: there a claim has the state of its worst comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from resbench.core.cell import Cell
from resbench.core.text import plural
from resbench.report.document import Badge
from resbench.report.labels import Labels
from resbench.report.planning import MIN_SEEDS
from resbench.report.verdicts import STATES, ClaimVerdict, ContrastVerdict
from resbench.report.wording.answer.places import Places
from resbench.report.wording.rules import RULES

MIXED, TOO_FEW, NOT_RUN = "mixed", "too few seeds", "not run"
SIGNS: Mapping[str, str] = {
    "supported": "✓",
    "refuted": "✗",
    "inconclusive": "?",
    "equivalent": "=",
    "not comparable": "≠",
    "not trained": "∅",
    MIXED: "±",
    TOO_FEW: "…",
    NOT_RUN: "…",
}


class ShownState(NamedTuple):
    """A state.

    Attributes:
        kind: one of `SIGNS`.
        text: without the sign: `mixed: 3 of 5 depths`.
        detail: which parts have which state, `supported at 34, 58 and 100 layers, refuted at 10 layers`; else empty.
    """

    kind: str
    text: str
    detail: str = ""

    @property
    def sign(self) -> str:
        return SIGNS[self.kind]

    @property
    def badge(self) -> Badge:
        return Badge(self.kind, self.sign, self.text, RULES[self.kind])


def badge_of(text: str) -> Badge:
    """The badge of a state in words."""
    kind = next((kind for kind in SIGNS if text.startswith(kind)), TOO_FEW)
    return Badge(kind, SIGNS[kind], text, RULES[kind])


def shown_state(verdict: ClaimVerdict) -> ShownState:
    """The state of a claim."""
    parts = verdict.contrasts
    if not parts:
        return ShownState(NOT_RUN, "not in this run of the grid")
    if not any(arm.results for one in parts for arm in one.arms):
        return ShownState(NOT_RUN, "not run yet")
    if few := _too_few(verdict):
        return few
    states = {one.state for one in parts}
    if len(states) == 1:
        return ShownState(parts[0].state, f"{parts[0].state}{' so far' if verdict.outstanding else ''}")
    return _mixed(verdict, parts[0].labels)


def part_state(judged: ContrastVerdict, exact: bool, interim: bool = False) -> ShownState:
    """The state of one comparison."""
    if not exact and (seeds := _seeds(judged)) < MIN_SEEDS and _waits(judged):
        return ShownState(TOO_FEW, f"{seeds} of {_wanted([judged])} seeds so far")
    return ShownState(judged.state, f"{judged.state}{' so far' if interim else ''}")


def _waits(judged: ContrastVerdict) -> bool:
    return judged.state == "inconclusive" and not judged.same and not judged.reason


def _seeds(judged: ContrastVerdict) -> int:
    """Seeds that have a result in all of its arms."""
    if judged.contrast:
        return judged.contrast.min_seeds
    return min(len(arm.begun) for arm in judged.arms)


def _wanted(parts: Sequence[ContrastVerdict]) -> int:
    """How many seeds are asked for, or those that a verdict takes where they are more."""
    return max(MIN_SEEDS, *(arm.planned for one in parts for arm in one.arms))


def _too_few(verdict: ClaimVerdict) -> ShownState | None:
    """That no comparison has the seeds that a verdict takes."""
    counts = list(map(_seeds, verdict.contrasts))
    if verdict.claim.metric.exact or max(counts) >= MIN_SEEDS or not all(map(_waits, verdict.contrasts)):
        return None
    low, high = min(counts), max(counts)
    count = str(high) if low == high else f"{low} to {high}"
    return ShownState(TOO_FEW, f"{count} of {_wanted(verdict.contrasts)} seeds so far")


def _mixed(verdict: ClaimVerdict, labels: Labels) -> ShownState:
    """Which parts have which state, the best first."""
    places = Places([place_of(one) for one in verdict.contrasts], labels)
    groups: dict[str, list[ContrastVerdict]] = {}
    for one in sorted(verdict.contrasts, key=lambda one: -STATES.index(one.state)):
        groups.setdefault(part_state(one, verdict.claim.metric.exact).text, []).append(one)
    detail = ", ".join(f"{text}{places.words([place_of(one) for one in every])}" for text, every in groups.items())
    supported, refuted = (sum(one.state == state for one in verdict.contrasts) for state in ("supported", "refuted"))
    whole = len(verdict.contrasts)
    noun = labels.names(places.paths[0]) if len(places.paths) == 1 else plural(whole, "comparison").split(" ", 1)[1]
    so_far = " so far" if verdict.outstanding else ""
    count = f"{supported} of" if supported else f"refuted at {refuted} of" if refuted else "none of"
    return ShownState(MIXED, f"mixed: {count} {whole} {noun}{so_far}", detail)


def place_of(judged: ContrastVerdict) -> Cell:
    """Where a comparison is made; of an interaction, where its first difference is."""
    first = judged.subtracted.first if judged.subtracted else {}
    return {**judged.context, **first}
