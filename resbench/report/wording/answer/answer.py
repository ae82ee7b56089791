"""Which sentences answer a study, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from resbench.core.text import show
from resbench.records.study_file import MergedCells
from resbench.report.labels import Labels, differing
from resbench.report.verdicts import ClaimVerdict
from resbench.report.wording.answer.comparing import measured_sentence, rivals_sentence, sides_sentence
from resbench.report.wording.answer.gaps import gaps_sentence
from resbench.report.wording.answer.parts import OPEN, SAME, Part, parts_of
from resbench.report.wording.answer.places import Places
from resbench.report.wording.answer.steps import line_sentence, lines_of, step_path

MOST = 4  # sentences of a lead
_SEVERAL = 3  # places
_INSIDE = 2  # rank of what was measured within networks


class Compared(NamedTuple):
    """What the sentences are made of.

    Attributes:
        claims: the verdicts on the claims.
        elsewhere: the same comparisons in other places of the grid, which no claim made.
        baseline: the rest of the cells against the baseline, which no claim made.
        hardly: runs of cells that hardly learned.
        merged: cells that are one network.
    """

    claims: Sequence[ClaimVerdict]
    elsewhere: Sequence[ClaimVerdict] = ()
    baseline: ClaimVerdict | None = None
    hardly: Collection[frozenset[str]] = ()
    merged: Sequence[MergedCells] = ()


def findings(compared: Compared, labels: Labels) -> list[str]:
    """The sentences, the most telling first; one on what is within networks is among the first `MOST` if there is any."""
    claimed = [part for verdict in compared.claims for part in _tried(parts_of(verdict, compared.hardly))]
    more = [part for one in compared.elsewhere for part in _worth(parts_of(one, compared.hardly, claimed=False))]
    rest = _worth(parts_of(compared.baseline, compared.hardly, claimed=False)) if compared.baseline else []
    groups, beyond = _grouped([*claimed, *more], labels), _grouped(rest, labels)
    first = any(map(_rival, claimed))
    said = [
        (_rank(parts, any(part.claimed for part in group)), text)
        for group in ([*groups, *beyond] if first else [*beyond, *groups])
        for parts, text in _sentences(group, labels, compared.merged)
        if text
    ]
    ordered = sorted(said, key=lambda one: one[0])
    inside = [one for one in ordered if one[0] == _INSIDE]
    if inside and inside[0] not in ordered[:MOST]:
        ordered.remove(inside[0])
        ordered.insert(MOST - 1, inside[0])
    return [text for _, text in ordered]


def _rank(parts: Sequence[Part], known: bool) -> int:
    """What leads: sides that are compared in several places, then other claims; exploratory steps last.

    Args:
        known: whether a claim was made of the finding that the parts are of.
    """
    part = parts[0]
    if part.metric.probe:
        return _INSIDE
    if _rival(part) and len({_sides(one) for one in parts}) == 1 and len(parts) >= _SEVERAL:
        return 0
    if known and not part.claimed:
        return _INSIDE + 1
    return 1


def _tried(parts: Sequence[Part]) -> list[Part]:
    """Without those of which no run of either side trained: a sentence on such cells says it."""
    return [part for part in parts if not all(arm.none_trained for arm in part.judged.arms)]


def _worth(every: Sequence[Part]) -> list[Part]:
    """What was not claimed and is decided somewhere, with its other places, and what ties where its rivals do not."""
    parts = [part for part in every if not (part.by_fate and any(arm.none_trained for arm in part.judged.arms))]
    decided = {_sides(part) for part in parts if part.decided and part.outcome != SAME}
    places = Counter(map(_sides, parts))
    rivals = [part for part in parts if places[_sides(part)] == 1 and _rival(part)]
    against = {part.judged.theirs.runs for part in rivals if _sides(part) in decided}
    ties = {_sides(part) for part in rivals if part.outcome == OPEN and part.judged.theirs.runs in against}
    return [part for part in parts if _sides(part) in decided | ties]


def _rival(part: Part) -> bool:
    """Whether it is of the errors of two sides, which a sentence may name among others."""
    return part.metric.by_image and not part.judged.subtracted and not step_path(part)


def _sides(part: Part) -> str:
    ours, theirs = part.sides
    return repr([(path, show(ours[path]), show(theirs.get(path))) for path in differing(ours, theirs)])


def _grouped(parts: Iterable[Part], labels: Labels) -> list[list[Part]]:
    """The parts that one finding is made of."""
    groups: dict[tuple[str, ...], list[Part]] = {}
    for part in parts:
        if part.outcome == SAME:
            continue
        when = "start" if part.metric.at_start else "end"
        if part.judged.subtracted:
            key: tuple[str, ...] = ("gap", part.claim.statement())
        elif path := step_path(part):
            key = ("step", path, f"probe {when}" if part.metric.probe else "")
        else:
            kind = "errors" if part.metric.by_image else f"probe {when}" if part.metric.probe else "other"
            key = ("sides", kind, *part.names(labels))
        groups.setdefault(key, []).append(part)
    return _with_rivals(list(groups.values()))


def _with_rivals(groups: Sequence[list[Part]]) -> list[list[Part]]:
    """Groups of one comparison of errors each against the same runs are one group."""
    out: list[list[Part]] = []
    places: dict[frozenset[str], int] = {}
    for group in groups:
        part = group[0]
        single = len(group) == 1 and _rival(part)
        theirs = part.judged.theirs.runs
        if single and theirs in places:
            out[places[theirs]].append(part)
            continue
        if single:
            places[theirs] = len(out)
        out.append(list(group))
    return out


def _sentences(
    parts: Sequence[Part], labels: Labels, merged: Sequence[MergedCells]
) -> list[tuple[Sequence[Part], str]]:
    """The sentences of a finding, each with its parts."""
    first = parts[0]
    if first.judged.subtracted:
        return [(parts, gaps_sentence(parts, labels))]
    places = Places([part.context for part in parts], labels)
    if path := step_path(first):
        return [(line, line_sentence(line, path, labels, places)) for line in lines_of(parts)]
    if not first.metric.by_image:
        return [(parts, measured_sentence(parts, labels, places))]
    if len({part.names(labels) for part in parts}) == 1:
        return [(parts, sides_sentence(parts, labels, places, merged))]
    return [(parts, rivals_sentence(parts, labels))]
