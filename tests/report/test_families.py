"""Claims that are judged together, at one level for the whole study, and what pages say of how much was tested."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.planted import plant

from resbench.grid.grid import Grid
from resbench.records.claim import Claim
from resbench.records.study_file import Family, Looks
from resbench.report.families import FamilyTest, adjusted, united
from resbench.report.judge import judge
from resbench.report.page.write_page import write
from resbench.report.statistics.effect import p_beyond
from resbench.report.statistics.family import holm
from resbench.report.study import load
from resbench.report.verdicts import ClaimVerdict

AXES: dict[str, Any] = {"model.shortcut": ["identity", "none", "zero_pad"], "model.depth": [16, 22]}
BASE: dict[str, Any] = {"model.width": 4, "data.train_size": 64}


def claim(ours: str, theirs: str, **more: Any) -> Claim:
    sides = {"compare": {"model.shortcut": ours}, "to": {"model.shortcut": theirs}}
    return Claim(**{"says": f"{ours} {theirs} {more}", **sides, "at": {"model.depth": None}, "expect": "lower", **more})


CLAIMS = [
    claim("identity", "none"),
    claim("none", "identity", expect="higher"),  # the same comparisons, turned round
    claim("identity", "zero_pad", expect="equivalent", margin=0.5),
    claim("identity", "none", on="train_loss", margin=0),
    claim("identity", "none", on="parameters", expect="equivalent", margin=1),  # known without noise: no test
]


def study(folder: Path, family: Family, looks: Looks | None = None) -> list[ClaimVerdict]:
    def errors(config: Any) -> int:
        arm = {"identity": 40, "none": 43, "zero_pad": 42}[config.model.shortcut]
        return arm + int(np.random.default_rng([config.seed, arm, config.model.depth]).integers(0, 5))

    seeds: Any = {"looks": looks.sizes, "spend": looks.spend} if looks else 6
    grid = Grid("g", base=BASE, axes=AXES, seeds=seeds, claims=CLAIMS, family=family)
    plant(folder, grid, errors)
    return judge(load(folder, "g"))


def test_holm_runs_over_all_claims_and_counts_what_several_claims_test_once(tmp_path: Path) -> None:
    each, whole = study(tmp_path / "a", "claim"), study(tmp_path / "b", "study")
    assert [verdict.family for verdict in each][:4] == [2, 2, 2, 2] and {v.family for v in whole} == {6}
    assert [one.p_holm for one in whole[0].contrasts] == [one.p_holm for one in whole[1].contrasts]

    p = [
        p_beyond(one.contrast.interval, 0.005) if number == 2 else one.contrast.p
        for number in (0, 2, 3)
        for one in whole[number].contrasts
        if one.contrast
    ]
    together = [one.p_holm for number in (0, 2, 3) for one in whole[number].contrasts]
    assert len(p) == 6 and together == pytest.approx(holm(p))
    assert [one.p_holm for one in each[0].contrasts] == pytest.approx(holm(p[:2]))
    assert np.isnan(whole[4].contrasts[0].p_holm) and whole[4].state == each[4].state


def test_looks_count_what_several_claims_test_once(tmp_path: Path) -> None:
    plan = Looks(sizes=[6, 9], spend="pocock")
    each, whole = study(tmp_path / "a", "claim", plan), study(tmp_path / "b", "study", plan)
    assert [verdict.family for verdict in each][:4] == [2, 2, 2, 2] and {v.family for v in whole} == {6}
    same, turned = whole[0].contrasts, whole[1].contrasts
    assert [one.p_holm for one in same] == [one.p_holm for one in turned]

    first = [one.looks.done[0] for number in (0, 2, 3) for one in whole[number].contrasts if one.looks]
    p = holm([look.test.sequential.difference for look in first])
    assert len(p) == 6 and [look.p_holm for look in first if look.state != "inconclusive"] == pytest.approx(
        [one for one, look in zip(p, first, strict=True) if look.state != "inconclusive"]
    )
    assert any(look.state != "inconclusive" for look in first)


def test_the_level_of_a_study_decides_verdicts() -> None:
    """A p value of .02 supports a claim alone, and not together with three others."""
    alone: dict[tuple[object, ...], FamilyTest] = {("a",): FamilyTest(0.02, True)}
    others: dict[tuple[object, ...], FamilyTest] = {(name,): FamilyTest(0.9, True) for name in "bcd"}
    assert adjusted(alone)["a",] == 0.02 and adjusted(united([alone, others]))["a",] == pytest.approx(0.08)
    unsure: dict[tuple[object, ...], FamilyTest] = {("e",): FamilyTest(0.001, False)}
    assert adjusted(united([alone, unsure]))["a",] == pytest.approx(0.04)  # it counts, and takes no step


@pytest.mark.parametrize(
    ("family", "text", "comparisons"),
    [
        ("claim", "4 claims with 8 comparisons were tested, each claim's family at 5 %.", 8),
        ("study", "4 claims with 6 comparisons were tested, all together at 5 %.", 6),
    ],
)
def test_pages_say_how_much_was_tested(family: Family, text: str, comparisons: int, tmp_path: Path) -> None:
    study(tmp_path / "results", family)
    page = write(tmp_path / "results", tmp_path / "reports", "g")
    assert text in page.with_name("report.md").read_text()
    tested = json.loads(page.with_name("report.json").read_text())["tested"]
    assert tested == {"claims": 4, "comparisons": comparisons, "family": family, "level": 0.05}
    assert ("Holm, 6 comparisons" in page.with_name("report.md").read_text()) == (family == "study")


@pytest.mark.parametrize("p", [(0.01, 0.2), (0.2, 0.01), (math.nan, 0.2), (0.2, math.nan)])
def test_a_test_that_two_claims_share_has_the_larger_p(p: tuple[float, float]) -> None:
    """One of them may have been read before, whose p is the more cautious."""
    first, second = ({("errors", "no difference"): FamilyTest(one, True)} for one in p)
    assert united([first, second]) == {("errors", "no difference"): FamilyTest(0.2, True)}
