"""Verdicts and contrasts for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, ParamSpec

from resbench.core.cell import Cell, Value, contains, matches
from resbench.core.config import suggestion
from resbench.core.errors import UserError
from resbench.core.text import printable, show
from resbench.core.yaml_reader import parse
from resbench.records.claim import EXPECTATIONS, Claim, default_margin
from resbench.records.metrics import METRICS
from resbench.records.study_file import StudyFile
from resbench.report.arms import arms_of, partners
from resbench.report.comparable import data_note
from resbench.report.comparison import Comparison
from resbench.report.format import name_of
from resbench.report.judge import judge
from resbench.report.readings import keep_reading
from resbench.report.study import Study, load
from resbench.report.summary import readings_note
from resbench.report.target import reached
from resbench.report.verdicts import ClaimVerdict, judge_family
from resbench.report.wording.sentence import claim_summary, sentence, unpaired_text
from resbench.report.wording.target import target_sentence

_P = ParamSpec("_P")


class CheckedStudy(NamedTuple):
    """The verdicts on the claims of a study.

    Attributes:
        target: what is known of the target, in a sentence; empty without one.
        supported: whether all claims are supported and none is interim, and the target is reached.
    """

    study: Study
    verdicts: Sequence[ClaimVerdict]
    target: str
    notes: list[str]
    supported: bool

    @property
    def lines(self) -> list[str]:
        """Each claim with its verdict, and indented its contrasts."""
        head = [printable(self.target)] if self.target else []
        return head + verdict_lines(self.verdicts) + [printable(f"note: {text}") for text in self.notes]


def checked(results: Path, name: str, asked: StudyFile | None = None) -> CheckedStudy:
    """The verdict on every claim of a study; a target is one claim more: that a cell reaches it.

    Args:
        asked: the question, in place of the study file.

    Raises:
        UserError: there is no such study, or it claims nothing.
    """
    study = load(results, name, asked)
    verdicts = judge(study)
    keep_reading(results / name, study, verdicts, "check")
    if not verdicts and not study.target:
        file = study.file.file or "its grid file"
        raise UserError(f"{name}: states no claims: add `claims:` to {file} and run it again")
    settled = all(verdict.state == "supported" and not verdict.outstanding for verdict in verdicts)
    data = data_note(study)
    notes = [f"{data}; no verdict is given between them"] if data else []
    target = target_sentence(study) if study.target else ""
    return CheckedStudy(study, verdicts, target, notes + readings_note(study), settled and reached(study))


def check(results: Path, name: str, asked: StudyFile | None = None) -> tuple[list[str], bool]:
    """The lines of `checked`, and whether all is supported."""
    found = checked(results, name, asked)
    return found.lines, found.supported


def verdict_lines(verdicts: Sequence[ClaimVerdict]) -> list[str]:
    """Each claim, and indented its contrasts."""
    lines = []
    for verdict in verdicts:
        lines.append(claim_summary(verdict))
        lines += [f"  {sentence(verdict, judged)}" for judged in verdict.contrasts]
        lines += [f"  {text}" for text in [unpaired_text(verdict)] if text]
    return list(map(printable, lines))


class Compared(NamedTuple):
    """Cells that were compared.

    Attributes:
        target: the axes in which they differ.
        alone: the cells that were not compared, as no single network differs from them in these axes alone.
    """

    study: Study
    target: Sequence[str]
    verdict: ClaimVerdict
    alone: Sequence[Cell]

    @property
    def lines(self) -> list[str]:
        """One sentence for each comparison."""
        lines = [sentence(self.verdict, judged, claimed=False) for judged in self.verdict.contrasts]
        if self.alone:
            names = "; ".join(map(name_of, self.alone))
            lines.append(f"not compared, as no single network differs in {', '.join(self.target)} alone: {names}")
        return list(map(printable, lines))


def compared(
    results: Path,
    name: str,
    to: Sequence[str],
    ours: Sequence[str] = (),
    at: Sequence[str] = (),
    on: str = "test_error",
    margin: float | None = None,
) -> Compared:
    """Each cell against the cell that differs only in having the values of `to`.

    Args:
        to: `path=value` of the cells to compare with.
        ours: the same of the cells to compare; by default all that differ from them in these axes alone.
        at: the same, to leave out all other cells.
        on: the metric.
        margin: the smallest difference that matters, in points for shares of images; by default as in claims.

    Raises:
        UserError: no such study, axis, value or metric.
    """
    study = load(results, name)
    if on not in METRICS:
        cost = "; time depends on the machine, so it is no metric: take flops, or see the costs on the page"
        hint = cost if "second" in on or "time" in on else suggestion(on, METRICS)
        raise UserError(f"--on {on}: not one of {', '.join(METRICS)}{hint}")
    margin = default_margin(on) if margin is None else margin
    if not 0 <= margin < 1e12:
        raise UserError(f"--margin {margin:g}: use a number of at least 0 and below 1e12, or leave it out")
    target, mine, fixed = (_values(study, words, flag) for words, flag in ((to, "--to"), (ours, "--arm"), (at, "--at")))
    found = [pair for pair in partners(study, arms_of(study), target) if matches(pair[0].cell, {**mine, **fixed})]
    pairs = [
        Comparison({axis: value for axis, value in arm.cell.items() if axis not in target}, arm, others[0])
        for arm, others in found
        if len(others) == 1
    ]
    if not pairs:
        raise UserError(
            f"compare: no two cells of {name} differ in {', '.join(target)} alone: check --to, --arm and --at"
        )
    claim = Claim(says="", compare={}, to={}, at={}, on=on, expect=EXPECTATIONS[0], margin=margin)
    alone = [arm.cell for arm, others in found if len(others) != 1]
    return Compared(study, list(target), judge_family(study, claim, pairs), alone)


def _in_lines(compare: Callable[_P, Compared]) -> Callable[_P, list[str]]:
    def lines(*given: _P.args, **named: _P.kwargs) -> list[str]:
        return compare(*given, **named).lines

    return lines


compare = _in_lines(compared)


def _values(study: Study, words: Sequence[str], flag: str) -> dict[str, Value]:
    """`path=value` words as axis values of the study."""
    out: dict[str, Value] = {}
    for word in words:
        path, equals, text = word.partition("=")
        if not equals or path not in study.axes:
            hint = suggestion(path, study.axes)
            raise UserError(f"{flag} {word}: write path=value with one of the axes {', '.join(study.axes)}{hint}")
        known = {show(cell[path]): cell[path] for _, cell, _ in study.cells}
        given = parse(text).value
        found = [value for value in known.values() if contains([value], given)]
        if not found:
            raise UserError(f"{flag} {word}: {study.name} has {path} {', '.join(known)}")
        out[path] = found[0]
    return out
