"""Studies with planned looks: judged look by look, from real files, and asked for no more seeds than they need."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.inprocess import resbench
from support.studies import HELPS, Cell, make, noise

from resbench.report.judge import judge
from resbench.report.look_progress import asked_seeds
from resbench.report.study import Study, load
from resbench.report.tables.looks import look_table
from resbench.report.wording.sentence import sentence

AXES = {"model.depth": [10, 34], "model.shortcut": ["identity", "projection", "none"]}
PLAN = {"sizes": [5, 10, 20], "spend": "pocock"}
# at 34 layers identity is far better, at 10 layers a little
RATES = {(34, "identity"): 0.008, (34, "none"): 0.016, (10, "identity"): 0.010, (10, "none"): 0.0106}


def rate(cell: Cell) -> float:
    return RATES.get((cell["model.depth"], cell["model.shortcut"]), 0.01)


def planned(folder: Path, done: dict[tuple[int, str], int] | int, plan: dict[str, Any] = PLAN, **claim: Any) -> Study:
    """The study with so many seeds of each cell done; the same seeds have the same errors however many there are."""

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        key = cell["model.depth"], cell["model.shortcut"]
        if seed >= (done if isinstance(done, int) else done.get(key, 5)):
            return "missing"
        return noise(rate)(cell, seed, np.random.default_rng([seed, *map(ord, repr(key))]))

    return load(make(folder, "s", AXES, 20, outcome, [HELPS | claim], looks=plan), "s")


def asked(study: Study) -> dict[tuple[int, str], int]:
    return {(int(depth), shortcut): seeds for (depth, shortcut), seeds in asked_seeds(study).items()}


def test_seeds_are_asked_for_look_by_look_and_only_where_a_comparison_is_open(tmp_path: Path) -> None:
    first = dict.fromkeys([(depth, shortcut) for depth in (10, 34) for shortcut in AXES["model.shortcut"]], 5)
    assert asked(planned(tmp_path / "a", 0)) == first
    assert asked(planned(tmp_path / "b", {(34, "none"): 4})) == first  # one run of the first look is missing
    study = planned(tmp_path / "c", 5)
    [verdict] = judge(study)
    assert [one.state for one in verdict.contrasts] == ["inconclusive", "supported"]
    assert asked(study) == first | {(10, "identity"): 10, (10, "none"): 10}
    assert verdict.outstanding == 10


def test_what_is_decided_keeps_the_numbers_of_its_look_and_history_never_changes(tmp_path: Path) -> None:
    early = judge(planned(tmp_path / "a", 5))[0].contrasts
    late = judge(planned(tmp_path / "b", 20))[0].contrasts  # more seeds than were asked for change nothing
    assert late[1] == early[1] and late[1].contrast and late[1].contrast.seeds == 5
    assert late[0].looks and early[0].looks
    first, again = early[0].looks.done[0], late[0].looks.done[0]
    assert (first.test, first.contrast) == (again.test, again.contrast)
    assert [len(one.looks.done) for one in late if one.looks] == [3, 1]
    fractions = late[0].looks.done[-1].test.schedule.fractions
    assert fractions[-1] == 1 and list(fractions) == sorted(fractions) and fractions[0] > 0.25  # images are noise too


def test_a_collapse_at_a_later_look_rewrites_no_earlier_one(tmp_path: Path) -> None:
    """A run that gets 15 % right did not train next to one of its cell that takes all images for one class."""

    def outcome(cell: Cell, seed: int, _: object, done: int) -> npt.NDArray[np.int64] | str:
        if seed >= done:
            return "missing"
        if cell["model.shortcut"] == "none" and seed >= 5:
            return np.repeat([1, 0], [890, 110])
        draw, wrong = np.random.default_rng([seed, len(str(cell))]), 0.02
        if cell["model.shortcut"] == "none":
            wrong = 0.85 if seed == 2 else 0.5
        return np.where(draw.random(1000) < wrong, draw.integers(1, 10, 1000), 0)

    histories = []
    for done in (5, 10):
        axes: dict[str, Any] = {"model.shortcut": ["identity", "none"]}
        folder = make(
            tmp_path / str(done), "s", axes, 20, partial(outcome, done=done), [HELPS | {"at": []}], looks=PLAN
        )
        study = load(folder, "s")
        assert (study.runs["status"] == "collapsed").sum() == (6 if done == 10 else 0)  # as the page counts them now
        histories.append(judge(study)[0].contrasts[0])
    early, late = histories
    assert early.state == late.state == "supported" and early.contrast == late.contrast and early.contrast
    assert early.looks and late.looks and early.looks.done == late.looks.done and len(late.looks.done) == 1


def test_what_the_looks_show_has_its_p_and_no_limit_that_is_rounded_onto_the_margin(tmp_path: Path) -> None:
    """A limit that would read as the margin is given with more digits, in the sentence as in the table."""
    for expect, p in (
        ("not_higher", "one-sided p over the looks so far"),
        ("equivalent", "p of a difference beyond it"),
    ):
        study = planned(tmp_path / expect, 20, expect=expect, margin=5.0)
        [verdict] = judge(study)
        one = verdict.contrasts[0]
        assert one.looks and one.state == "supported"
        text = sentence(verdict, one)
        assert f"points, {p}" in text and "< .001" in text
        limit = re.search(r"repeated interval \[.*, \+(.*?)\]", text)
        assert limit
        touching = replace(verdict, claim=verdict.claim.model_copy(update={"margin": float(limit[1])}))
        assert not re.search(rf"repeated interval \[.*\+{limit[1]}\]", sentence(touching, one))
        table = look_table([touching])
        assert table and not any(f"+{limit[1]}]" in cell for cell in table.rows[0])


def test_nothing_is_decided_before_the_first_look_is_complete(tmp_path: Path) -> None:
    [verdict] = judge(planned(tmp_path, {(34, "none"): 4}))
    assert [one.state for one in verdict.contrasts] == ["inconclusive", "inconclusive"]
    assert "no verdict before look 1 of 3, at 5 seeds" in sentence(verdict, verdict.contrasts[1])


def test_a_comparison_that_its_last_look_would_hardly_decide_stops_and_is_named(tmp_path: Path) -> None:
    flat = planned(
        tmp_path / "b", 10, compare={"model.shortcut": "projection"}, margin=0.0001, at={"model.depth": [10]}
    )
    [verdict] = judge(flat)
    [one] = verdict.contrasts
    assert one.looks and one.looks.futile and one.state == "inconclusive"
    assert "stopped for futility at look" in sentence(verdict, one)
    assert verdict.outstanding == 0 and set(asked_seeds(flat).values()) <= {5, 10}


@pytest.mark.parametrize(
    ("expect", "margin", "state"), [("equivalent", 0.5, "supported"), ("not_higher", 0.3, "supported")]
)
def test_claims_against_the_margin_have_looks_too(tmp_path: Path, expect: str, margin: float, state: str) -> None:
    study = planned(tmp_path, 5, expect=expect, margin=margin, at={"model.depth": [10]})
    [verdict] = judge(study)
    assert verdict.state == state
    assert verdict.contrasts[0].looks and verdict.contrasts[0].looks.decided
    assert "the looks show it to lie" in sentence(verdict, verdict.contrasts[0])
    table = look_table([verdict])
    assert table and table.rows[0][table.head.index("its level %")] == ("90" if expect == "equivalent" else "95")


def test_the_page_check_json_and_csv_show_every_look(tmp_path: Path) -> None:
    planned(tmp_path / "results", {(10, "identity"): 10, (10, "none"): 10})
    places = ("--results", tmp_path / "results")
    assert resbench("report", "s", *places, "--reports", tmp_path / "reports")[0] == 0
    page = (tmp_path / "reports" / "s" / "report.md").read_text()
    assert "## Looks" in page and "| 2 of 3 |" in page and "decided at look 1 of 3 (5 seeds), repeated interval" in page
    facts = json.loads((tmp_path / "reports" / "s" / "report.json").read_text())
    looks = facts["claims"][0]["contrasts"][0]["looks"]
    assert [look["seeds"] for look in looks] == [5, 10] and looks[0]["spent"] < looks[1]["spent"] < 0.05
    assert all(look["low"] < look["estimate"] < look["high"] for look in looks)
    table = (tmp_path / "reports" / "s" / "tables" / "looks.csv").read_text().splitlines()
    assert len(table) == 4 and "p_within_looks" in table[0] and {look["level"] for look in looks} == {0.95}
    code, said, _ = resbench("check", "s", *places)
    assert code == 1 and "look 2 of 3 (10 seeds)" in said and "over the looks so far" in said
