"""What the numbers say, in words that go no further than the intervals; and what is off about the records."""

from __future__ import annotations

import statistics
from collections import Counter

from resbench.core.text import plural
from resbench.records.statements import changes_text
from resbench.records.study_file import MergedCells
from resbench.report.arms import arms_of
from resbench.report.cells import without_partner
from resbench.report.comparable import mixed_notes
from resbench.report.foreign import foreign_notes, trainers
from resbench.report.frames import numbers
from resbench.report.labels import Labels
from resbench.report.outcomes import OPEN, RESULTS, measured
from resbench.report.planning import MIN_SEEDS
from resbench.report.study import Study, resume_command
from resbench.report.target import to_confirm

HARDLY = 0.3  # test accuracy below which a network hardly learned; guessing reaches 0.1 with ten classes
_MOST_CELLS = 6
_MOST_CHARACTERS = 160  # of the message of a failed run


def notes(study: Study) -> list[str]:
    """What a reader must know before the numbers."""
    out = []
    once = study.runs.drop_duplicates("id")  # an arm whose best values are those of the base is the same runs twice
    status = Counter(once["status"])
    total = len(once)
    if study.overrides:
        out.append(f"Run with other settings than the grid file says: {', '.join(study.overrides)}.")
    out += changes_text(study.file.stated, _late(study))
    out += readings_note(study)
    if study.file.merged:
        out += [_one_network(merged, study.labels) for merged in study.file.merged]
    elif total < len(study.runs):
        out.append(f"Runs that belong to two cells, whose settings are the same: {len(study.runs) - total} of {total}.")
    out += _equal_weights(study)
    if alone := without_partner(study, study.baseline) if study.baseline else []:
        names = "; ".join(map(study.labels.cell, alone[:_MOST_CELLS])) + ("; …" if len(alone) > _MOST_CELLS else "")
        out.append(
            f"{plural(len(alone), 'cell')} without a partner, as no single cell of the baseline "
            f"({study.labels.cell(study.baseline)}) is like it in everything else: {names}."
        )
    if status["missing"]:
        out.append(f"Missing runs: {status['missing']} of {total}; the numbers may change.")
    if status["failed"]:
        out.append(f"Failed runs, which count as not done: {status['failed']} of {total}: {_failures(study)}.")
    out += _lost(study)
    untrained = _untrained(study)
    if untrained:
        out.append(
            f"These cells hardly learned (mean test accuracy below {100 * HARDLY:.0f} %): {'; '.join(untrained)}. Ignore their "
            "responses, lesions and hardest images, which are measured after training."
        )
    seeds = max((len(measured(runs)) for _, _, runs in study.cells), default=0)
    if 0 < seeds < MIN_SEEDS:
        out.append(f"At most {plural(seeds, 'seed')} a cell: a verdict takes {MIN_SEEDS}.")
    out += foreign_notes(study)
    out += mixed_notes(study)
    dirty = study.provenance("dirty")["true"]
    if dirty:
        out.append(f"Records from code with changes that were not committed: {dirty} of {len(study.records)}.")
    if study.later:
        out.append(f"{study.later} {_records(study.later)} of a later version of resbench in the folder, not shown.")
    if study.damaged:
        out.append(f"{study.damaged} damaged {_records(study.damaged)} in the folder, not shown.")
    return out


def _late(study: Study) -> dict[tuple[int, int], list[str]]:
    """The claims that were stated after results, by how many runs had a result then, of how many."""
    out: dict[tuple[int, int], list[str]] = {}
    for claim in study.claims:
        if note := study.file.late_claim(claim):
            out.setdefault((note.recorded, note.runs), []).append(claim.says)
    return out


def others_note(study: Study) -> list[str]:
    """That the folder has records which the study does not ask for."""
    count = study.others
    return [f"{count} {_records(count)} of other settings in the folder, not shown."] if count else []


def readings_note(study: Study) -> list[str]:
    """That it is not known when verdicts were read before, where their p values depend on it."""
    if not study.readings_lost or not (study.target or any(not claim.metric.exact for claim in study.claims)):
        return []
    return [
        "looks.json is damaged: earlier readings of the verdicts are not known, so each p is that of a first look, and too "
        "small if seeds were added, or looks planned, after a verdict was read."
    ]


def _lost(study: Study) -> list[str]:
    """How many runs diverged or collapsed, and where."""
    status = Counter(study.runs.drop_duplicates("id")["status"])
    out = []
    done = sum(status[kind] for kind in RESULTS)
    runs = plural(done, "run") + (" that are done" if done < status.total() else "")
    if status["diverged"]:
        out.append(f"{status['diverged']} of {runs} diverged; they are shown, but not in any mean.")
    if status["collapsed"]:
        arms = [arm for arm in arms_of(study).values() if arm.collapsed]
        names = [f"{study.labels.cell(arm.cell)} ({arm.collapsed} of {len(arm.begun)})" for arm in arms]
        where = "; ".join(names[:_MOST_CELLS]) + ("; …" if len(names) > _MOST_CELLS else "")
        out.append(
            f"{status['collapsed']} of {runs} collapsed: they finished and did not train (one class for 99 % of "
            f"the test images, or no better than guessing): {where}. Means leave them out, like those that diverged, except "
            "where all runs of a cell collapsed."
        )
    return out


def _one_network(merged: MergedCells, labels: Labels) -> str:
    names = "; ".join(map(labels.cell, merged.cells[:_MOST_CELLS])) + ("; …" if len(merged.cells) > _MOST_CELLS else "")
    return f"{len(merged.cells)} cells are one network, trained once: {names} ({merged.because})."


def _equal_weights(study: Study) -> list[str]:
    """Cells whose runs have other settings and the same weights."""
    names: dict[tuple[tuple[int, str], ...], dict[frozenset[str], str]] = {}
    for arm in arms_of(study).values():
        weights = [(seed, study.by_id[run_id].weights_sha256 or "") for seed, run_id in sorted(arm.ended.items())]
        if weights and all(digest for _, digest in weights):
            names.setdefault(tuple(weights), {}).setdefault(arm.runs, study.labels.cell(arm.cell))
    return [
        f"The weights of {' and '.join(cells.values())} are the same with each of {plural(len(weights), 'seed')}: what "
        "tells these cells apart made no difference there."
        for weights, cells in names.items()
        if len(cells) > 1
    ]


def _untrained(study: Study) -> list[str]:
    """Names of the cells whose runs ended near guessing."""
    out: list[str] = []
    if trainers(study):  # how many classes there are is not known
        return out
    for _, cell, runs in study.cells:
        accuracy = numbers(measured(runs), "test_accuracy")
        if accuracy and statistics.fmean(accuracy) < HARDLY:
            out.append(study.labels.cell(cell))
    return out


def _failures(study: Study) -> str:
    errors = [record.error for record in study.records if record.status == "failed"]
    texts = [f"{error.kind or 'error'}: {_short(error.message)}" if error else "error: " for error in errors]
    return "; ".join(f"{text} ({count})" for text, count in Counter(sorted(texts)).items())


def _short(message: str, most: int = _MOST_CHARACTERS) -> str:
    line = " ".join(message.split())
    return line if len(line) <= most else f"{line[:most]}…"


def _records(count: int) -> str:
    return "record" if count == 1 else "records"


def _runs(count: int) -> str:
    return "run" if count == 1 else "runs"


def command(study: Study) -> str:
    """The command that does the outstanding runs, or nothing if there are none."""
    left = study.runs["status"].isin(OPEN).any() or to_confirm(study) is not None
    return resume_command(study.file) if study.file.file and left else ""
