"""Two files of results as a study of two cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from resbench.core.config import digest
from resbench.core.errors import UserError
from resbench.records.claim import Claim
from resbench.records.facts import Predictions, Provenance
from resbench.records.looks_file import Reading
from resbench.records.record import Record
from resbench.records.study_file import StudyFile, StudyRun
from resbench.report.frames import frame_of
from resbench.report.judging.question import AXIS, Side, metrics_of, value_of
from resbench.report.judging.results_file import SeedResult
from resbench.report.study import Study


def study_of(name: str, sides: Sequence[Side], claim: Claim, readings: Sequence[Reading] | None) -> Study:
    """The study of two files.

    Args:
        name: of its page.
        claim: its only one.
        readings: when these runs were judged before; None where that cannot be known.
    """
    _check_images(sides)
    rows, records = list[dict[str, Any]](), list[Record]()
    for side in sides:
        for run in side.file.runs:
            record = _record(side, run, claim)
            row = {
                AXIS: side.value,
                "id": _id(side, run),
                "seed": run.seed,
                "status": record.status if record else "missing",
            }
            rows.append(row | ({f"metrics.{key}": value for key, value in record.metrics.items()} if record else {}))
            records += [record] if record else []
    ours, theirs = sides
    file = StudyFile(
        schema=1,
        name=name,
        about=f"Question: is it so that {claim.says}?",
        axes=[AXIS],
        claims=[claim],
        runs=[StudyRun(id=row["id"], cell={AXIS: row[AXIS]}, seed=row["seed"]) for row in rows],
        labels={AXIS: {ours.value: ours.name, theirs.value: theirs.name}},
    )
    frame = frame_of(rows, [AXIS])
    lost = readings is None
    return Study(name, file, [AXIS], frame, records, 0, 0, readings=readings or (), readings_lost=lost)


def _record(side: Side, run: SeedResult, claim: Claim) -> Record | None:
    """What a run has left; None where its number is not there yet."""
    value = value_of(run, claim.metric)
    if value is None:
        return None
    known, numbers = not math.isnan(value), metrics_of(value, claim.metric)
    return Record(
        id=_id(side, run),
        config={"seed": run.seed},
        status="ok" if known else "diverged",
        provenance=Provenance({}),
        metrics={key: number if known else None for key, number in numbers.items()},
        predictions=_predictions(run) if known else None,
    )


def _predictions(run: SeedResult) -> Predictions | None:
    """The images that are wrong; as which class each was taken is not known, so each has one of its own."""
    if run.wrong is None:
        return None
    return Predictions(run.images, " ".join(f"{image}:{image}" for image in run.wrong))


def _id(side: Side, run: SeedResult) -> str:
    return digest(f"{side.value}:{run.seed}")


def _check_images(sides: Sequence[Side]) -> None:
    ours, theirs = (side.file for side in sides)
    if ours.images and theirs.images and list(ours.images) != list(theirs.images):
        raise UserError(
            f"{ours.path} and {theirs.path}: their test images are not the same ({len(ours.images)} and "
            f"{len(theirs.images)}): judge results on the same images"
        )


def notes(study: Study) -> Iterator[str]:
    """What is to be known of the runs: those that have no partner, and those without a number."""
    seeds = {cell[AXIS]: set(runs["seed"]) for _, cell, runs in study.cells}
    (ours, a), (theirs, b) = seeds.items()
    for value, alone in ((ours, a - b), (theirs, b - a)):
        if alone:
            name = study.labels.value(AXIS, value)
            yield f"only in {name}: {_seeds(alone)}"
    for _, cell, runs in study.cells:
        for status, words in (("missing", "no number yet in"), ("diverged", "did not train in")):
            lost = set(runs.loc[runs["status"] == status, "seed"])
            if lost:
                yield f"{words} {study.labels.cell(cell)}: {_seeds(lost)}"


def _seeds(seeds: set[int]) -> str:
    shown = ", ".join(map(str, sorted(seeds)[:12])) + (", …" if len(seeds) > 12 else "")
    return f"seed{'s' if len(seeds) > 1 else ''} {shown}"
