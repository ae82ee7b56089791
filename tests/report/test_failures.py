"""Arms of which runs did not train, or failed: what is judged, by which test, and in which words."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.inprocess import resbench
from support.studies import HELPS, Axes, Outcome, make, noise

from resbench.records.looks_file import ReadClaim, Reading
from resbench.report import write
from resbench.report.cells import cells, comparisons
from resbench.report.figures import error
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.heat_fields import heat_points
from resbench.report.judge import judge
from resbench.report.look_progress import asked_seeds
from resbench.report.study import Study, load
from resbench.report.summary import notes
from resbench.report.tables.cells import cell_table
from resbench.report.tables.factors import factors_of
from resbench.report.verdicts import ClaimVerdict, ContrastVerdict
from resbench.report.wording.failures import unseen
from resbench.report.wording.sentence import sentence

AXES: Axes = {"model.shortcut": ["identity", "none"]}
CLAIM = HELPS | {"at": []}
IMAGES = 1000
COLLAPSED = np.arange(IMAGES) < 887  # all of them taken for one class, which the others are of
BETTER = noise(lambda cell: 0.02 if cell["model.shortcut"] == "identity" else 0.10, images=IMAGES, hard=0.3)
ALIKE = noise(lambda cell: 0.02, images=IMAGES, hard=0.3)


def fates(normal: Outcome, identity: Any = (), none: Any = (), fate: Any = "diverged") -> Outcome:
    """The same, but for seeds of either arm."""
    lost = {"identity": set(identity), "none": set(none)}
    return lambda cell, seed, draw: fate if seed in lost[cell["model.shortcut"]] else normal(cell, seed, draw)


def judged(folder: Path, outcome: Outcome, seeds: int, **change: Any) -> tuple[ClaimVerdict, ContrastVerdict, str]:
    """The verdict on the claim, its one comparison, and its sentence."""
    study = load(make(folder, "s", AXES, seeds, outcome, [CLAIM | change], {"model.shortcut": "none"}), "s")
    (verdict,) = judge(study)
    (one,) = verdict.contrasts
    return verdict, one, sentence(verdict, one)


@pytest.mark.parametrize("fate", ["diverged", COLLAPSED], ids=["diverged", "collapsed"])
def test_one_lost_run_does_not_hide_a_large_difference(tmp_path: Path, fate: Any) -> None:
    _, one, text = judged(tmp_path, fates(BETTER, none=[3], fate=fate), 10)
    assert one.state == "supported" and one.contrast is None and one.ranks
    assert (one.ranks.lower, one.ranks.higher) == (10, 0) and one.p_holm == pytest.approx(2 / 2**10)
    word = "diverged" if isinstance(fate, str) else "collapsed"
    assert f"no shortcut 1 of 10 (1 {word}; 10 % [2, 40])" in text and "Fisher's exact p = 1.000" in text
    assert "lower than that of no shortcut in 10 and higher in 0 of 10 shared seeds; sign test p = .002" in text
    assert "means are not compared" in text and "points" not in text


def test_the_worst_counts_against_the_arm_that_has_it(tmp_path: Path) -> None:
    """Where they train networks with shortcuts are better, but most do not train."""
    _, one, _ = judged(tmp_path / "a", fates(BETTER, identity=range(9)), 10)
    assert one.state == "refuted"
    _, one, _ = judged(tmp_path / "b", fates(BETTER, identity=range(5)), 10)
    assert one.state == "not trained" and one.p_holm == 1.0


def test_five_seeds_do_not_decide_by_signs(tmp_path: Path) -> None:
    verdict, one, text = judged(tmp_path / "5", fates(BETTER, none=[0]), 5)
    assert verdict.state == one.state == "not trained" and one.p_holm == pytest.approx(0.0625)
    assert "with fewer than 6 seeds that test finds nothing" in text
    _, one, text = judged(tmp_path / "4", fates(BETTER, none=[0]), 4)
    assert one.state == "not trained" and "a verdict takes 5 seeds or more" in text
    _, one, _ = judged(tmp_path / "6", fates(BETTER, none=[0]), 6)
    assert one.state == "supported"


@pytest.mark.parametrize("expect", ["equivalent", "not_higher"])
def test_nothing_is_shown_to_be_no_worse_with_lost_runs(tmp_path: Path, expect: str) -> None:
    change = {"expect": expect, "margin": 30.0}
    assert judged(tmp_path / "none", ALIKE, 20, **change)[1].state == "supported"
    for number, (identity, none) in enumerate((([0], []), ([], [0]), ([0, 1], [0, 1]))):
        _, one, _ = judged(tmp_path / str(number), fates(ALIKE, identity, none, COLLAPSED), 20, **change)
        assert one.state == "not trained"
    _, one, text = judged(tmp_path / "worse", fates(ALIKE, range(15), fate=COLLAPSED), 20, **change)
    assert one.state == "refuted" and one.ranks and one.ranks.higher == 15
    assert (
        "by more than 30 points in 15 of 20 shared seeds; sign test of no difference beyond the margin p = .041" in text
    )
    _, one, _ = judged(tmp_path / "better", fates(ALIKE, none=range(15), fate=COLLAPSED), 20, **change)
    assert one.state == ("refuted" if expect == "equivalent" else "not trained")


def test_a_difference_within_the_margin_is_no_worse_rank(tmp_path: Path) -> None:
    """Every seed is 8 points worse, which is no difference of 30, and one diverged."""
    change: dict[str, Any] = {"compare": {"model.shortcut": "none"}, "to": {"model.shortcut": "identity"}}
    outcome = fates(BETTER, none=[0])
    _, one, _ = judged(tmp_path / "wide", outcome, 12, **change, expect="not_higher", margin=30.0)
    assert one.state == "not trained" and one.ranks and (one.ranks.lower, one.ranks.higher) == (0, 1)
    _, one, _ = judged(tmp_path / "narrow", outcome, 12, **change, expect="not_higher", margin=1.0)
    assert one.state == "refuted"


@pytest.mark.parametrize("expect", ["equivalent", "not_higher", "not_lower"])
def test_counts_against_a_margin_are_of_what_lies_beyond_it(tmp_path: Path, expect: str) -> None:
    """Both arms are equal in seven seeds, and in one `none` collapsed."""
    equal: Outcome = lambda cell, seed, draw: np.arange(IMAGES) < 100  # noqa: E731
    outcome = fates(equal, none=[3], fate=COLLAPSED)
    _, one, text = judged(tmp_path, outcome, 8, expect=expect, margin=1.0)
    assert one.state == "not trained" and one.ranks and one.ranks.ties == 7 and one.p_holm == 1.0
    assert (
        "test error of identity shortcuts is lower than that of no shortcut by more than 1 point in 1 and higher by more than 1 point in 0 of "
        "8 shared seeds; sign test of no difference beyond the margin p = 1.000"
    ) in text


def test_an_arm_without_a_run_yet_is_not_compared_by_how_many_trained(tmp_path: Path) -> None:
    outcome = fates(fates(ALIKE, identity=range(8), fate="diverged"), none=range(8), fate="missing")
    _, _, text = judged(tmp_path, outcome, 8)
    assert "no shortcut no run yet" in text and "Fisher" not in text


def test_an_arm_that_collapsed_as_a_whole_keeps_its_mean(tmp_path: Path) -> None:
    outcome = fates(BETTER, none=range(5), fate=COLLAPSED)
    _, one, text = judged(tmp_path, outcome, 5)
    assert one.state == "supported" and one.contrast
    assert one.contrast.theirs == pytest.approx(0.887)
    assert "none of the 5 runs of no shortcut trained" in text and "8,870 → " in text
    study = load(tmp_path, "s")
    frame = cells(study).set_index("model.shortcut")
    assert frame.at["none", "mean"] == pytest.approx(0.113) and frame.at["none", "seeds_ok"] == 5
    assert comparisons(study, study.baseline)["contrast"].notna().all()
    assert len(factors_of(study).frame) == 10


def test_arms_of_which_no_run_trained_have_nothing_to_compare(tmp_path: Path) -> None:
    def outcome(cell: Any, seed: int, draw: Any) -> Any:
        return "diverged" if seed < (4 if cell["model.shortcut"] == "identity" else 2) else COLLAPSED

    _, one, text = judged(tmp_path, outcome, 8)
    assert one.state == "not trained" and one.ranks is None and one.contrast is None
    assert "identity shortcuts 8 of 8 (4 diverged, 4 collapsed; 100 % [68, 100])" in text
    assert (
        "no shortcut 8 of 8 (2 diverged, 6 collapsed; 100 % [68, 100])" in text
        and "no run of either arm trained" in text
    )


def test_a_mean_over_networks_of_two_kinds_is_not_shown(tmp_path: Path) -> None:
    study = load(make(tmp_path, "s", AXES, 8, fates(ALIKE, none=[1, 6], fate=COLLAPSED), [CLAIM]), "s")
    frame = cells(study).set_index("model.shortcut")
    assert list(frame.loc["none", ["seeds_done", "seeds_ok", "diverged", "collapsed", "untrained"]]) == [8, 6, 0, 2, 2]
    assert frame.at["none", "mean"] > 0.95
    shown = {row[0]: dict(zip(cell_table(cells(study), study.axes).head, row, strict=True)) for row in _rows(study)}
    assert (
        shown["none"]["did not train"] == "2 of 8 (2 collapsed; 25 % [7, 59])"
        and shown["identity"]["did not train"] == "0"
    )
    assert shown["none"]["test accuracy"].endswith("(of the 6 that trained)")
    folder = write(tmp_path, tmp_path / "reports", "s").parent
    page = (folder / "report.md").read_text()
    assert "2 of 16 runs collapsed" in page and "no shortcut (2 of 8)" in page
    claim = json.loads((folder / "report.json").read_text())["claims"][0]["contrasts"][0]
    assert claim["did_not_train"]["to"] == {"runs": 8, "diverged": 0, "collapsed": 2, "failed": 0}
    assert claim["worst_rank"]["seeds"] == 8 and "crossed" not in claim


def test_figures_draw_collapsed_runs_as_those_that_diverged(tmp_path: Path) -> None:
    def outcome(cell: Any, seed: int, draw: Any) -> Any:
        if cell["model.depth"] == 34 or seed > 3:
            return COLLAPSED if cell["model.shortcut"] == "none" else ALIKE(cell, seed, draw)
        return "diverged" if seed == 0 and cell["model.shortcut"] == "none" else ALIKE(cell, seed, draw)

    axes = AXES | {"model.depth": [10, 34]}
    study = load(make(tmp_path, "s", axes, 6, outcome, [], {"model.shortcut": "none"}), "s")
    evidence = Evidence(study, cells(study), [], comparisons(study, study.baseline))
    points = error.error_points(evidence)
    lost = points[points["kind"] == "untrained"].set_index("x")[["diverged", "collapsed", "untrained", "runs"]]
    assert lost.loc[10].tolist() == [1, 2, 3, 6] and lost.loc[34].tolist() == [0, 6, 6, 6]
    plain = points[points["arm"] == "none"].set_index(["kind", "x"])["error"]
    assert plain["mean", 10] < 5 and plain["mean", 34] == pytest.approx(88.7)  # of those that trained; of all
    assert len(plain["seed", 10]) == 3 and len(plain["seed", 34]) == 6
    fields = heat_points(evidence).set_index(["model.shortcut", "model.depth"])
    assert fields["untrained"].to_dict() == {("identity", 10): 0, ("identity", 34): 0, ("none", 10): 3, ("none", 34): 6}
    assert (
        fields["kind"].to_dict()["identity", 34] == "difference" and fields["kind"].to_dict()["identity", 10] == "error"
    )


def _rows(study: Study) -> Any:
    return cell_table(cells(study), study.axes).rows


def test_no_verdict_while_a_run_is_failed(tmp_path: Path) -> None:
    """The four worst of ten runs run into a limit of time: what is left is better than what it is compared with."""
    refuted = 0
    for number in range(5):
        draw = np.random.default_rng(number)
        made = {name: [ALIKE({"model.shortcut": name}, s, draw) for s in range(10)] for name in AXES["model.shortcut"]}
        worst = set(np.argsort([-table.mean() for table in made["identity"]])[:4].tolist())

        def outcome(cell: Any, seed: int, _: Any, made: Any = made, worst: Any = worst) -> Any:
            lost = cell["model.shortcut"] == "identity" and seed in worst
            return "failed" if lost else made[cell["model.shortcut"]][seed]

        verdict, one, text = judged(tmp_path / str(number), outcome, 10)
        refuted += one.state != "inconclusive" or verdict.state != "inconclusive"
    assert refuted == 0
    assert "4 runs of identity shortcuts failed (failed): what fails is no random choice" in text
    code, out, _ = resbench("check", "s", "--results", tmp_path / "0")
    assert code == 1 and out.startswith("? inconclusive so far (interim: 4 runs are missing)")


def test_a_study_whose_runs_failed_says_how_to_go_on(tmp_path: Path) -> None:
    make(tmp_path, "s", AXES, 2, lambda *_: "failed", [CLAIM])
    code, out, _ = resbench("status", "s", "--results", tmp_path)
    assert code == 0 and "4 failed" in out and "to go on: resbench" in out


@pytest.mark.parametrize("lost", [[0, 1, 2], range(8)])
def test_what_is_measured_before_training_is_known_of_runs_that_do_not_train(
    tmp_path: Path, lost: Sequence[int]
) -> None:
    """Where some networks collapse, their gradients at initialisation count; of what they end with none is the worst."""

    def metrics(cell: Any, seed: int) -> dict[str, float | None]:
        size = 1.0 if cell["model.shortcut"] == "identity" else 5.0 + seed % 2
        return {"probe.gradient_decades": size + seed / 10, "probe.response_ratio": size + seed / 10}

    claims = [CLAIM | {"on": f"probe.{name}", "margin": 0.5} for name in ("gradient_decades", "response_ratio")]
    outcome = fates(BETTER, none=lost, fate=COLLAPSED)
    first, last = judge(load(make(tmp_path, "s", AXES, 8, outcome, claims, metrics=metrics), "s"))
    (start,), (end,) = first.contrasts, last.contrasts
    assert start.contrast and start.contrast.seeds == 8 and start.contrast.theirs == pytest.approx(5.85)
    assert start.state == "supported" and "did not train" not in sentence(first, start)
    assert end.state == "not trained" and end.contrast is None and end.ranks is None
    assert "of a network that did not train says nothing of one that did" in sentence(last, end)


def test_what_few_seeds_cannot_see_is_said_beside_what_they_show(tmp_path: Path) -> None:
    assert [round(100 * unseen(seeds)) for seeds in (5, 8, 20)] == [45, 31, 14]
    _, one, text = judged(tmp_path, ALIKE, 8, expect="equivalent", margin=5.0)
    assert one.state == "supported"
    assert "8 seeds without a failed run do not rule out that up to 31 % of runs fail to train" in text
    page = json.loads((write(tmp_path, tmp_path / "reports", "s").parent / "report.json").read_text())
    assert page["claims"][0]["contrasts"][0]["unseen_failures"] == pytest.approx(1 - 0.05 ** (1 / 8))


def test_seeds_that_are_shared_in_part_are_all_compared(tmp_path: Path) -> None:
    """0 to 9 against 6 to 15: ten seeds on either side without pairs, and not the four that are shared."""

    def outcome(cell: Any, seed: int, draw: Any) -> Any:
        theirs = cell["model.shortcut"] == "none"
        return BETTER(cell, seed, draw) if (seed > 5 if theirs else seed < 10) else "missing"

    _, one, text = judged(tmp_path, outcome, 16)
    assert one.contrast and (one.contrast.seeds, one.contrast.seeds_theirs) == (10, 10)
    assert not one.contrast.shared_seeds and "10 and 10 seeds, not paired" in text

    def nested(cell: Any, seed: int, draw: Any) -> Any:
        return "missing" if cell["model.shortcut"] == "none" and seed > 6 else BETTER(cell, seed, draw)

    _, one, _ = judged(tmp_path / "nested", nested, 10)
    assert one.contrast and one.contrast.seeds == 7 and one.contrast.shared_seeds


def test_seeds_that_are_not_shared_get_the_rank_sum_test(tmp_path: Path) -> None:
    def outcome(cell: Any, seed: int, draw: Any) -> Any:
        if (cell["model.shortcut"] == "none") != (seed > 4):
            return "missing"
        return "diverged" if seed == 7 else BETTER(cell, seed, draw)

    _, one, text = judged(tmp_path, outcome, 10)
    assert one.state == "supported" and one.ranks and not one.ranks.shared
    assert one.p_holm == pytest.approx(2 / 252)
    assert "in 25 and higher in 0 of 25 pairs of runs; rank-sum test of equal distributions: p = .008" in text


def planned(folder: Path, outcome: Outcome, sizes: Sequence[int], done: int, **change: Any) -> Study:
    """A study with planned looks, with so many seeds done."""

    def so_far(cell: Any, seed: int, draw: Any) -> Any:
        return outcome(cell, seed, draw) if seed < done else "missing"

    plan = {"sizes": sizes, "spend": "pocock"}
    return load(make(folder, "s", AXES, sizes[-1], so_far, [CLAIM | change], looks=plan), "s")


def only(study: Study) -> tuple[ContrastVerdict, str]:
    (verdict,) = judge(study)
    (one,) = verdict.contrasts
    assert verdict.state == one.state
    return one, sentence(verdict, one)


def test_planned_looks_decide_by_ranks_too(tmp_path: Path) -> None:
    """One lost run of five leaves the comparison open; ten signs of ten are enough, and no more seeds are asked for."""
    outcome, sizes = fates(BETTER, none=[1]), [5, 10, 20]
    one, text = only(planned(tmp_path / "0", outcome, sizes, 4))
    assert one.state == "not trained" and "no verdict before look 1 of 3, at 5 seeds" in text
    study = planned(tmp_path / "5", outcome, sizes, 5)
    one, text = only(study)
    assert one.state == "not trained" and one.looks and one.looks.open and set(asked_seeds(study).values()) == {10}
    assert "open after look 1 of 3 (5 seeds); the next look is at 10 seeds" in text
    study = planned(tmp_path / "10", outcome, sizes, 10)
    one, text = only(study)
    assert one.state == "supported" and one.ranks and one.ranks.lower == 10
    assert one.p_holm < 0.01 and one.ranks.p < one.p_holm  # it is adjusted for two looks
    assert "sign test p over the looks so far = .00" in text and "decided at look 2 of 3 (10 seeds)" in text
    assert set(asked_seeds(study).values()) == {10}


def test_what_ranks_cannot_judge_asks_for_no_more_seeds(tmp_path: Path) -> None:
    """No run of either arm trained, or a probe measures networks of which some did not train."""
    lost = planned(tmp_path / "a", fates(ALIKE, range(8), range(8)), [8, 12], 8)
    probe = planned(tmp_path / "b", fates(ALIKE, [1]), [8, 12], 8, on="probe.response_ratio")
    for study in (lost, probe):
        one, text = only(study)
        assert one.state == "not trained" and one.looks and one.looks.barred and not one.looks.open
        assert set(asked_seeds(study).values()) == {8}
        assert "stopped at look 1 of 2 (8 seeds): more seeds cannot decide it" in text


def test_signs_after_added_seeds_take_stronger_evidence(tmp_path: Path) -> None:
    """Lower in seven of seven: p = .016 at once; read before at five seeds, 4^7 / (C(14, 7) 2^7) = .037; of six .069."""
    for seeds, plain, held, state in (
        (6, 2 / 2**6, 4**6 / (924 * 2**6), "not trained"),
        (7, 2 / 2**7, 4**7 / (3432 * 2**7), "supported"),
    ):
        folder = tmp_path / str(seeds)
        _, one, text = judged(folder, fates(BETTER, none=[3]), seeds)
        assert (one.state, one.p_holm) == ("supported", pytest.approx(plain)) and "not planned" not in text
        study = load(folder, "s")
        (verdict,) = judge(replace(study, readings=[five_seeds_read(study)]))
        (one,) = verdict.contrasts
        assert (one.state, one.p_holm, one.earlier) == (state, pytest.approx(held), (5,))
        said = "second look, and not planned (read before at 5 seeds), so p is that of a sign test which holds at every"
        assert said in sentence(verdict, one)


def five_seeds_read(study: Study) -> Reading:
    read = ReadClaim(claim=study.claims[0].statement(), seeds=[5], states=["not trained"])
    return Reading(time="", command="check", planned=5, claims=[read])


def test_signs_under_a_plan_that_came_after_a_reading_take_it_too(tmp_path: Path) -> None:
    """Seven signs of seven at the one look that decides: .016, and .037 where the plan came late."""
    study = planned(tmp_path, fates(BETTER, none=[1]), [7, 9], 7)
    own, text = only(study)
    late, said = only(replace(study, readings=[five_seeds_read(study)]))
    assert own.looks and late.looks and "plan of looks was" not in text
    p = [one.looks.done[0].test.p.difference for one in (own, late) if one.looks]
    assert p == [pytest.approx(2 / 2**7), pytest.approx(4**7 / (3432 * 2**7))]
    assert (
        "changed after results (read before at 5 seeds), so p of each look is that of a sign test which holds" in said
    )


def test_runs_that_did_not_train_are_counted_among_those_that_are_done(tmp_path: Path) -> None:
    fates = {("identity", 0): "diverged", ("none", 1): "missing"}
    make(
        tmp_path, "s", AXES, 2, lambda cell, seed, draw: fates.get((cell["model.shortcut"], seed), draw.random(9) < 0.1)
    )
    said = notes(load(tmp_path, "s"))
    assert any(note.startswith("1 of 3 runs that are done diverged") for note in said)
