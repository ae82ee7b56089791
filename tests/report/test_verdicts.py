"""Claims judged on studies of known truth: the verdict, and words that say no more than the interval."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.inprocess import resbench
from support.studies import HELPS, Cell, make, noise

from resbench.core.errors import UserError
from resbench.report.check import check, compare
from resbench.report.judge import judge
from resbench.report.statistics.compare import paired_values
from resbench.report.study import load
from resbench.report.wording import tested
from resbench.report.wording.sentence import claim_summary, sentence

AXES = {"model.depth": [10, 34], "model.shortcut": ["identity", "none"]}
BANNED = re.compile(r"significant|proves|trend|outperform", re.IGNORECASE)


def verdicts(folder: Path, outcome: Any, seeds: int = 10, **change: Any) -> tuple[str, list[str]]:
    """State of the claim and the sentences of its contrasts."""
    study = load(make(folder, "s", AXES, seeds, outcome, [HELPS | change]), "s")
    (verdict,) = judge(study)
    sentences = [sentence(verdict, one) for one in verdict.contrasts]
    assert not any(BANNED.search(text) for text in [*sentences, claim_summary(verdict)])
    return verdict.state, sentences


def test_a_planted_effect_is_found(tmp_path: Path) -> None:
    state, sentences = verdicts(tmp_path, noise(lambda cell: 0.008 if cell["model.shortcut"] == "identity" else 0.011))
    assert state == "supported"
    assert sentences[0].startswith("Supported at 10 layers: identity shortcuts against no shortcut: test error −0.")
    assert "10 shared seeds × 10,000 images" in sentences[0] and "p < .001 (Holm, 2 comparisons)" in sentences[0]
    assert "lower in all 10 seeds" in sentences[0]
    assert re.search(r"errors in 10,000 \(−[\d.]+ % \[−[\d.]+, −[\d.]+\]\);", sentences[0])


def test_the_opposite_effect_refutes(tmp_path: Path) -> None:
    state, sentences = verdicts(tmp_path, noise(lambda cell: 0.011 if cell["model.shortcut"] == "identity" else 0.008))
    assert state == "refuted" and sentences[1].startswith("Refuted at 34 layers") and "(+" in sentences[1]


def test_no_difference_is_equivalent_within_a_wide_margin_and_open_within_a_narrow_one(tmp_path: Path) -> None:
    same = noise(lambda cell: 0.008)
    state, sentences = verdicts(tmp_path / "wide", same, seeds=20, margin=0.2)
    assert state == "equivalent" and re.search(
        r"the 90 % interval \[−0\.\d\d, \+0\.\d\d\] lies within ±0\.2 points, p of a difference beyond it < \.001",
        sentences[0],
    )
    state, sentences = verdicts(tmp_path / "narrow", same, seeds=6, margin=0.05)
    assert state == "inconclusive" and "6 seeds can detect 0." in sentences[0]
    plan = (
        r"would take about \d+ more seeds \(\d+ to .*by what 6 seeds tell of their noise\); reading the verdict again"
    )
    assert re.search(plan, sentences[0]) or "test images are too few to settle" in sentences[0]


def test_a_claim_of_equivalence_is_supported_or_refuted(tmp_path: Path) -> None:
    state, _ = verdicts(tmp_path / "a", noise(lambda cell: 0.008), seeds=20, expect="equivalent", margin=0.2)
    assert state == "supported"
    apart = noise(lambda cell: 0.02 if cell["model.shortcut"] == "none" else 0.008)
    state, _ = verdicts(tmp_path / "b", apart, expect="equivalent", margin=0.2)
    assert state == "refuted"
    state, sentences = verdicts(tmp_path / "c", apart, expect="equivalent", margin=0.75)
    assert state == "inconclusive" and "the interval excludes zero; whether" in sentences[0]


def test_no_worse_is_supported_by_what_is_better_and_refuted_by_what_is_worse_by_more_than_the_margin(
    tmp_path: Path,
) -> None:
    def rates(identity: float) -> Any:
        return noise(lambda cell: identity if cell["model.shortcut"] == "identity" else 0.011)

    found = {
        (on, rate): verdicts(tmp_path / f"{on}{rate}", rates(rate), seeds=12, on=on, expect=expect, margin=0.2)
        for on, expect in (("test_error", "not_higher"), ("test_accuracy", "not_lower"))
        for rate in (0.004, 0.011, 0.0135, 0.02)
    }
    for on in ("test_error", "test_accuracy"):
        assert (
            found[on, 0.004][0] == "supported"
            and "the 95 % interval lies below +0.2 points, one-sided p < .001" in found[on, 0.004][1][0]
        )
        assert found[on, 0.011][0] == "supported"
        assert found[on, 0.0135][0] == "inconclusive"
        assert (
            found[on, 0.02][0] == "refuted" and "an increase of more than 0.2 points: p < .001" in found[on, 0.02][1][0]
        )
    better, _ = verdicts(tmp_path / "b", rates(0.004), seeds=12, expect="equivalent", margin=0.2)
    assert better == "refuted", "of equivalence"
    fewer = verdicts(tmp_path / "c", rates(0.004), seeds=12, expect="not_lower", margin=0.2)
    assert fewer[0] == "refuted"


def test_one_depth_that_does_not_help_keeps_the_claim_from_support(tmp_path: Path) -> None:
    rates = noise(lambda cell: 0.011 if (cell["model.shortcut"], cell["model.depth"]) == ("none", 34) else 0.008)
    state, sentences = verdicts(tmp_path, rates, seeds=20, margin=0.2)
    assert state == "inconclusive"  # the claim speaks of all depths, and at one there is no practical difference
    assert sentences[0].startswith("Equivalent at 10 layers") and sentences[1].startswith("Supported at 34 layers")


def test_a_small_difference_is_called_small_only_if_the_interval_says_so(tmp_path: Path) -> None:
    rates = noise(lambda cell: 0.008 if cell["model.shortcut"] == "identity" else 0.0095)
    _, sentences = verdicts(tmp_path / "wide", rates, seeds=30, margin=1.0)
    assert re.search(
        r"smaller than the 1 point that would matter \(the 90 % interval \[.*\] lies within ±1 point, p", sentences[0]
    )
    _, sentences = verdicts(tmp_path / "near", rates, seeds=30, margin=0.15)
    assert (
        "whether it reaches the 0.15 points that would matter is open" in sentences[0] and "smaller" not in sentences[0]
    )


def test_a_comparison_that_may_not_be_judged_takes_no_step_of_holm(tmp_path: Path) -> None:
    """Runs of it failed, and the rest differ much; the other comparison's p is judged as the first of two."""

    def outcome(lost: bool) -> Any:
        rates = noise(
            lambda cell: 0.0095 if cell["model.shortcut"] == "identity" else 0.011 if cell["model.depth"] == 34 else 0.2
        )

        def one(cell: Any, seed: int, draw: Any) -> Any:
            dies = lost and cell == {"model.shortcut": "none", "model.depth": 10} and seed == 0
            return "failed" if dies else rates(cell, seed, draw)

        return one

    found = {}
    for lost in (False, True):
        study = load(make(tmp_path / str(lost), "s", AXES, 6, outcome(lost), [HELPS]), "s")
        (verdict,) = judge(study)
        found[lost] = {one.context["model.depth"]: one for one in verdict.contrasts}
    assert found[True][10].state == "inconclusive" and found[False][10].state == "supported"
    second, next_to_a_failed_one = found[False][34], found[True][34]
    assert second.p_holm == pytest.approx(second.contrast.p)
    assert next_to_a_failed_one.p_holm == pytest.approx(2 * next_to_a_failed_one.contrast.p)


def test_a_verdict_from_five_seeds_says_that_no_exact_test_can_confirm_it(tmp_path: Path) -> None:
    apart = noise(lambda cell: 0.008 if cell["model.shortcut"] == "identity" else 0.02)
    for seeds, said in ((5, 1), (6, 0)):
        study = load(make(tmp_path / str(seeds), "s", AXES, seeds, apart, [HELPS]), "s")
        found = judge(study)
        assert found[0].state == "supported" and len(found[0].contrasts) == 2
        text = tested.tested_text(tested.tested_of(found, study.file.family), found)
        assert text.count("Verdicts from 5 seeds rest on the t distribution: an exact test would need 6 seeds") == said


def test_ties_are_counted_apart(tmp_path: Path) -> None:
    errors = {"identity": [50, 40, 60, 55, 45], "none": [60, 50, 50, 55, 55]}
    outcome = lambda cell, seed, draw: np.arange(10_000) < errors[cell["model.shortcut"]][seed]  # noqa: E731
    sentences = verdicts(tmp_path, outcome, seeds=5)[1]
    assert sentences and all("lower in 3 of 5 seeds, one tie" in text for text in sentences)


def test_an_infinite_loss_has_no_difference(tmp_path: Path) -> None:
    claim = HELPS | {"on": "train_loss", "margin": 0.0}
    (verdict,) = judge(load(make(tmp_path, "s", AXES, 6, noise(lambda cell: 0.01), [claim]), "s"))
    lost = paired_values([4.5, 4.6, 4.4, 4.7, 4.6, 4.7], [4.5, np.inf, 4.4, 4.7, 4.6, 4.7], 0.0)
    text = sentence(verdict, replace(verdict.contrasts[0], contrast=lost))
    assert text.endswith("training loss is not finite in every run, so there is no difference.")


def test_few_seeds_never_make_a_verdict(tmp_path: Path) -> None:
    state, sentences = verdicts(
        tmp_path, noise(lambda cell: 0.001 if cell["model.shortcut"] == "identity" else 0.1), seeds=4
    )
    assert state == "inconclusive" and "a verdict takes 5 seeds or more" in sentences[0]
    state, sentences = verdicts(tmp_path / "one", noise(lambda cell: 0.01), seeds=1)
    assert state == "inconclusive" and "one seed compares two networks, not two recipes" in sentences[0]


def test_divergence_is_told_and_means_are_not_compared(tmp_path: Path) -> None:
    normal = noise(lambda cell: 0.01)

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        lost = cell["model.shortcut"] == "none" and cell["model.depth"] == 34 and seed < 7
        return "diverged" if lost else normal(cell, seed, draw)

    state, sentences = verdicts(tmp_path, outcome)
    assert state == "not trained"
    assert (
        "no shortcut 7 of 10 (7 diverged; 70 % [40, 89])" in sentences[1] and "means are not compared" in sentences[1]
    )
    assert "points" not in sentences[1]


def test_missing_runs_make_the_verdict_interim(tmp_path: Path) -> None:
    normal = noise(lambda cell: 0.008 if cell["model.shortcut"] == "identity" else 0.011)
    study = load(
        make(tmp_path, "s", AXES, 10, lambda c, seed, draw: "missing" if seed > 7 else normal(c, seed, draw), [HELPS]),
        "s",
    )
    (verdict,) = judge(study)
    assert "interim: 8 runs are missing" in claim_summary(verdict) and "8 shared seeds" in sentence(
        verdict, verdict.contrasts[0]
    )


def test_other_metrics_are_compared_seed_by_seed(tmp_path: Path) -> None:
    def losses(cell: Cell, seed: int) -> dict[str, float]:
        plain = cell["model.shortcut"] == "none"
        return {"train_loss": (0.2 if plain else 0.1) + 0.003 * seed * (-1) ** (seed * seed // 3 if plain else seed)}

    claim = HELPS | {"on": "train_loss", "margin": 0.0}
    study = load(make(tmp_path, "s", AXES, 8, noise(lambda cell: 0.01), [claim], metrics=losses), "s")
    (verdict,) = judge(study)
    sentences = sentence(verdict, verdict.contrasts[0])
    assert verdict.state == "supported" and "test" not in sentences and "8 shared seeds)" in sentences
    assert re.search(
        r"training loss −0\.\d\d \[−0\.\d\d, −0\.\d\d\]; from 0\.\d+ to 0\.\d+;",
        sentences.replace(" (95 % interval over 8 shared seeds)", ""),
    )
    sizes = [HELPS | {"on": "parameters", "expect": "equivalent", "margin": 1}]
    (verdict,) = judge(load(make(tmp_path, "t", AXES, 2, noise(lambda cell: 0.01), sizes), "t"))
    assert verdict.state == "supported" and "1,000 against 1,000" in sentence(verdict, verdict.contrasts[0])


def test_accuracy_is_compared_by_its_errors(tmp_path: Path) -> None:
    rates = noise(lambda cell: 0.008 if cell["model.shortcut"] == "identity" else 0.011)
    state, sentences = verdicts(tmp_path, rates, on="test_accuracy", expect="higher")
    assert state == "supported" and "test error −" in sentences[0]


def test_check_prints_verdicts_and_its_exit_code_guards(tmp_path: Path) -> None:
    helps = noise(lambda cell: 0.008 if cell["model.shortcut"] == "identity" else 0.011)
    make(tmp_path, "good", AXES, 8, helps, [HELPS])
    make(tmp_path, "open", AXES, 3, helps, [HELPS])
    make(tmp_path, "silent", AXES, 3, helps)
    make(tmp_path, "interim", AXES, 9, lambda c, seed, draw: "missing" if seed == 8 else helps(c, seed, draw), [HELPS])
    for name, code in (("good", 0), ("open", 1), ("interim", 1), ("silent", 2), ("absent", 2)):
        command = [sys.executable, "-m", "resbench", "check", name, "--results", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == (code == 2)
        assert ("✓ supported: shortcuts help" in done.stdout) == (name == "good")
    assert check(tmp_path, "good")[1] and not check(tmp_path, "open")[1]


def test_compare_gives_contrasts_that_nobody_claimed(tmp_path: Path) -> None:
    make(tmp_path, "s", AXES, 8, noise(lambda cell: 0.008 if cell["model.shortcut"] == "identity" else 0.011))
    lines = compare(tmp_path, "s", ["model.shortcut=none"])
    assert [line.partition(":")[0] for line in lines] == ["at 10 layers", "at 34 layers"]
    assert all("identity shortcuts against no shortcut: test error −" in line for line in lines)
    assert len(compare(tmp_path, "s", ["model.shortcut=none"], at=["model.depth=34"])) == 1
    for to, sentences in (
        (["model.shortct=none"], "did you mean"),
        (["model.shortcut=x"], "identity, none"),
        (["x"], "path=value"),
    ):
        with pytest.raises(Exception, match=sentences):
            compare(tmp_path, "s", to)


def test_compare_has_no_margin_where_none_was_given(tmp_path: Path) -> None:
    make(
        tmp_path,
        "s",
        {"model.shortcut": ["identity", "none"]},
        8,
        noise(lambda cell: 0.01),
        metrics=lambda cell, seed: {
            "train_loss": {"identity": 0.0101, "none": 0.0212 + seed % 3 / 1e5}[cell["model.shortcut"]] + seed / 1e5
        },
    )
    to = ["model.shortcut=none"]
    (line,) = compare(tmp_path, "s", to, on="train_loss")
    assert "from 0.02" in line and "matter" not in line and "0.05" not in line
    assert compare(tmp_path, "s", to, on="train_loss", margin=0.05) != [line]
    assert compare(tmp_path, "s", to) == compare(tmp_path, "s", to, margin=0.05)
    for margin in ("inf", "nan", "-1", "-inf", "1e12"):
        with pytest.raises(UserError, match=r"^--margin \S+: use a number of at least 0 and below 1e12"):
            compare(tmp_path, "s", to, margin=float(margin))
        words = ["compare", "s", "--to", *to, "--margin", margin, "--results", tmp_path]
        code, out, err = resbench(*words)
        assert (code, out) == (2, "") and err.startswith("--margin ") and err.count("\n") == 1


def test_a_difference_of_exactly_the_margin_is_not_beyond_it(tmp_path: Path) -> None:
    """0.002 and 0.003 as binary fractions differ by a little less, or a little more, than 0.001."""
    for name, ours, theirs in (("a", 3, 2), ("b", 8, 7), ("c", 1, 0)):
        claim = {"says": "no worse", "compare": {"model.depth": 10}, "to": {"model.depth": 22}, "at": {}}
        claim |= {"on": "val_accuracy", "expect": "not_lower", "margin": 0.1}
        counts = {10: ours, 22: theirs}
        make(
            tmp_path,
            name,
            {"model.depth": [10, 22]},
            5,
            noise(lambda cell: 0.01),
            [claim],
            metrics=lambda cell, seed, counts=counts: {"val_accuracy": 1 - counts[cell["model.depth"]] / 1000},
        )
        assert [verdict.state for verdict in judge(load(tmp_path, name))] == ["inconclusive"]
