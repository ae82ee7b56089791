"""Seeds added after a verdict was read: the error that it brings is said, and the verdict holds all the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.look_paths import seen
from support.studies import HELPS, make, noise, with_accuracies

from resbench.records.looks_file import ReadClaim, Reading
from resbench.report.judge import judge
from resbench.report.looks.anytime import anytime_difference_p, anytime_within_p
from resbench.report.looks.unplanned import looking_error
from resbench.report.statistics.compare import paired_values, unpaired_values
from resbench.report.study import Study, load
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict
from resbench.report.wording.looks import WITH_FIRST_LOOK, looking_clause
from resbench.report.wording.sentence import sentence

AXES = {"model.depth": [10], "model.shortcut": ["identity", "none"]}


def read(study: Study, *readings: tuple[int, int]) -> Study:
    """The study with its claim read before, with so many seeds asked for and so many done."""
    claim = study.claims[0].statement()
    seen = [
        Reading(time="", command="check", planned=planned, claims=[ReadClaim(claim=claim, seeds=[seeds], states=[""])])
        for planned, seeds in readings
    ]
    return dataclasses.replace(study, readings=seen)


def verdict_of(study: Study) -> tuple[ClaimVerdict, ContrastVerdict]:
    [verdict] = judge(study)
    return verdict, verdict.contrasts[0]


def small_difference(folder: Path, **claim: Any) -> Study:
    """Ten seeds of numbers whose paired t test gives p = .02."""
    d = np.linspace(-1, 1, 10) - 0.56

    def accuracy(cell: dict[str, Any], seed: int) -> float:
        return 0.9 - 0.01 * float(d[seed]) * (cell["model.shortcut"] == "identity")

    with_accuracies(folder, "s", AXES, accuracy, seeds=10, claims=[HELPS | claim])
    return load(folder, "s")


def test_a_third_look_is_counted_and_its_error_named(tmp_path: Path) -> None:
    study = load(make(tmp_path, "s", AXES, 20, noise(lambda cell: 0.01), [HELPS]), "s")
    verdict, one = verdict_of(read(study, (5, 5), (10, 10)))
    assert one.earlier == (5, 10) and one.contrast
    text = sentence(verdict, one)
    assert (
        "third look, and not planned (read before at 5, 10 seeds): at p < 0.05 the chance of a false verdict is" in text
    )
    seeds_only = paired_values(np.arange(20.0), np.zeros(20), 0.0)
    assert looking_error(seeds_only, [5, 10]) == pytest.approx(0.11, abs=0.005)
    (clause,) = looking_clause(seeds_only, one)
    assert "third look" in clause and "about 11 %, not 5" in clause and "err in about 6 %" in clause
    # images are noise that more seeds do not renew, so that looking again errs less often
    assert 0.06 < looking_error(seen(np.arange(20.0), image_variance=10.0), [5, 10]) < 0.1


def test_a_reading_of_what_was_asked_for_anyway_counts_not(tmp_path: Path) -> None:
    study = small_difference(tmp_path)
    _, plain = verdict_of(study)
    for reading in ((10, 5), (5, 10)):
        _, one = verdict_of(read(study, reading))
        assert (one.state, one.p_holm, one.earlier) == (plain.state, plain.p_holm, ())


def test_cutting_the_seeds_after_a_reading_is_a_look_too(tmp_path: Path) -> None:
    study = small_difference(tmp_path)
    _, plain = verdict_of(study)
    _, cut = verdict_of(read(study, (20, 5), (20, 6)))
    assert cut.earlier == (5, 6) and plain.p_holm < 0.03 < 0.05 < cut.p_holm


def test_a_verdict_after_added_seeds_takes_stronger_evidence(tmp_path: Path) -> None:
    study = small_difference(tmp_path / "a", margin=0.0)
    _, plain = verdict_of(study)
    verdict, grown = verdict_of(read(study, (5, 5)))
    assert (plain.state, grown.state) == ("supported", "inconclusive")
    assert plain.p_holm < 0.03 < 0.05 < grown.p_holm
    assert "second look, and not planned" in sentence(verdict, grown)
    better = load(
        make(
            tmp_path / "b", "s", AXES, 10, noise(lambda cell: 0.01 * (1 + (cell["model.shortcut"] == "none"))), [HELPS]
        ),
        "s",
    )
    assert verdict_of(read(better, (5, 5)))[1].state == "supported"


@pytest.mark.parametrize(("expect", "margin"), [("equivalent", 1.0), ("not_higher", 0.0)])
def test_claims_against_the_margin_take_it_too(tmp_path: Path, expect: str, margin: float) -> None:
    """Just shown by its own test; by one that holds at every number of seeds only with a wider margin."""
    study = small_difference(tmp_path / "a", expect=expect, margin=margin)
    _, plain = verdict_of(study)
    _, grown = verdict_of(read(study, (5, 5)))
    assert (plain.state, grown.state) == ("supported", "inconclusive")
    wide = small_difference(tmp_path / "b", expect=expect, margin=5.0)
    assert verdict_of(read(wide, (5, 5)))[1].state == "supported"


def test_added_seeds_without_a_difference_seldom_give_a_verdict() -> None:
    """Looking at 5, 6, ..., 20 seeds: at p < .05 in 18 % of cases, with the larger of both p in at most 5 %."""
    draw = np.random.default_rng(8)
    naive = held = ever = 0
    for _ in range(150):
        x = draw.standard_normal(20)
        looks = [seen(x[:seeds]) for seeds in range(5, 21)]
        own = [one for one in looks if one.p < 0.05]
        naive += bool(own)
        held += any(anytime_difference_p(one, "lower") < 0.05 for one in own)
        ever += looks[0].p < 0.05 or any(anytime_difference_p(one, "lower") < 0.05 for one in own)
    assert ever / 150 == pytest.approx(WITH_FIRST_LOOK / 100, abs=0.04)
    assert naive / 150 == pytest.approx(0.18, abs=0.08) and held / 150 <= 0.04


def test_where_no_seed_is_shared_nothing_is_shown() -> None:
    apart = unpaired_values([1.0, 1.1, 0.9, 1.0, 1.05], [5.0, 5.1, 4.9, 5.0, 5.05], 1.0)
    assert anytime_difference_p(apart, "lower") == 1 and anytime_within_p(apart, "equivalent") == 1
