"""Sentences on two sides that are compared in one place or several, and on several sides against one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from resbench.records.study_file import MergedCells
from resbench.report.format import capitalised, margin_text
from resbench.report.labels import Labels, listed
from resbench.report.wording.answer.parts import EQUAL, FEW, HIGHER, LOWER, NO_WORSE, Part
from resbench.report.wording.answer.places import Places
from resbench.report.wording.answer.size import (
    UNSETTLED,
    against,
    clause,
    confounded,
    more_or_fewer,
    outcome_words,
    unit,
)

_MOST_NAMES = 4  # in a clause
UNCLAIMED = "exploratory: "  # no claim was made of it


def sides_sentence(parts: Sequence[Part], labels: Labels, places: Places, merged: Sequence[MergedCells] = ()) -> str:
    """`With A there are fewer errors than with B at 34 and 58 layers (..); more at 10 layers (..)`."""
    names, clauses = parts[0].names(labels), list[tuple[bool, str]]()
    for group in by_outcome(parts):
        where = places.words([part.context for part in group])
        if clauses:
            where += _one_network(group, names[0], labels, merged)
            text = _also(group, where, f"({against(group, counted=False)})")
        else:
            text = _opening(group, *names, where, f"({against(group)})")
        clauses.append((group[0].claimed, text))
    return joined(clauses)


def _one_network(group: Sequence[Part], ours: str, labels: Labels, merged: Sequence[MergedCells]) -> str:
    """`, where A are one network with C`, of a place in which others come out differently."""
    cells = [one.cells for one in merged if len(group) == 1 and group[0].decided and group[0].sides[0] in one.cells]
    others = [cell for cell in (cells[0] if cells else []) if cell != group[0].sides[0]]
    names = [labels.pair(cell, group[0].sides[0])[0] for cell in others]
    return f", where {ours} and {listed(names)} are one network" if names else ""


def _also(group: Sequence[Part], where: str, sizes: str) -> str:
    """A clause after the one that names the sides; what is open says first where."""
    words = outcome_words(group[0])
    if group[0].decided or not where:
        return f"{words}{where} {sizes}"
    return f"{where.strip()}{clause(group[0])} {sizes}"


def _opening(group: Sequence[Part], ours: str, theirs: str, where: str, sizes: str) -> str:
    """The first clause, which names both sides."""
    first, where = group[0], where if where.startswith(" at ") or not where else f",{where}"
    margin = margin_text(first.claim.margin, first.metric)
    if first.outcome in (LOWER, HIGHER):
        many = more_or_fewer(first) if len(group) == 1 else _plain(first)
        than = "as" if "as many" in many else "than"
        rest = f"; whether by more than {margin} is open" if first.beyond else ""
        return f"with {ours} there are {many} {than} with {theirs}{where} {sizes}{rest}"
    if first.outcome == EQUAL:
        within = f", within ±{margin}" if first.claim.margin else ""
        return f"with {ours} there are as many errors as with {theirs}{where}{within} {sizes}"
    if first.outcome == NO_WORSE:
        side = "fewer" if first.claim.direction == "not_lower" else "more"
        return f"with {ours} there are no {side} errors than with {theirs}{where}, to within {margin} {sizes}"
    if first.outcome == FEW:
        return f"so far, errors with {ours} against {theirs}{where}: {sizes[1:-1]}"
    if outcome_words(first) == UNSETTLED:
        what = "the runs that do not train" if first.by_fate else "errors"
        return f"whether {what} differ between {ours} and {theirs}{where.removeprefix(',')} is {UNSETTLED} {sizes}"
    return f"between {ours} and {theirs}{where}, {outcome_words(first)} {sizes}"


def _plain(part: Part) -> str:
    return outcome_words(part) if part.by_fate else f"{outcome_words(part)} errors"


def rivals_sentence(parts: Sequence[Part], labels: Labels) -> str:
    """`With A and B there are more errors than with C (325 and 252 against 230 in 10,000); with D it is not settled (236)`."""
    theirs, clauses = parts[0].names(labels)[1], list[tuple[bool, str]]()
    for group in by_outcome(parts):
        names, values = _rivals(group, labels)
        sizes = f"({values} against {group[0].values[1]}{'' if clauses else unit(group)}{confounded(group)})"
        if not clauses:
            text = _opening(group, names, theirs, "", sizes)
        elif group[0].outcome in (LOWER, HIGHER):
            text = f"{more_or_fewer(group[0]) if len(group) == 1 else _plain(group[0])} with {names} {sizes}"
        else:
            text = f"with {names}{clause(group[0])} {sizes}"
        clauses.append((group[0].claimed, text))
    return joined(clauses)


def _rivals(group: Sequence[Part], labels: Labels) -> tuple[str, str]:
    """The names of sides and their values; of many only how many and the range."""
    by_size = sorted(group, key=lambda part: part.judged.contrast.ours if part.judged.contrast else 0)
    if len(group) > _MOST_NAMES and not any(part.by_fate for part in group):
        return f"{len(group)} other variants", f"{by_size[0].values[0]} to {by_size[-1].values[0]}"
    return listed(part.names(labels)[0] for part in group), listed(part.values[0] for part in group)


def measured_sentence(parts: Sequence[Part], labels: Labels, places: Places) -> str:
    """`With A rather than B, the gradient gap is lower at 34 and 100 layers (0.8 against 1.8, ..); ..`: metrics but errors."""
    ours, theirs = parts[0].names(labels)
    metrics: dict[str, list[Part]] = {}
    for part in parts:
        metrics.setdefault(part.metric.name, []).append(part)
    texts = []
    for every in metrics.values():
        groups = [
            _also(group, places.words([part.context for part in group]), f"({against(group)})")
            for group in by_outcome(every)
        ]
        known = any(part.decided for part in every)
        texts.append(f"the {every[0].metric.words}{' is ' if known else ': '}{', '.join(groups)}")
    return f"With {ours} rather than {theirs}, {'; '.join(texts)}."


def by_outcome(parts: Iterable[Part]) -> list[list[Part]]:
    """Parts with one outcome together: what was claimed first, of that what is decided, of that what is found most often."""
    groups: dict[tuple[bool, str, bool], list[Part]] = {}
    for part in parts:
        groups.setdefault((part.claimed, outcome_words(part), part.beyond), []).append(part)
    return sorted(groups.values(), key=lambda group: (not group[0].claimed, not group[0].decided, -len(group)))


def joined(clauses: Sequence[tuple[bool, str]]) -> str:
    """Clauses as one sentence that says where it begins to tell what was not claimed.

    Args:
        clauses: whether it was claimed, and its text.
    """
    texts, before = [], True
    for claimed, text in clauses:
        texts.append(text if claimed or not before else f"{UNCLAIMED}{text}")
        before = claimed
    return f"{capitalised('; '.join(texts))}."
