"""What opens the page of a study: its answer in a few sentences, and further findings."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from resbench.core.text import plural, show
from resbench.records.metrics import METRICS
from resbench.records.trials import TunedArm
from resbench.report.arms import Arm, arms_of
from resbench.report.exploratory import against_baseline, elsewhere
from resbench.report.foreign import trainers
from resbench.report.frames import numbers
from resbench.report.labels import Labels, listed
from resbench.report.outcomes import RESULTS, kinds, measured
from resbench.report.study import Study
from resbench.report.tables.search import Trials, arm_words, value_words
from resbench.report.theory import TheoryVerdict
from resbench.report.verdicts import ClaimVerdict
from resbench.report.wording.answer.answer import MOST, Compared, findings
from resbench.report.wording.answer.cost import cost_sentences
from resbench.report.wording.baseline import baseline_text
from resbench.report.wording.states import TOO_FEW, shown_state
from resbench.report.wording.target import target_sentence
from resbench.report.wording.theory import theory_sentences

HARDLY = 0.3  # test accuracy below which a network hardly learned; guessing reaches 0.1 with ten classes
_MOST_CELLS = 4


class Lead(NamedTuple):
    """An answer.

    Attributes:
        sentences: two to four, where there is so much to say.
        more: what else was found.
        progress: those of the sentences that say how far the study is.
    """

    sentences: Sequence[str]
    more: Sequence[str] = ()
    progress: Sequence[str] = ()


def lead(
    study: Study,
    frame: pd.DataFrame,
    verdicts: Sequence[ClaimVerdict],
    against: pd.DataFrame | None = None,
    costs: pd.DataFrame | None = None,
    trials: Trials | None = None,
    theory: Sequence[TheoryVerdict] = (),
) -> Lead:
    """The answer of a study.

    Args:
        frame: as `cells.cells` returns.
        verdicts: as `judge.judge` returns.
        against: as `cells.comparisons` returns, of a study with a baseline.
        costs: as `cost.cost_frame` returns.
        theory: as `theory.judge_theory` returns.
    """
    known = costs if costs is not None else pd.DataFrame()
    cost = cost_sentences(known, study.axes, study.baseline, study.labels)
    if not frame["seeds_done"].sum():
        return Lead(cost or [*_searching(trials), "No run has finished yet: there is no answer."])
    predicted = theory_sentences(theory, study.labels)
    if predicted and not study.claims and not study.target:
        asks = any(not one.prediction.metric.at_start for one in theory)  # after what was trained
        progress, untrained = _progress(study, verdicts), _untrained(study, verdicts, []) if asks else []
        return Lead([*progress, predicted[0], *untrained], [*predicted[1:], *cost], progress)
    if not frame["seeds_ok"].sum():
        lost, named = int(frame["untrained"].sum()), kinds(int(frame["diverged"].sum()), int(frame["collapsed"].sum()))
        return Lead([f"No run trained: {plural(lost, 'run')} did not ({named}), so nothing can be compared.", *cost])
    others = elsewhere(study, verdicts)
    compared = Compared(
        verdicts, others, against_baseline(study, [*verdicts, *others]), hardly(study), study.file.merged
    )
    found = findings(compared, study.labels)
    progress, untrained = _progress(study, verdicts), _untrained(study, verdicts, found)
    target = [target_sentence(study)] if study.target else []
    measured_first = cost if not study.claims and not target else []
    rest = [] if measured_first else cost
    opening = [*progress, *target, *measured_first]
    if against is not None and study.baseline and not study.claims and not measured_first:
        opening.append(baseline_text(study, against))
    start = 0 if not found or _speaks_of_probes(found[0]) else 1  # of those networks a probe would say nothing
    sentences = [*opening, *found[:start], *untrained, *found[start:], *_tuning(trials, study.labels)]
    if not found and not study.claims and not target and not measured_first:
        sentences += _range(study, frame)
    most = max(MOST, len(opening))
    return Lead(sentences[:most], [*sentences[most:], *predicted, *rest], progress)


def hardly(study: Study) -> set[frozenset[str]]:
    """The runs of the cells that hardly learned."""
    out = set()
    own = trainers(study)  # how many classes there are is not known
    for _, _, runs in study.cells:
        accuracy = numbers(measured(runs), "test_accuracy")
        if accuracy and statistics.fmean(accuracy) < HARDLY and not own:
            out.add(frozenset(map(str, runs["id"])))
    return out


def _progress(study: Study, verdicts: Sequence[ClaimVerdict]) -> list[str]:
    """How far a study is, where it is not done, and that no verdict is due yet."""
    runs = study.runs.drop_duplicates("id")
    done = int(runs["status"].isin(RESULTS).sum())
    shown = [shown_state(verdict) for verdict in verdicts]
    few = [state for state in shown if state.kind == TOO_FEW]
    interim = f"{done} of {plural(len(runs), 'run')} done" if done < len(runs) else ""
    if few and len(few) == len(shown):
        text = few[0].text[:1].upper() + few[0].text[1:]
        return [f"{text}{f' ({interim})' if interim else ''}: no verdict yet."]
    return [f"Interim, {interim}."] if interim else []


def _untrained(study: Study, verdicts: Sequence[ClaimVerdict], found: Sequence[str]) -> list[str]:
    """Which cells did not train, where no sentence tells it."""
    lost = [arm for arm in arms_of(study).values() if arm.none_trained]
    compared = [one.arms for verdict in verdicts for one in verdict.contrasts]
    known = {arm.runs for arms in compared if not all(arm.none_trained for arm in arms) for arm in arms}
    told = any("[untrained]" in text or "do not train" in text for text in found[:MOST])
    if not lost or (told and all(arm.runs in known for arm in lost)):
        return []
    return [f"With {_named(study, lost, study.labels)}, no run trained."]


def _speaks_of_probes(text: str) -> bool:
    return any(metric.probe and metric.words in text for metric in METRICS.values())


def _named(study: Study, lost: Sequence[Arm], labels: Labels) -> str:
    """The cells by what they share, where no other cell shares it, else each of them."""
    common = {
        path: value for path, value in lost[0].cell.items() if len({show(arm.cell.get(path)) for arm in lost}) == 1
    }
    like = [cell for _, cell, _ in study.cells if all(show(cell[path]) == show(common[path]) for path in common)]
    if common and len(like) == len(lost):
        return listed(labels.value(path, value) for path, value in common.items())
    names = [labels.cell(arm.cell) for arm in lost[:_MOST_CELLS]]
    return "; ".join([*names, *(["…"] if len(lost) > _MOST_CELLS else [])])


def _tuning(trials: Trials | None, labels: Labels) -> list[str]:
    """What each arm of a search was given."""
    if trials is None or trials.frame.empty:
        return []
    if trials.ended < trials.planned:
        return _searching(trials)
    frame = trials.frame[trials.frame["state"] != "failed"]
    states = {labels.cell(arm.arm): frame.loc[frame["arm"] == arm.label, "state"] for arm in trials.arms}
    given = sorted({len(part) for part in states.values()})
    number = plural(given[0], "trial") if len(given) == 1 else f"{given[0]} to {given[-1]} trials"
    whole = listed(f"{int((part == 'complete').sum())} with {name}" for name, part in states.items())
    changes = "; ".join(_tuned(trials, arm, labels) for arm in trials.arms)
    return [f"Tuning, with {number} for each arm, changed {changes}; trained to their end were {whole}."]


def _searching(trials: Trials | None) -> list[str]:
    """How far a search is that has not ended, whether it goes on or was interrupted."""
    if trials is None or trials.ended >= trials.planned:
        return []
    return [f"The search has not ended: {trials.ended} of {plural(trials.planned, 'trial')} are done."]


def _tuned(trials: Trials, arm: TunedArm, labels: Labels) -> str:
    """`dropout from none to 0.1 with no shortcut`."""
    name = arm_words(arm, labels)
    if arm.tuned is None:
        return f"nothing with {name}, of which no trial ended well"
    ends = {
        path: [value_words(values.get(path), path, labels) for values in (arm.untuned, arm.tuned)]
        for path in trials.paths
    }
    texts = [
        f"{labels.name(path)} from {' to '.join('none' if end == f'no {labels.name(path)}' else end for end in pair)}"
        for path, pair in ends.items()
        if pair[0] != pair[1]
    ]
    return f"{listed(texts) or 'nothing'} with {name}"


def _range(study: Study, frame: pd.DataFrame) -> list[str]:
    """The lowest and the highest mean error, where nothing is compared."""
    rows = frame[frame["seeds_ok"] > 0].sort_values("mean", ascending=False, kind="stable").to_dict("records")
    if not rows:
        return []
    ends = [
        f"{row['errors']:,.0f} with {study.labels.cell({axis: row[axis] for axis in study.axes})}"
        for row in ([rows[-1], rows[0]] if len(rows) > 1 else rows[:1])
    ]
    return [f"Errors in 10,000: {' to '.join(ends)}; nothing was compared."]
