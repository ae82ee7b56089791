"""Verdicts and contrasts for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resbench.core.config import UserError, suggestion
from resbench.core.text import printable
from resbench.core.yaml_reader import parse
from resbench.records.claim import EXPECTATIONS, METRICS, matches
from resbench.report.arms import Arm, arm
from resbench.report.frames import groups, show
from resbench.report.study import Study, load
from resbench.report.target import cheapest, reached
from resbench.report.verdicts import Verdict, family, judge
from resbench.report.wording import sentence, summary


def check(results: Path, name: str) -> tuple[list[str], bool]:
    """The verdict on every claim of a study, with its contrasts, and whether all are supported and none is interim.

    A target is one claim more: that a cell reaches it.

    Raises:
        UserError: there is no such study, or it claims nothing.
    """
    study = load(results, name)
    verdicts = judge(study)
    target = [printable(cheapest(study))] if study.asked.get("target") else []
    if not verdicts and not target:
        where = study.asked.get("file") or "its grid file"
        raise UserError(f"{name}: states no claims: add `claims:` to {where} and run it again")
    settled = all(verdict.state == "supported" and not verdict.outstanding for verdict in verdicts)
    return target + verdict_lines(verdicts), settled and reached(study)


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Each claim, and indented its contrasts."""
    lines = []
    for verdict in verdicts:
        lines.append(summary(verdict))
        lines += [f"  {sentence(verdict, judged)}" for judged in verdict.contrasts]
    return list(map(printable, lines))


def compare(
    results: Path,
    name: str,
    to: Sequence[str],
    ours: Sequence[str] = (),
    at: Sequence[str] = (),
    on: str = "test_error",
    margin: float = 0.05,
) -> list[str]:
    """Each cell against the cell that differs only in having the values of `to`; one sentence each.

    Args:
        to: `path=value` of the cells to compare with.
        ours: the same of the cells to compare; by default all that differ from them in these axes alone.
        at: the same, to leave out all other cells.
        on, margin: metric, and the smallest difference that matters, in points for shares of images.

    Raises:
        UserError: no such study, axis, value or metric.
    """
    study = load(results, name)
    if on not in METRICS:
        raise UserError(f"--on {on}: not one of {', '.join(METRICS)}{suggestion(on, METRICS)}")
    parts = list(groups(study.runs, study.axes))
    cells = [{axis: part[axis].iloc[0] for axis in study.axes} for _, part in parts]
    arms = {repr(cell): arm(part, cell) for cell, (_, part) in zip(cells, parts, strict=True)}
    there, mine, only = (
        _values(study, cells, words, flag) for words, flag in ((to, "--to"), (ours, "--arm"), (at, "--at"))
    )
    pairs: list[tuple[Mapping[str, Any], Arm, Arm]] = []
    for cell in cells:
        other = {**cell, **there}
        if cell != other and repr(other) in arms and matches(cell, {**mine, **only}):
            context = {axis: value for axis, value in cell.items() if axis not in there}
            pairs.append((context, arms[repr(cell)], arms[repr(other)]))
    if not pairs:
        raise UserError(
            f"compare: no two cells of {name} differ in {', '.join(there)} alone: check --to, --arm and --at"
        )
    claim = {"says": "", "on": on, "expect": EXPECTATIONS[0], "margin": margin}
    verdict = family(study, claim, pairs)
    return [printable(_plainly(sentence(verdict, judged))) for judged in verdict.contrasts]


def _plainly(text: str) -> str:
    """Nothing was claimed, so the sentence begins with the difference and not with a verdict on its direction."""
    head, _, rest = text.partition(": ")
    _, _, where = head.partition(" at ")
    return f"at {where}: {rest}" if where else rest


def _values(study: Study, cells: Sequence[Mapping[str, Any]], words: Sequence[str], flag: str) -> dict[str, Any]:
    """`path=value` words as axis values of the study."""
    out = {}
    for word in words:
        path, equals, text = word.partition("=")
        if not equals or path not in study.axes:
            hint = suggestion(path, study.axes)
            raise UserError(f"{flag} {word}: write path=value with one of the axes {', '.join(study.axes)}{hint}")
        known = {show(cell[path]): cell[path] for cell in cells}
        given = show(parse(text).value)
        if given not in known:
            raise UserError(f"{flag} {word}: {study.name} has {path} {', '.join(known)}")
        out[path] = known[given]
    return out
