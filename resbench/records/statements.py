"""Since when a study claims, wants and repeats what it does: a statement after results is worth less than one before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from resbench.records.part import Part


class Statement(Part):
    """A part of the question as it was stated at a time.

    Attributes:
        time: in UTC, `2026-11-27T22:26:05+00:00`.
        sha256: of the part as text.
        recorded, runs: how many runs had a result then, of how many.
        changed: whether the study had stated something else before.
    """

    time: str
    sha256: str
    recorded: int
    runs: int
    changed: bool = False


def time_now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def histories(
    known: Mapping[str, Sequence[Statement]],
    before: Mapping[str, str],
    after: Mapping[str, str],
    texts: Mapping[str, str],
    now: Statement,
) -> dict[str, list[Statement]]:
    """The statements of each part: the one from before any results, and each change after.

    Args:
        known: those so far.
        before, after: each part as text, in the study file so far and in the new one; nothing before the first.
        texts: what is hashed; it differs from `after` where only an axis is new, which states nothing else.
        now: what is known of this moment.
    """
    out = {}
    for kind, text in after.items():
        entries = list(known.get(kind, ()))
        digest = hashlib.sha256(texts[kind].encode()).hexdigest()
        if before.get(kind, "") != text:
            entries = entries if now.recorded else [entry for entry in entries if entry.recorded]
            changed = {"changed": True} if before and now.recorded else {}
            entries.append(now.model_copy(update={"sha256": digest, **changed}))
        elif entries and entries[-1].sha256 != digest:
            entries[-1] = entries[-1].model_copy(update={"sha256": digest})
        if entries:
            out[kind] = entries
    return out


def changes_text(stated: Mapping[str, Sequence[Statement]], late: Mapping[tuple[int, int], Sequence[str]]) -> list[str]:
    """`Claims changed on 2026-11-27 22:26 UTC, after 75 of 75 runs were recorded.`, for each change after results.

    Args:
        late: the claims that were stated after results, by how many runs had a result then, of how many.
    """
    return [
        f"{kind.capitalize()} changed on {entry.time[:16].replace('T', ' ')} UTC, after {entry.recorded:,} of "
        f"{entry.runs:,} runs were recorded.{_which(late.get((entry.recorded, entry.runs), ())) if kind == 'claims' else ''}"
        for kind, entries in stated.items()
        for entry in entries
        if entry.changed
    ]


def _which(claims: Sequence[str]) -> str:
    named = "; ".join(
        f"\N{LEFT DOUBLE QUOTATION MARK}{says.rstrip('.')}\N{RIGHT DOUBLE QUOTATION MARK}" for says in claims
    )
    return f" Stated then: {named}." if named else " The claims that stand now were all stated before."
