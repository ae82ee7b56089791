"""The verdict on the target in one sentence, the same for the page, the terminal and programs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from resbench.core.text import plural
from resbench.records.claim import Target
from resbench.records.study_file import Confirmation
from resbench.report.comparable import data_note
from resbench.report.format import p_text, percent, power_text, significant, within
from resbench.report.labels import Labels
from resbench.report.outcomes import OPEN
from resbench.report.planning import MIN_SEEDS
from resbench.report.statistics.attainment import seeds_to_attain
from resbench.report.statistics.interval import Interval
from resbench.report.study import Study
from resbench.report.target import (
    BY_MEAN,
    NOT_REACHED,
    REACHED,
    Attempt,
    TrainedCell,
    attempts,
    candidate,
    confirmed,
    confirms,
    family_of,
    grid_seeds,
)
from resbench.report.wording.looks import anytime_test, unplanned_look


def target_sentence(study: Study) -> str:
    """Whether the target is shown to be reached, by which cell and for what, in a sentence; empty without a target."""
    target = study.target
    if not target:
        return ""
    goal = f"{percent(target.test_accuracy)} % of test accuracy"
    return _by_confirmation(study, target, goal) if confirms(study) else _by_all_cells(study, target, goal)


def _by_all_cells(study: Study, target: Target, goal: str) -> str:
    """The verdict by the seeds of the grid, over all of its cells."""
    tried = attempts(study)
    apart = _not_judged(study, tried)
    so_far = ", so far" if study.runs["status"].isin(OPEN).any() else ""
    shown = [one for one in tried if one.state == REACHED]
    near = [one for one in tried if one.state == BY_MEAN]
    size = family_of(study)
    if shown:
        return f"Reached on these test images{so_far}: {goal}, {_work(shown, target, size, study.labels)}.{apart}"
    if near:
        seeds = seeds_to_attain(1.0)
        return (
            f"Not shown to be reached on these test images{so_far}: {goal}. {plural(len(near), 'cell')} of {size} "
            f"{'has' if len(near) == 1 else 'have'} a mean there, {_work(near, target, size, study.labels)}. A cell that is picked for its "
            f"mean was partly lucky: {seeds} fresh seeds of it (`confirm: {seeds}`) show with 80 % power that it reaches the "
            f"target, if its true mean lies one standard deviation between seeds above.{apart}"
        )
    if any(one.state == NOT_REACHED for one in tried):
        return f"Not reached{' so far' if so_far else ''}: {goal} as a mean of at least {MIN_SEEDS} seeds.{apart}"
    return f"Open: {goal}.{apart}"


def _not_judged(study: Study, tried: Sequence[Attempt]) -> str:
    """` Not judged: 1 of 2 cells, of which a run did not train.`; nothing where each cell is."""
    cells = {one.trained.runs: one.trained for one in tried}
    size = family_of(study)
    reasons = Counter(reason for one in cells.values() if (reason := _why_not_judged(study, one)))
    reasons["of which no run trained, or what it cost is not known"] += size - len(cells)
    counts = [(count, reason) for reason, count in reasons.items() if count]
    if not counts:
        return ""
    (count, reason), *rest = counts
    more = "".join(f"; {count} {reason}" for count, reason in rest)
    return f" Not judged: {count} of {plural(size, 'cell')}, {reason}{more}."


def _why_not_judged(study: Study, one: TrainedCell) -> str:
    """Why a cell has no verdict, in a clause; else empty."""
    if one.mixed:
        return f"as {data_note(study)}"
    if one.untrained:
        return "of which a run did not train"
    if one.outstanding:
        return "of which a run has no result yet"
    if one.unknown:
        return "of which a run has no test accuracy"
    return f"as no verdict takes fewer than {MIN_SEEDS} seeds" if one.unjudged else ""


def _work(found: Sequence[Attempt], target: Target, size: int, labels: Labels) -> str:
    """The cells that take the least FLOPs and the least time, and what they take."""
    least, fastest = found[0], min(found, key=lambda one: one.trained.seconds)
    holm = f", Holm over {size} cells" if size > 1 else ""
    text = f"for the least FLOPs by {_described(least, holm, labels)} with {_flops(least.trained, target)}"
    if fastest is least:
        return f"{text}, and in the least time, {least.trained.seconds:,.3g} seconds"
    by_time = f"in the least time by {_described(fastest, holm, labels)} in {fastest.trained.seconds:,.3g}"
    return f"{text} in {least.trained.seconds:,.3g} seconds; {by_time}"


def _flops(trained: TrainedCell, target: Target) -> str:
    text = f"{_power(trained.flops)} FLOPs a run"
    if target.training_flops is not None:
        text += f", {_times(target.training_flops / trained.flops)} the published {_power(target.training_flops)}"
    return text + (f" ({target.source})" if target.source else "")


def _power(flops: float) -> str:
    """`5.1×10¹²`."""
    return power_text(flops, 1)


def _described(attempt: Attempt, correction: str, labels: Labels) -> str:
    return f"{labels.cell(attempt.trained.cell)} ({_numbers(attempt, 'seed', correction)})"


def _numbers(attempt: Attempt, kind: str, correction: str = "") -> str:
    """`99.52 [99.49, 99.55] %, 5 seeds, one-sided p = .012, Holm over 10 cells; on new images [99.41, 99.63] %`."""
    one = attempt.trained
    p = _p_of(attempt, correction)
    text = f"{_within(one.accuracy)} %, {plural(one.seeds, kind)}{f', {p}' if p else ''}"
    new = one.new_images
    if kind != "seed" or math.isnan(new.low):
        return text
    return f"{text}; on new images [{percent(new.low)}, {percent(new.high)}] %"


def _p_of(attempt: Attempt, correction: str = "") -> str:
    """`one-sided p = .012, Holm over 10 cells`, and what it is where results were read before."""
    one, p = attempt.trained, f"one-sided p {p_text(attempt.p)}{correction}"
    if math.isnan(attempt.p):
        p = "no p, as all seeds have the same accuracy" if one.seeds > 1 and not one.unjudged else ""
    return f"{p} ({unplanned_look(one.earlier)}, so p is {anytime_test('t')})" if one.earlier and p else p


def _on_new_images(one: TrainedCell, target: Target) -> str:
    """What holds for other images of the kind."""
    new = one.new_images
    if math.isnan(new.low):
        return ""
    state = "it is above the target" if new.low >= target.test_accuracy else "it is open"
    state = "it is below the target" if new.high < target.test_accuracy else state
    return f" For new images of the kind {state}: [{percent(new.low)}, {percent(new.high)}] %."


def _within(interval: Interval) -> str:
    return within(interval.estimate, interval.low, interval.high)


def _times(ratio: float) -> str:
    """`1,500 times fewer than`, or `2.5 times` where ours costs more."""
    return f"{significant(ratio)} times fewer than" if ratio >= 10 else f"{significant(1 / ratio)} times"


def _by_confirmation(study: Study, target: Target, goal: str) -> str:
    """The verdict by fresh seeds of the one cell that the seeds of the grid chose."""
    chosen = study.file.confirmation
    if chosen is None:
        return _to_choose(study, target, goal)
    name = f"{study.labels.cell(chosen.cell)}, which {seeds_text(chosen.chosen_on)} chose"
    if chosen.test_accuracy != target.test_accuracy:
        other = f"{percent(chosen.test_accuracy)} %"
        return (
            f"Open: {goal}: the fresh seeds of {name}, are of a target of {other}; another target takes a study of its own "
            "(name: ...)."
        )
    attempt, open_runs = confirmed(study), _open_runs(study)
    if open_runs:
        return f"Open: {goal}: {_fresh(chosen)} of {name}, decide; {open_runs} of them to do."
    if attempt is None or attempt.trained.unjudged:
        why = attempt.trained.unjudged if attempt else "none of them trained"
        return f"Not confirmed: {goal} by {name}: of {_fresh(chosen)}, {why}."
    spent, cell = attempt.trained, study.labels.cell(chosen.cell)
    if attempt.state == REACHED:
        goal = f"{percent(target.test_accuracy)} %"
        numbers = f"{_within(spent.accuracy)} % over {plural(spent.seeds, 'fresh seed')} ({_p_of(attempt)})"
        return (
            f"{goal} is reached on these test images by {cell}: {numbers}, with {_fewer(spent, target)}."
            f"{_on_new_images(spent, target)}"
        )
    return (
        f"Not confirmed on these test images: {goal}, by {name}: {_numbers(attempt, 'fresh seed')} "
        f"({_fresh(chosen).removeprefix('fresh ')}). It takes {_flops(spent, target)}.{_on_new_images(spent, target)}"
    )


def _fewer(trained: TrainedCell, target: Target) -> str:
    """`5,800 times fewer FLOPs than published (5.1×10¹² against 3.0×10¹⁶, article of 2016)`, where that is known."""
    if target.training_flops is None or target.training_flops < 10 * trained.flops:
        return _flops(trained, target)
    against = f"{_power(trained.flops)} against {_power(target.training_flops)}"
    source = f", {target.source}" if target.source else ""
    return f"{significant(target.training_flops / trained.flops)} times fewer FLOPs than published ({against}{source})"


def _to_choose(study: Study, target: Target, goal: str) -> str:
    """What is to come before a cell is chosen."""
    seeds, fresh = sorted({*map(int, study.runs["seed"])}), target.fresh_seeds(grid_seeds(study))
    runs = study.runs.drop_duplicates("id")
    left = int(runs["status"].isin(OPEN).sum())
    if left:
        return (
            f"Open: {goal}: when all runs of the grid have finished ({plural(left, 'run')} missing), {plural(len(fresh), 'fresh seed')} of the "
            "cheapest cell whose mean reaches it decide."
        )
    best = candidate(study)
    if best is None:
        return f"Not reached: {goal}, by the mean of no cell, so that none is confirmed."
    return (
        f"Open: {goal}: fresh {seeds_text(fresh)} of {study.labels.cell(best.cell)} decide, the cheapest cell whose mean reaches it "
        f"({_within(best.accuracy)} %, {seeds_text(seeds)})."
    )


def _open_runs(study: Study) -> int:
    return int(study.confirmation.runs["status"].isin(OPEN).sum()) if study.confirmation else 0


def _fresh(chosen: Confirmation) -> str:
    return f"fresh {seeds_text([run.seed for run in chosen.runs])}"


def seeds_text(seeds: Sequence[int]) -> str:
    """`seeds 0 to 4`, or each of them where some between are lacking."""
    ordered = sorted(seeds)
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"seeds {ordered[0]} to {ordered[-1]}"
    return f"seed{'s' if len(ordered) != 1 else ''} {', '.join(map(str, ordered))}"


def target_facts(study: Study) -> dict[str, Any]:
    """The same for programs: the target of the grid file, the sentence, and every cell with its numbers; else empty."""
    target = study.target
    if not target:
        return {}
    facts = {**target.to_json(), "sentence": target_sentence(study), "family": family_of(study)}
    facts |= {"cells": list(map(_facts, attempts(study)))}
    if chosen := study.file.confirmation:
        attempt = confirmed(study)
        facts["confirmation"] = {
            "at": dict(chosen.cell),
            "for": chosen.test_accuracy,
            "chosen_on": chosen.chosen_on,
            "on": [run.seed for run in chosen.runs],
        } | (_facts(attempt) if attempt else {})
    return facts


def _facts(attempt: Attempt) -> dict[str, Any]:
    one = attempt.trained
    return {
        "at": dict(one.cell),
        "reached": attempt.state,
        "p": attempt.p,
        "seeds": one.seeds,
        "read_before_at": list(one.earlier),
        "diverged": one.untrained,
        "outstanding": one.outstanding,
        "test_accuracy": one.accuracy.estimate,
        "low": one.accuracy.low,
        "high": one.accuracy.high,
        "simultaneous_low": attempt.low,
        "new_images_low": one.new_images.low,
        "new_images_high": one.new_images.high,
        "training_flops": one.flops,
        "train_seconds": one.seconds,
    }
