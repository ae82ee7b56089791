"""The generated answer says what was planted: the finding, where it holds, where not, and what is not known."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.studies import HELPS, Axes, Cell, make, noise

from resbench.records.trials import TrialsFile
from resbench.report.cells import cells, comparisons, margin_of
from resbench.report.judge import judge
from resbench.report.labels import Labels
from resbench.report.lead import Lead, lead
from resbench.report.page.card import verdict_table
from resbench.report.study import load
from resbench.report.tables.search import Trials
from resbench.report.wording.answer.cost import cost_sentences
from resbench.report.wording.sentence import sentence
from resbench.report.wording.states import shown_state

DEPTHS = [10, 22, 34, 58, 100]
AXES: Axes = {"model.depth": DEPTHS, "model.shortcut": ["identity", "none"]}
ONE_DEPTH: Axes = {"model.depth": [34], "model.shortcut": ["identity", "none"]}
BASE: Cell = {"model.shortcut": "none"}
GUESS = np.where(np.arange(10_000) % 10, 3, 0)  # class 3 for all images but those of class 0


def answer(results: Path, name: str = "s") -> Lead:
    study = load(results, name)
    return lead(study, cells(study), judge(study), comparisons(study, BASE, margin_of(study)))


def plain(cell: Cell) -> bool:
    return bool(cell["model.shortcut"] == "none")


def rates(gains: dict[int, float]) -> Callable[[Cell], float]:
    """An error of 1 %, and of plain networks so many points more at each depth."""
    return lambda cell: 0.01 + (gains[cell["model.depth"]] / 100 if plain(cell) else 0)


def planted(tmp_path: Path, gains: dict[int, float], seeds: int = 8, **fields: Any) -> Lead:
    axes = {**AXES, "model.depth": list(gains)}
    claim = {**HELPS, **fields}
    return answer(make(tmp_path, "s", axes, seeds, noise(rates(gains), hard=0.06), [claim], BASE))


def state(results: Path) -> str:
    (verdict,) = judge(load(results, "s"))
    shown = shown_state(verdict)
    return f"{shown.text} | {shown.detail}"


def test_a_gain_at_three_of_five_depths_is_said_at_exactly_these(tmp_path: Path) -> None:
    first = planted(tmp_path, {10: 0, 22: 0, 34: 0.5, 58: 0.8, 100: 1}, margin=0.4).sentences[0]
    assert first.startswith(
        "With identity shortcuts there are fewer errors than with no shortcut at 34, 58 and 100 layers ("
    )
    assert "; as many within ±0.4 points at 10 and 22 layers (" in first and first.count("against") == 2
    assert state(tmp_path).startswith(
        "mixed: 3 of 5 depths | supported at 34, 58 and 100 layers, equivalent at 10 and 22"
    )


def test_directions_that_differ_are_both_said_and_the_worst_does_not_head(tmp_path: Path) -> None:
    first = planted(tmp_path, {10: -0.4, 34: 0.6, 100: 1}, margin=0.05).sentences[0]
    assert "fewer errors than with no shortcut at 34 and 100 layers" in first and "; more at 10 layers (" in first
    assert state(tmp_path) == "mixed: 2 of 3 depths | supported at 34 and 100 layers, refuted at 10 layers"
    assert judge(load(tmp_path, "s"))[0].state == "refuted"  # what programs read


def test_the_size_is_that_of_the_cells_and_relative_where_one_is_compared(tmp_path: Path) -> None:
    results = make(tmp_path, "s", ONE_DEPTH, 12, noise(rates({34: 0.5})), [{**HELPS, "at": {}}], BASE)
    (first,) = answer(results).sentences
    frame = cells(load(results, "s")).set_index("model.shortcut")["errors"]
    ours, theirs = frame["identity"], frame["none"]
    assert (
        f"({ours:,.0f} against {theirs:,.0f} in 10,000)" in first
        and f" {100 * (1 - ours / theirs):.0f} % fewer errors" in first
    )


def test_what_is_equivalent_is_said_to_be_within_the_margin(tmp_path: Path) -> None:
    results = make(
        tmp_path,
        "s",
        ONE_DEPTH,
        12,
        noise(lambda _: 0.01),
        [{**HELPS, "at": {}, "expect": "equivalent", "margin": 0.3}],
        BASE,
    )
    (first,) = answer(results).sentences
    assert first.startswith(
        "With identity shortcuts there are as many errors as with no shortcut, within ±0.3 points ("
    )


def test_a_refuted_claim_is_answered_by_what_was_found(tmp_path: Path) -> None:
    (first,) = planted(tmp_path, {34: -0.5}, at={}).sentences
    assert "more errors than with no shortcut" in first or "times as many errors as with no shortcut" in first
    assert "fewer" not in first and "refuted" not in first.lower()


def test_what_cannot_be_told_is_no_finding(tmp_path: Path) -> None:
    (first,) = planted(tmp_path, {34: 0.02}, seeds=5, at={}).sentences
    assert first.startswith("Whether errors differ between identity shortcuts and no shortcut is not settled (")


def test_a_single_seed_is_a_state_of_its_own(tmp_path: Path) -> None:
    found = planted(tmp_path, {34: 1, 100: 5}, seeds=1)
    assert found.sentences[0] == "1 of 5 seeds so far: no verdict yet."
    assert found.sentences[1].startswith(
        "So far, errors with identity shortcuts against no shortcut at 34 and 100 layers: "
    )
    assert state(tmp_path).startswith("1 of 5 seeds so far") and "inconclusive" not in state(tmp_path)
    (verdict,) = judge(load(tmp_path, "s"))
    table = verdict_table([verdict])
    assert table and {row[table.head.index("verdict")] for row in table.rows} == {"1 of 5 seeds so far"}
    assert all(sentence(verdict, one).startswith("1 of 5 seeds so far at ") for one in verdict.contrasts)


def test_an_arm_that_did_not_train_is_said_before_its_probes(tmp_path: Path) -> None:
    healthy = noise(rates({10: 0.5, 100: 0.5}))

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> Any:
        return GUESS if plain(cell) and cell["model.depth"] == 100 else healthy(cell, seed, draw)

    probe = {**HELPS, "on": "probe.response_ratio", "says": "layers respond less", "margin": 0}
    axes = {**AXES, "model.depth": [10, 100]}
    measured = lambda cell, seed: {"probe.response_ratio": 2.0 * plain(cell) + (1 + plain(cell)) * seed / 100}  # noqa: E731
    found = answer(make(tmp_path, "s", axes, 6, outcome, [probe], BASE, metrics=measured))
    first, second, *_ = found.sentences
    assert "[untrained]" in first and "100 layers" in first
    assert "response of the layers" in second and "at 100 layers, runs did not train (0 of 6 against 6 of 6)" in second
    assert "lower at 10 layers" in second
    study = load(make(tmp_path / "bare", "s", axes, 6, outcome, [probe], metrics=measured), "s")
    opening = lead(study, cells(study), judge(study)).sentences
    assert opening[0] == "With 100 layers and no shortcut, no run trained." and "runs did not train" in opening[1]


def test_steps_along_an_axis_of_numbers_are_told_in_order(tmp_path: Path) -> None:
    deeper = {"says": "deeper hurts", "compare": {"model.depth": 100}, "to": {"model.depth": 34}, "expect": "higher"}
    claims = [
        {**HELPS, **deeper, "at": {"model.shortcut": ["none"]}},
        {
            **HELPS,
            **deeper,
            "at": {"model.shortcut": ["none"]},
            "compare": {"model.depth": 34},
            "to": {"model.depth": 10},
        },
    ]
    axes = {**AXES, "model.depth": [10, 34, 100]}
    results = make(tmp_path, "s", axes, 8, noise(rates({10: 0.2, 34: 1, 100: 3}), hard=0.1), claims, BASE)
    found = answer(results)
    (line,) = (text for text in found.sentences if "rise" in text)
    assert line.startswith("With no shortcut, errors in 10,000 rise from ") and " at 10 layers to " in line
    assert line.index("at 34") < line.index("at 100")


def test_what_no_claim_made_is_called_exploratory(tmp_path: Path) -> None:
    claim = {**HELPS, "at": {"model.depth": [34]}}
    axes = {**AXES, "model.depth": [10, 34]}
    results = make(tmp_path, "s", axes, 8, noise(rates({10: 1, 34: 1})), [claim], BASE)
    first = answer(results).sentences[0]
    assert first.index("at 34 layers") < first.index("; exploratory: fewer at 10 layers (")
    nothing = make(tmp_path / "none", "s", axes, 8, noise(rates({10: 1, 34: 1})), (), BASE)
    assert answer(nothing).sentences[1].startswith("Exploratory: with identity shortcuts there are fewer errors than")


def test_no_run_no_answer(tmp_path: Path) -> None:
    results = make(tmp_path, "s", ONE_DEPTH, 2, lambda *_: "missing", [HELPS], BASE)
    assert answer(results).sentences == ["No run has finished yet: there is no answer."]


@pytest.mark.parametrize("seeds", [5, 12])
def test_no_answer_is_given_where_nothing_differs(tmp_path: Path, seeds: int) -> None:
    found = planted(tmp_path, dict.fromkeys(DEPTHS, 0), seeds=seeds, margin=0)
    assert not any("fewer errors" in text or "more errors" in text for text in [*found.sentences, *found.more])


@pytest.mark.parametrize("ours, theirs", [("identity", "none"), ("none", "identity")])
@pytest.mark.parametrize(
    "gains, said",
    [
        ({10: 0.2, 34: 1.5}, ("saves", "more")),
        ({10: 1.5, 34: 0.3}, ("saves", "fewer")),
        ({10: 0.2, 34: -0.8}, ("costs", "more")),
        ({10: -0.8, 34: -0.2}, ("costs", "fewer")),
    ],
)
def test_what_a_side_saves_is_compared_with_its_sign(
    tmp_path: Path, ours: str, theirs: str, gains: dict[int, float], said: tuple[str, str]
) -> None:
    """The sentence is of identity shortcuts, in whichever order the claim subtracts."""
    claim = {"says": "c", "compare": {"model.shortcut": ours}, "to": {"model.shortcut": theirs}, "expect": "higher"}
    claim |= {"at": {}, "on": "test_error", "between": {"model.depth": [34, 10]}, "margin": 0}
    axes = {**AXES, "model.depth": list(gains)}
    (first,) = answer(make(tmp_path, "s", axes, 8, noise(rates(gains), hard=0.06), [claim])).sentences
    verb, side = said
    match = re.fullmatch(
        f"Using identity shortcuts rather than no shortcut {verb} (\\d+) errors in 10,000 at 34 layers, "
        f"{side} than at 10 layers \\((−?\\d+)\\)\\.",
        first,
    )
    assert match, first
    shown = [int(text.replace("−", "-")) for text in match.groups()]
    planted_gains = [100 * gains[34], 100 * gains[10]]
    for value, gain in zip(shown, planted_gains, strict=True):
        assert abs(value - (gain if verb == "saves" else -gain)) < 25


def test_savings_that_cannot_be_told_apart_are_not_called_alike(tmp_path: Path) -> None:
    claim = {**HELPS, "at": {}, "between": {"model.depth": [34, 10]}, "margin": 0}
    outcome = noise(rates({10: 1, 34: 1.02}), hard=0.06)
    (first,) = answer(make(tmp_path, "s", {**AXES, "model.depth": [10, 34]}, 5, outcome, [claim])).sentences
    assert first.startswith("Using identity shortcuts rather than no shortcut saves ")
    assert first.endswith(" at 10 layers; whether these differ is not settled.")


@pytest.mark.parametrize("more", [2, 4])
def test_a_rival_that_ties_is_named_after_those_that_do_not(tmp_path: Path, more: int) -> None:
    """Many rivals are counted, and the range of their errors is said."""
    kinds = ["identity", "none", "projection", "scaled", "dropout", "exclusive_gate", "shortcut_gate"][: more + 3]
    errors = {"identity": 0.01, kinds[-1]: 0.0102} | {kind: 0.02 + i / 1000 for i, kind in enumerate(kinds[1:-1])}
    outcome = noise(lambda cell: errors[cell["model.shortcut"]], hard=0.06)
    base: Cell = {"model.shortcut": "identity"}
    study = load(make(tmp_path, "s", {"model.shortcut": kinds}, 8, outcome, (), base), "s")
    compared = comparisons(study, base, margin_of(study))
    [line] = [text for text in lead(study, cells(study), judge(study), compared).sentences if "there are more" in text]
    named = f"with {more + 1} other variants" if more + 1 > 4 else "with no shortcut, projection shortcuts and"
    assert line.startswith(f"Exploratory: {named}") and "; with " in line
    assert line.split("; with ")[1].startswith(f"{study.labels.value('model.shortcut', kinds[-1])} it is not settled (")
    if more + 1 > 4:
        low, high = (
            f"{cells(study).set_index('model.shortcut')['errors'][kind]:,.0f}" for kind in (kinds[1], kinds[-2])
        )
        assert f"({low} to {high} against " in line


def test_cells_of_which_nothing_trained_are_told_once(tmp_path: Path) -> None:
    healthy = noise(rates({10: 0.5, 34: 0.5, 100: 0}))
    outcome = lambda cell, seed, draw: GUESS if cell["model.depth"] == 100 else healthy(cell, seed, draw)  # noqa: E731
    axes = {**AXES, "model.depth": [10, 34, 100]}
    found = answer(make(tmp_path, "s", axes, 6, outcome, [HELPS], BASE))
    told = [text for text in [*found.sentences, *found.more] if "train" in text]
    assert told == ["With 100 layers, no run trained."] and "100 layers" not in found.sentences[0]


def test_a_cost_whose_sign_changes_is_no_clear_cost() -> None:
    """Time next to the FLOPs that it is for; identity shortcuts cost 24 % more in one place."""
    where = {"device_name": "x", "threads": 1, "precision": "fp32"}
    for low, said in (
        (0.8, "There is no clear cost of identity shortcuts against no shortcut (median of 2 comparisons: 2 % more, from 20 % less to 24 % more time)."),
        (1.1, "With identity shortcuts it takes 10 to 24 % more time (median of 2 comparisons: 17 % more) than with no shortcut."),
    ):  # fmt: skip
        rows = [
            {"model.depth": depth, "model.shortcut": kind, "flops": 2.0 * depth, **where}
            | {"train_images_per_second": 1000 / depth / ({10: 1.24, 40: low}[depth] if kind == "identity" else 1)}
            for depth in (10, 40)
            for kind in ("identity", "none")
        ]
        first, second, _ = cost_sentences(pd.DataFrame(rows), list(AXES), BASE, Labels())
        assert second == said and first.endswith(" times as long at 40 layers as at 10 (for 4.0 times the FLOPs).")


def test_tuning_says_what_it_changed(tmp_path: Path) -> None:
    arms = [
        {"arm": {"model.shortcut": kind}, "label": kind, "winner": 0, "importance": None}
        | {"tuned": {"recipe.lr": lr, "model.dropout": dropout}, "untuned": {"recipe.lr": 0.1, "model.dropout": 0.0}}
        for kind, lr, dropout in (("identity", 0.26997, 0.0), ("none", 0.1001, 0.1))
    ]
    row = {"number": 0, "state": "complete", "error": 0.1, "params": {}, "epochs": 1, "seconds": 1, "message": ""}
    facts: dict[str, Any] = {"arms": arms, "rows": [{**row, "arm": arm["label"]} for arm in arms]}
    facts |= {"space": {"recipe.lr": {"low": 0.01, "high": 1}, "model.dropout": {"choices": [0.0, 0.1]}}}
    facts |= {"sampler": "tpe", "pruner": "none", "trials": 1, "seeds": 1, "importance": "none"}
    trials = Trials(TrialsFile.model_validate(facts))
    results = make(tmp_path, "s", ONE_DEPTH, 5, noise(rates({34: 0.5})), [HELPS], BASE)
    study = load(results, "s")
    text = lead(study, cells(study), judge(study), trials=trials).sentences[-1]
    assert text == (
        "Tuning, with 1 trial for each arm, changed learning rate from 0.1 to 0.27 with identity shortcuts; dropout from "
        "none to 0.1 with no shortcut; trained to their end were 1 with identity shortcuts and 1 with no shortcut."
    )
