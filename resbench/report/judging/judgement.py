"""What two files of results support."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from resbench.core import fragments
from resbench.core.text import printable
from resbench.records.looks_file import Reading
from resbench.report.check import verdict_lines
from resbench.report.format import margin_text
from resbench.report.planning import MIN_SEEDS
from resbench.report.study import Study
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict


@dataclass(frozen=True)
class Judgement:
    """What two files of results support.

    Attributes:
        paths: of the files.
        study: the files as a study of two cells.
        verdict: on the claim.
        notes: what is to be known of the runs.
        readings: when these runs were judged, now among it.
        page: the HTML page; None where none was written.
    """

    paths: tuple[str, str]
    study: Study
    verdict: ClaimVerdict
    notes: Sequence[str]
    readings: Sequence[Reading] = ()
    page: Path | None = None

    @property
    def supported(self) -> bool:
        """Whether the claim is supported, and no run of it is missing."""
        return self.verdict.state == "supported" and not self.verdict.outstanding

    @property
    def comparison(self) -> ContrastVerdict:
        return self.verdict.contrasts[0]

    @property
    def looks(self) -> list[int]:
        """The numbers of seeds at which these runs were judged, in the order of the looks, now last."""
        contrast, arms = self.comparison.contrast, self.comparison.arms
        now = contrast.min_seeds if contrast else min(len(arm.begun) for arm in arms)
        read = [seeds for reading in self.readings for claim in reading.claims for seeds in claim.seeds]
        others = [seeds for seeds in dict.fromkeys(read) if seeds != now]
        return [*others, *([now] if now >= MIN_SEEDS else [])]

    @property
    def frame(self) -> list[str]:
        """What the verdict stands on: the margin, and the looks so far."""
        claim, looks = self.verdict.claim, ", ".join(map(str, self.looks))
        known = margin_text(claim.margin, claim.metric) if claim.margin > 0 else ""
        margin = f"margin: {known or 'none: any difference counts, however small'}"
        return [margin, *([f"looks so far: {len(self.looks)}, at {looks} seeds"] if looks else [])]

    @property
    def lines(self) -> list[str]:
        """The claim with its verdict, its comparison, the margin, the looks so far, and notes."""
        notes = [f"note: {note}" for note in self.notes]
        return [*verdict_lines([self.verdict]), *map(printable, [*self.frame, *notes])]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        return fragments.bullets(self.lines)
