"""All trials of a search as one JSON file next to the records, so that the report needs neither Optuna nor its storage."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from resbench.core.files import replace
from resbench.records.store import Store
from resbench.records.trials import Trial, TrialsFile, TunedArm
from resbench.tuning.readonly import finished
from resbench.tuning.search import Search, arm_label
from resbench.tuning.storage import Studies, reachable
from resbench.tuning.winners import best

IMPORTANCE = f"PED-ANOVA (Watanabe, Bansal and Hutter 2023) of Optuna {optuna.__version__}, over completed trials"
_MIN_TRIALS = 8  # completed, of which PED-ANOVA calls the best tenth good


def collect(studies: Studies, winners: Mapping[str, int | None] | None = None) -> TrialsFile:
    """What the report needs to know: the same for the same trials, whichever process ran them and when.

    Args:
        winners: label of an arm -> number of its winner, while the search goes on; by default the best trial of each arm.
    """
    search = studies.search
    arms, rows = [], []
    for index, arm in enumerate(studies.arms):
        trials = studies.trials(index)
        chosen = trials if winners is None else [one for one in trials if one.number == winners.get(arm_label(arm))]
        winner = best(chosen)
        arms.append(
            TunedArm(
                arm=dict(arm),
                label=arm_label(arm),
                winner=winner.number if winner else None,
                tuned=search.values(winner.params) if winner else None,
                untuned=search.untuned(arm),
                epochs=search.epochs(arm),
                importance=_importance(studies.studies[index], trials) if winners is None else None,
            )
        )
        rows += [_row(search, arm_label(arm), trial) for trial in trials if trial.state != TrialState.WAITING]
    return TrialsFile(
        schema=1,
        search=search.name,
        sampler=search.sampler,
        pruner=search.pruner,
        trials=search.budget,
        seeds=search.seeds,
        space={path: searched.describe() for path, searched in search.space.items()},
        importance=IMPORTANCE,
        arms=arms,
        rows=rows,
    )


def write(studies: Studies, store: Store) -> TrialsFile:
    """Write `results/<study>/trials.json` of a search that has ended; returns what it holds."""
    with studies.admission():
        trials = collect(studies)
        _save(trials, store)
    return trials


def write_meanwhile(studies: Studies, store: Store) -> None:
    """Write it while the search goes on, for `resbench report`: no arm has another winner than before the search.

    Both hold the admission when they write, so that nothing old replaces what was written at the end.
    """
    with studies.admission():
        with reachable():
            trials = collect(studies, earlier_winners(store)) if missing_trials(studies) else None
        if trials:
            _save(trials, store)


def missing_trials(studies: Studies) -> int:
    """How many trials are to be done until every arm has had its budget."""
    arms = range(len(studies.arms))
    return sum(max(0, studies.search.budget - finished(studies.trials(arm))) for arm in arms)


def _save(trials: TrialsFile, store: Store) -> None:
    store.open()
    values = trials.to_json()
    head = json.dumps({**values, "rows": "@rows@"}, indent=1, ensure_ascii=False, allow_nan=False)
    rows = ",\n  ".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in values["rows"])
    text = head.replace('"@rows@"', f"[\n  {rows}\n ]" if rows else "[]", 1) + "\n"
    replace(trials_path(store), text.encode(), store.work)


def earlier_winners(store: Store) -> dict[str, int | None]:
    """Label of each arm -> number of its winner of the last time that the search ended."""
    try:
        return {arm.label: arm.winner for arm in TrialsFile.read(trials_path(store)).arms}
    except (FileNotFoundError, ValueError):  # or damaged: it is written again at the end
        return {}


def trials_path(store: Store) -> Path:
    return store.folder / "trials.json"


def _row(search: Search, arm: str, trial: FrozenTrial) -> Trial:
    attributes, values = trial.user_attrs, search.values(trial.params)
    state = "diverged" if attributes.get("diverged") else trial.state.name.lower()
    return Trial(
        arm=arm,
        number=trial.number,
        state="failed" if trial.state == TrialState.FAIL else state,
        error=None if state == "diverged" else trial.value,
        params={path: values[path] for path in sorted(values)},
        epochs=attributes.get("epochs", 0),
        seconds=attributes.get("seconds", 0.0),
        reports={str(step): value for step, value in sorted(trial.intermediate_values.items())},
        message=attributes.get("message", ""),
    )


def _importance(study: optuna.Study, trials: list[FrozenTrial]) -> dict[str, float] | None:
    """What each searched field contributes to the errors; None of too few trials, or if it cannot be computed."""
    done = [t for t in trials if t.state == TrialState.COMPLETE]
    if len(done) < _MIN_TRIALS or len({t.value for t in done}) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the evaluator is called experimental
        try:
            importance = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
        except Exception as error:  # the trials are paid for: they are written and confirmed all the same
            reason = " ".join(str(error).split())
            print(f"{study.study_name}: no importance: {type(error).__name__}: {reason}", file=sys.stderr)
            return None
    return {path: round(importance[path], 10) for path in sorted(importance)}
