"""All trials of a search as one JSON file beside the records, so that the report needs neither Optuna nor its storage."""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from resbench.core.files import replace
from resbench.records.store import Store
from resbench.tuning.search import Search, label
from resbench.tuning.storage import Studies
from resbench.tuning.winners import best

IMPORTANCE = f"PED-ANOVA (Watanabe, Bansal and Hutter 2023) of Optuna {optuna.__version__}, over completed trials"
_ENOUGH = 8  # completed trials, of which PED-ANOVA calls the best tenth good


def gather(studies: Studies) -> dict[str, Any]:
    """What the report needs to know: the same for the same trials, whoever ran them and when."""
    search = studies.search
    arms, rows = [], []
    for number, arm in enumerate(studies.arms):
        trials = studies.trials(number)
        winner = best(trials)
        arms.append(
            {
                "arm": arm,
                "label": label(arm),
                "winner": winner.number if winner else None,
                "tuned": search.values(winner.params) if winner else None,
                "untuned": search.untuned(arm),
                "epochs": search.epochs(arm),
                "importance": _importance(studies.studies[number], trials),
            }
        )
        rows += [_row(search, label(arm), trial) for trial in trials if trial.state != TrialState.WAITING]
    return {
        "schema": 1,
        "search": search.name,
        "sampler": search.sampler,
        "pruner": search.pruner,
        "trials": search.budget,
        "seeds": search.seeds,
        "space": {path: one.told() for path, one in search.space.items()},
        "importance": IMPORTANCE,
        "arms": arms,
        "rows": rows,
    }


def keep(studies: Studies, store: Store) -> dict[str, Any]:
    """Write `results/<study>/trials.json`, and return what stands in it."""
    told = gather(studies)
    store.open()
    head = json.dumps({**told, "rows": "@rows@"}, indent=1, ensure_ascii=False, allow_nan=False)
    rows = ",\n  ".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in told["rows"])
    text = head.replace('"@rows@"', f"[\n  {rows}\n ]" if rows else "[]", 1) + "\n"
    replace(store.folder / "trials.json", text.encode(), store.work)
    return told


def _row(search: Search, arm: str, trial: FrozenTrial) -> dict[str, Any]:
    attributes, values = trial.user_attrs, search.values(trial.params)
    state = "diverged" if attributes.get("diverged") else trial.state.name.lower()
    return {
        "arm": arm,
        "number": trial.number,
        "state": "failed" if trial.state == TrialState.FAIL else state,
        "error": None if state == "diverged" else trial.value,
        "params": {path: values[path] for path in sorted(values)},
        "epochs": attributes.get("epochs", 0),
        "seconds": attributes.get("seconds", 0.0),
        "reports": {str(step): value for step, value in sorted(trial.intermediate_values.items())},
        "message": attributes.get("message", ""),
    }


def _importance(study: optuna.Study, trials: list[FrozenTrial]) -> dict[str, float] | None:
    """Share of each searched field in what separates good trials from the rest; None of too few trials, or if it fails."""
    done = [t for t in trials if t.state == TrialState.COMPLETE]
    if len(done) < _ENOUGH or len({t.value for t in done}) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the evaluator is called experimental
        try:
            found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
        except Exception as error:  # the trials are paid for: they are kept and confirmed whatever this thinks of them
            reason = " ".join(str(error).split())
            print(f"{study.study_name}: no importance: {type(error).__name__}: {reason}", file=sys.stderr)
            return None
    return {path: round(found[path], 10) for path in sorted(found)}
