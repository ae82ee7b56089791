"""Predictions of theories: verdicts on planted truths, and the coverage of the interval of a ratio of deviations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.studies import make, noise, with_accuracies

from resbench.report import write
from resbench.report.cells import cells
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.predictions import figure
from resbench.report.study import load
from resbench.report.theory import TheoryVerdict, judge_theory
from resbench.report.wording.theory import counted_predictions

AXES: dict[str, list[Any]] = {"model.depth": [10, 22, 34, 58]}
PREDICTION = {"says": "p", "source": "s", "formula": "f", "on": "train_loss", "at": {}, "value": 0.5, "margin": 0.1}


def judged(folder: Path, name: str = "s") -> list[TheoryVerdict]:
    study = load(folder, name)
    return judge_theory(study, cells(study))


def losses(tmp_path: Path, value: Any, theory: list[dict[str, Any]], seeds: int = 6) -> list[TheoryVerdict]:
    """Verdicts on a study whose training loss is `value(depth, seed)`."""

    def metrics(cell: Any, seed: int) -> dict[str, float]:
        return {"train_loss": value(cell["model.depth"], seed)}

    make(tmp_path, "s", AXES, seeds, noise(lambda cell: 0.01), theory=theory, metrics=metrics)
    return judged(tmp_path)


def test_a_theory_holds_fails_or_is_not_settled(tmp_path: Path) -> None:
    at = {"at": {"model.depth": 10}}
    rows = [
        PREDICTION | at,
        PREDICTION | at | {"value": 0.8},
        PREDICTION | at | {"value": 0.59},
        PREDICTION | at | {"value": 0.3, "expect": "at_least"},
        PREDICTION | at | {"value": 0.3, "expect": "at_most"},
        PREDICTION | at | {"differs": "another thing"},
        PREDICTION | {"at": {"model.depth": 100}},
    ]
    found = losses(tmp_path, lambda depth, seed: 0.5 + 0.01 * (seed - 2.5), rows)
    assert [one.verdict for one in found] == [
        "as predicted", "not as predicted", "not settled", "as predicted", "not as predicted", "not comparable",
        "not comparable",
    ]  # fmt: skip
    assert found[0].ours.estimate == pytest.approx(0.5)
    assert found[0].because == "the interval lies within 0.4 to 0.6"
    assert [one.because for one in found[-2:]] == ["another thing", "no cell of ours has these settings"]


def test_without_an_axis_in_at_each_cell_is_judged(tmp_path: Path) -> None:
    found = losses(tmp_path, lambda depth, seed: depth / 20 + 0.001 * seed, [PREDICTION])
    assert [one.verdict for one in found] == ["as predicted"] + 3 * ["not as predicted"]


def test_too_few_seeds_settle_nothing(tmp_path: Path) -> None:
    (found,) = losses(tmp_path, lambda depth, seed: 0.5, [PREDICTION | {"at": {"model.depth": 10}}], seeds=4)
    assert found.verdict == "not comparable" and found.because.startswith("4 of the at least 5 seeds")


def test_predictions_of_which_none_can_be_compared_are_not_counted_as_wrong(tmp_path: Path) -> None:
    found = losses(tmp_path, lambda depth, seed: 0.5, [PREDICTION], seeds=1)
    assert counted_predictions(found).startswith("None of 4 predictions of theory can be compared: 1 of the at least")


@pytest.mark.parametrize(("law", "value"), [("power", -0.5), ("exponential", 0.9)])
def test_the_exponent_and_the_factor_of_a_planted_law_are_found(law: str, value: float, tmp_path: Path) -> None:
    def loss(depth: int, seed: int) -> float:
        at = depth**value if law == "power" else value**depth
        return float((1 + seed) * at * (1 + 0.001 * seed))

    row = PREDICTION | {"along": {"model.depth": law}, "value": value, "margin": 0.01}
    (found,) = losses(tmp_path, loss, [row])
    assert found.verdict == "as predicted" and found.ours.estimate == pytest.approx(value, abs=1e-6)
    assert found.seeds == 6


def test_a_law_needs_values_above_zero_and_three_points(tmp_path: Path) -> None:
    row = PREDICTION | {"along": {"model.depth": "power"}}
    (found,) = losses(tmp_path, lambda depth, seed: 0.0 if depth == 10 else 1.0, [row])
    assert found.verdict == "not comparable" and "values above 0" in found.because


def test_runs_that_do_not_train_are_not_as_predicted(tmp_path: Path) -> None:
    row = PREDICTION | {"on": "test_error", "at": {"model.depth": 10}, "value": 0.05, "expect": "at_most", "margin": 0}
    with_accuracies(tmp_path, "s", AXES, lambda cell, seed: "diverged" if seed == 0 else 0.99, seeds=6, theory=[row])
    (found,) = judged(tmp_path)
    assert (found.verdict, found.because) == ("not as predicted", "1 of 6 runs did not train (1 diverged)")


def test_the_deviation_of_independent_errors_is_that_of_the_theory(tmp_path: Path) -> None:
    row = PREDICTION | {"on": "test_error", "of": "deviation", "value": 1, "margin": 0.3}
    shares = np.random.default_rng(1).beta(0.1, 3, 2000)

    def independent(cell: Any, seed: int, draw: np.random.Generator) -> Any:
        return draw.random(2000) < shares

    def shared(cell: Any, seed: int, draw: np.random.Generator) -> Any:
        return draw.random(2000) < shares * draw.choice([0.5, 1.5])

    made = make(tmp_path, "s", AXES, 20, independent, theory=[row])
    make(tmp_path, "t", AXES, 20, shared, theory=[row])
    (alone,), (together,) = judged(made), judged(tmp_path, "t")
    assert (alone.verdict, alone.seeds) == ("as predicted", 80)
    assert together.verdict == "not as predicted" and together.ours.low > 2


def test_the_interval_of_the_ratio_covers_the_truth(tmp_path: Path) -> None:
    """95 % within the error of 200 studies of four cells."""
    row = PREDICTION | {"on": "test_error", "of": "deviation", "value": 1, "margin": 0.3}
    shares, covered = np.random.default_rng(2).beta(0.2, 3, 500), 0
    for index in range(200):
        numbers = np.random.default_rng(index)
        make(tmp_path, f"s{index}", AXES, 5, lambda *_: numbers.random(500) < shares, theory=[row])  # noqa: B023
        (found,) = judged(tmp_path, f"s{index}")
        covered += found.ours.low <= 1 <= found.ours.high
    assert covered / 200 == pytest.approx(0.95, abs=0.045)


def test_the_page_and_report_json_show_predictions(tmp_path: Path) -> None:
    row = PREDICTION | {"says": "the loss is a half", "formula": "1 / 2", "at": {"model.depth": 10}}
    losses(tmp_path, lambda depth, seed: 0.5 + 0.01 * (seed - 2.5), [row])
    folder = write(tmp_path, tmp_path / "reports", "s").parent
    text = (folder / "report.md").read_text()
    assert "## Theory" in text
    assert (
        "| the loss is a half | s | 1 / 2 | 10 layers | training loss | 0.5 ± 0.1 | 0.50 \\[0.48, 0.52\\] | 6 |" in text
    )
    assert '"verdict": "as predicted"' in (folder / "report.json").read_text()


def test_the_band_of_a_one_sided_prediction_has_no_other_end(tmp_path: Path) -> None:
    rows = [PREDICTION | {"at": {"model.depth": 10}, "expect": expect} for expect in ("equal", "at_least", "at_most")]
    losses(tmp_path, lambda depth, seed: 0.5 + 0.01 * (seed - 2.5), rows)
    study = load(tmp_path, "s")
    evidence = Evidence(study, cells(study), theory=judge_theory(study, cells(study)))
    drawn = figure(evidence)
    assert drawn
    bands = [bar.get_bbox().intervalx for bar in drawn.draw().axes[0].patches]
    assert [(low == -1, high == 1) for low, high in bands] == [(True, True), (True, False), (False, True)]
