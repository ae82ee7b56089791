"""What the numbers say, in words that go no further than the intervals; and what is off about the records."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from resbench.core.text import plural
from resbench.records.statements import changes_text
from resbench.records.study_file import MergedCells
from resbench.report.arms import arms_of
from resbench.report.cells import without_partner
from resbench.report.comparable import mixed_notes
from resbench.report.failures import by_means
from resbench.report.format import difference_text, name_of, percent, within
from resbench.report.frames import numbers
from resbench.report.outcomes import OPEN, kinds, measured
from resbench.report.planning import ALPHA, MIN_SEEDS
from resbench.report.study import Study, resume_command
from resbench.report.target import to_confirm
from resbench.report.verdicts import ClaimVerdict
from resbench.report.wording.failures import failures
from resbench.report.wording.sentence import states_text

_TRAINED = 20.0  # percent of test images; guessing reaches 10 with ten classes
_MOST_CELLS = 6
_MOST_CHARACTERS = 160  # of the message of a failed run


def answer(frame: pd.DataFrame, study: Study, verdicts: Sequence[ClaimVerdict], compared: pd.DataFrame) -> str:
    """The page in one paragraph: verdicts on the claims, else what the comparisons with the baseline can tell.

    Args:
        frame: as `cells.cells` returns.
        compared: as `cells.comparisons` returns.
    """
    if not frame["seeds_done"].sum():
        return "No run has ended yet: there is no answer."
    if verdicts:
        return " ".join(_verdict(verdict) for verdict in verdicts)
    if not frame["seeds_ok"].sum():
        lost = int(frame["untrained"].sum())
        named = kinds(int(frame["diverged"].sum()), int(frame["collapsed"].sum()))
        return f"No run trained: {lost} {_runs(lost)} did not ({named}), so nothing can be compared."
    if not study.baseline:
        return f"{_range(study, frame)} The study names no baseline and states no claim, so no differences are tested."
    return f"{_count(study, compared)} {_range(study, frame)}".strip()


def _verdict(verdict: ClaimVerdict) -> str:
    """`Supported: shortcuts help (−0.12 points [−0.18, −0.06]).`, or how many comparisons have which state."""
    metric = verdict.claim.metric
    says = verdict.claim.says.rstrip(".")
    head = f"{verdict.state.capitalize()}{' so far' if verdict.outstanding else ''}: {says}"
    if len(verdict.contrasts) != 1:
        return f"{head} ({states_text(verdict) or 'no cells of it were run'})."
    judged = verdict.contrasts[0]
    but = f", {judged.other.text}" if judged.other.text else ""
    if judged.ranks or judged.state == "not trained":
        return f"{head} ({failures(judged.ours)} and {failures(judged.theirs)} did not train){but}."
    if judged.contrast is None or math.isnan(judged.contrast.interval.low):
        return f"{head}{f' ({judged.reason})' if judged.reason else but}."
    over = (
        f", {judged.contrast.seeds} seed{'s' if judged.contrast.seeds != 1 else ''}"
        if judged.contrast.shared_seeds
        else ""
    )
    return f"{head} ({metric.words} {difference_text(judged.contrast, metric)}{over}){but}."


def _range(study: Study, frame: pd.DataFrame) -> str:
    rows = frame[frame["seeds_ok"] > 0].sort_values("mean", kind="stable").to_dict("records")
    low, high = ([name_of({axis: row[axis] for axis in study.axes}), _accuracy(row)] for row in (rows[0], rows[-1]))
    if len(rows) == 1:
        return f"Test accuracy at {low[0]}: {low[1]}."
    return (
        f"Mean test accuracies lie between {low[1]} at {low[0]}, and {high[1]} at {high[0]}; lowest and highest are "
        "picked by their means."
    )


def _accuracy(row: Mapping[Hashable, Any]) -> str:
    seeds = int(row["seeds_ok"])
    trained = " that trained" if row["seeds_ok"] + row["untrained"] == row["seeds_done"] and row["untrained"] else ""
    return f"{within(row['mean'], row['low'], row['high'])} % ({plural(seeds, 'seed')}{trained})"


def _count(study: Study, compared: pd.DataFrame) -> str:
    """How many differences to the baseline have a sign, at a false-discovery rate of 5 %."""
    everything = compared.to_dict("records")
    apart = sum(bool(row["reason"]) for row in everything)
    lost = sum(not (row["same"] or row["reason"] or by_means(row["ours"], row["theirs"])) for row in everything)
    rows = [row for row in everything if row["contrast"] is not None]
    several = [row for row in rows if row["contrast"].min_seeds >= MIN_SEEDS]
    several = list({(row["ours"].runs, row["theirs"].runs): row for row in several}.values())  # the same runs once
    versus = f"the baseline ({name_of(study.baseline)})"
    rest = f" Not compared, because runs there or in the baseline did not train: {lost}." if lost else ""
    rest += f" Not compared, because the data are not the same or values are missing: {apart}." if apart else ""
    if not rows:
        return f"No cell can be compared with {versus}.{rest}"
    if not several:
        return f"No cell shares {MIN_SEEDS} seeds with {versus}, so its difference is not judged."
    sure = [row["contrast"] for row in several if row["q"] < ALPHA]
    fewer, more = sum(one.interval.estimate < 0 for one in sure), sum(one.interval.estimate > 0 for one in sure)
    return (
        f"Of {len(several)} cells compared with {versus}, {fewer} have fewer test errors, {more} have more, and of "
        f"{len(several) - len(sure)} the data cannot tell (false-discovery rate 5 %; exploratory: nothing was claimed).{rest}"
    )


def notes(study: Study) -> list[str]:
    """What a reader must know before the numbers."""
    out = []
    once = study.runs.drop_duplicates("id")  # an arm whose best values are those of the base is the same runs twice
    status = Counter(once["status"])
    total = len(once)
    if study.overrides:
        out.append(f"Run with other settings than the grid file says: {', '.join(study.overrides)}.")
    out += changes_text(study.file.stated)
    out += readings_note(study)
    if study.file.merged:
        out += [_one_network(merged) for merged in study.file.merged]
    elif total < len(study.runs):
        out.append(f"Runs that belong to two cells, whose settings are the same: {len(study.runs) - total} of {total}.")
    out += _equal_weights(study)
    if alone := without_partner(study, study.baseline) if study.baseline else []:
        names = "; ".join(map(name_of, alone[:_MOST_CELLS])) + ("; …" if len(alone) > _MOST_CELLS else "")
        out.append(
            f"{plural(len(alone), 'cell')} without a partner, as no cell, or no single network, differs only in being the "
            f"baseline ({name_of(study.baseline)}): {names}."
        )
    if status["missing"]:
        out.append(f"Outstanding runs: {status['missing']} of {total}; the numbers may change.")
    if status["failed"]:
        out.append(f"Failed runs, which count as not done: {status['failed']} of {total}: {_failures(study)}.")
    out += _lost(study)
    untrained = _untrained(study)
    if untrained:
        out.append(
            f"Hardly trained, with a mean test accuracy below {_TRAINED:.0f} %: {'; '.join(untrained)}: what is measured "
            "of trained networks (responses, lesions, hardest images) says little of them."
        )
    seeds = max((len(measured(runs)) for _, _, runs in study.cells), default=0)
    if 0 < seeds < MIN_SEEDS:
        out.append(f"At most {plural(seeds, 'seed')} a cell ended well: no verdict takes fewer than {MIN_SEEDS}.")
    out += mixed_notes(study)
    dirty = study.provenance("dirty")["true"]
    if dirty:
        out.append(f"Records from code with changes that were not committed: {dirty} of {len(study.records)}.")
    if study.others:
        out.append(f"{study.others} {_records(study.others)} of other settings in the folder, not shown.")
    if study.later:
        out.append(f"{study.later} {_records(study.later)} of a later version of resbench in the folder, not shown.")
    if study.damaged:
        out.append(f"{study.damaged} damaged {_records(study.damaged)} in the folder, not shown.")
    return out


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
    if status["diverged"]:
        out.append(f"Diverged runs: {status['diverged']} of {status.total()}; a result, counted and not averaged.")
    if status["collapsed"]:
        arms = [arm for arm in arms_of(study).values() if arm.collapsed]
        names = [f"{name_of(arm.cell)} ({arm.collapsed} of {len(arm.begun)})" for arm in arms]
        where = "; ".join(names[:_MOST_CELLS]) + ("; …" if len(names) > _MOST_CELLS else "")
        out.append(
            f"Collapsed runs: {status['collapsed']} of {status.total()}, which ended and did not train: they take one class "
            "for 99 % of the test images, or get no more training images right than guessing, or next to such runs of their cell no "
            f"more than twice as many test images. A result, counted with those that diverged, and averaged only where all runs of a cell collapsed: {where}."
        )
    return out


def _one_network(merged: MergedCells) -> str:
    names = "; ".join(map(name_of, merged.cells[:_MOST_CELLS])) + ("; …" if len(merged.cells) > _MOST_CELLS else "")
    return f"{len(merged.cells)} cells are one network, trained once: {names} ({merged.because})."


def _equal_weights(study: Study) -> list[str]:
    """Cells whose runs have other settings and the same weights."""
    names: dict[tuple[tuple[int, str], ...], dict[frozenset[str], str]] = {}
    for arm in arms_of(study).values():
        weights = [(seed, study.by_id[run_id].weights_sha256 or "") for seed, run_id in sorted(arm.ended.items())]
        if weights and all(digest for _, digest in weights):
            names.setdefault(tuple(weights), {}).setdefault(arm.runs, name_of(arm.cell))
    return [
        f"The weights of {' and '.join(cells.values())} are the same with each of {plural(len(weights), 'seed')}: what "
        "tells these cells apart made no difference there."
        for weights, cells in names.items()
        if len(cells) > 1
    ]


def _untrained(study: Study) -> list[str]:
    """Names of the cells whose runs ended near guessing."""
    out = []
    for _, cell, runs in study.cells:
        accuracy = numbers(measured(runs), "test_accuracy")
        if accuracy and 100 * statistics.fmean(accuracy) < _TRAINED:
            out.append(name_of(cell))
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


def headline(frame: pd.DataFrame) -> str:
    """Alternative text of the main figure: its range in words."""
    means = frame["mean"].dropna()
    if means.empty:
        return "Test error: no run ended with a result."
    low, high = percent(1 - means.max()), percent(1 - means.min())
    return f"Test error of {len(frame)} cells; means from {low} to {high} percent, as in the table of cells."
