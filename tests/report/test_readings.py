"""`looks.json`: at which numbers of seeds the verdicts of a study without planned looks were read."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.inprocess import resbench
from support.planted import plant

from resbench import Grid
from resbench.records.looks_file import Reading
from resbench.records.merge import merge
from resbench.records.statements import Statement
from resbench.report.judge import judge
from resbench.report.looks.anytime import anytime_difference_p, anytime_within_p
from resbench.report.study import Study, load
from resbench.report.verdicts import ContrastVerdict
from resbench.training.run import RunConfig

CLAIM: dict[str, Any] = {
    "says": "the identity errs less",
    "compare": {"model.shortcut": "identity"},
    "to": {"model.shortcut": "none"},
    "expect": "lower",
}


def errors(config: RunConfig) -> int:
    return (30 if config.model.shortcut == "identity" else 60) + 3 * ((7 * config.seed) % 5)


def noisy(config: RunConfig) -> int:
    """The same, but for another difference at each seed."""
    return errors(config) + (config.model.shortcut == "identity") * ((11 * config.seed) % 23)


def planted(results: Path, seeds: object, errors: Callable[[RunConfig], int] = errors) -> Path:
    """A study of so many seeds, all of them done; returns the file of its readings."""
    axes = {"model.shortcut": ["identity", "none"]}
    plant(results, Grid("some", axes=axes, claims=[CLAIM], seeds=seeds), errors)  # type: ignore[list-item,arg-type]
    return results / "some" / "looks.json"


def check(results: Path) -> str:
    code, _, err = resbench("check", "some", "--results", results)
    assert code in (0, 1)
    return err


def check_text(results: Path) -> str:
    return resbench("check", "some", "--results", results)[1]


def read(file: Path) -> list[tuple[str, int, list[int], list[str]]]:
    looks = json.loads(file.read_text())["looks"]
    return [(one["command"], one["planned"], *(one["claims"][0][key] for key in ("seeds", "states"))) for one in looks]


def test_each_number_of_seeds_is_kept_once(tmp_path: Path) -> None:
    results = tmp_path / "results"
    file = planted(results, 5)
    assert check(results) == ""
    assert read(file) == [("check", 5, [5], ["supported"])]
    kept = file.read_bytes()
    check(results)
    assert resbench("report", "some", "--results", results)[0] == 0
    assert file.read_bytes() == kept
    planted(results, 8)
    assert resbench("report", "some", "--results", results)[0] == 0
    check(results)
    assert read(file) == [("check", 5, [5], ["supported"]), ("report", 8, [8], ["supported"])]
    assert [(one.planned, one.claims[0].seeds) for one in load(results, "some").readings] == [(5, [5]), (8, [8])]


def test_fewer_seeds_than_a_verdict_takes_are_no_reading(tmp_path: Path) -> None:
    file = planted(tmp_path, 4)
    check(tmp_path)
    assert not file.exists()


def verdict(results: Path, **change: Any) -> ContrastVerdict:
    """The first comparison of the study's one claim, changed in this; or of these claims."""
    study = load(results, "some")
    claims = change.get("claims") or [claim.model_copy(update=change) for claim in study.claims]
    return judge(load(results, "some", study.file.model_copy(update={"claims": claims})))[0].contrasts[0]


def looks_plan(results: Path, *sizes: int) -> None:
    """The same study, with all of its runs done, under a plan of these looks."""
    planted(results, {"looks": list(sizes)}, noisy)


def test_a_plan_that_stood_first_is_free_of_its_own_readings(tmp_path: Path) -> None:
    looks_plan(tmp_path, 5, 8)
    before = verdict(tmp_path)
    check(tmp_path)
    assert read(tmp_path / "some" / "looks.json")[0][2] == [5]
    one = verdict(tmp_path)
    assert (one.p_holm, one.earlier) == (before.p_holm, ()) and "plan of looks was" not in check_text(tmp_path)


def test_a_plan_after_readings_takes_the_anytime_p_at_every_look(tmp_path: Path) -> None:
    planted(tmp_path / "late", 5, noisy)
    check(tmp_path / "late")
    looks_plan(tmp_path / "late", 5, 8)
    looks_plan(tmp_path / "first", 5, 8)
    late, first = (verdict(tmp_path / name) for name in ("late", "first"))
    assert late.looks and first.looks and late.earlier == (5,)
    contrast = late.looks.done[0].contrast
    assert contrast
    own, held = first.looks.done[0].test.p, late.looks.done[0].test.p
    assert held.difference == max(own.difference, anytime_difference_p(contrast, "lower")) > own.difference
    assert held.within == max(own.within, anytime_within_p(contrast, "lower"))
    text = check_text(tmp_path / "late")
    assert "the plan of looks was stated or changed after results (read before at 5 seeds), so p of each look" in text


def test_a_plan_that_is_extended_or_comes_after_results_that_were_not_read_is_late(tmp_path: Path) -> None:
    looks_plan(tmp_path / "longer", 5, 6)
    check(tmp_path / "longer")
    looks_plan(tmp_path / "longer", 5, 6, 8)
    one = verdict(tmp_path / "longer")
    assert one.earlier == (5,) and one.looks and one.looks.done[0].test.late
    planted(tmp_path / "unread", 5)
    looks_plan(tmp_path / "unread", 5, 8)
    study = load(tmp_path / "unread", "some")
    changed = Statement(time="2026-11-27T22:26:05+00:00", sha256="", recorded=10, runs=10, changed=True)
    asked = study.file.model_copy(update={"stated": {"seeds": [changed]}})
    (found,) = judge(load(tmp_path / "unread", "some", asked))
    assert found.contrasts[0].looks and found.contrasts[0].looks.done[0].test.late


def test_dropping_the_plan_keeps_what_was_read_under_it(tmp_path: Path) -> None:
    looks_plan(tmp_path, 5, 8)
    check(tmp_path)
    planted(tmp_path, 7)
    assert verdict(tmp_path).earlier == (5,)


def test_a_claim_that_is_restated_keeps_its_readings(tmp_path: Path) -> None:
    planted(tmp_path, 5)
    check(tmp_path)
    planted(tmp_path, 8)
    mirrored = {"compare": {"model.shortcut": "none"}, "to": {"model.shortcut": "identity"}, "expect": "higher"}
    for change in ({"margin": 3.0}, {"expect": "not_higher"}, mirrored, {"on": "test_accuracy"}):
        assert verdict(tmp_path, **change).earlier == (5,)
    assert verdict(tmp_path, on="train_loss").earlier == ()


@pytest.mark.parametrize("old", [False, True], ids=["arms", "lists"])
def test_a_level_that_is_put_before_others_moves_no_reading(old: bool, tmp_path: Path) -> None:
    """Read at five seeds with two depths; files of earlier versions say in which order alone."""
    claim = CLAIM | {"at": ["model.depth"]}

    def grid(depths: list[int], seeds: int) -> None:
        axes = {"model.shortcut": ["identity", "none"], "model.depth": depths}
        plant(tmp_path, Grid("some", axes=axes, claims=[claim], seeds=seeds), errors)  # type: ignore[list-item,arg-type]

    def earlier() -> dict[Any, Any]:
        (found,) = judge(load(tmp_path, "some"))
        return {one.context["model.depth"]: tuple(one.earlier) for one in found.contrasts}

    grid([16, 22], 5)
    check(tmp_path)
    if old:
        file = tmp_path / "some" / "looks.json"
        content = json.loads(file.read_text())
        del content["looks"][0]["claims"][0]["arms"]
        content["looks"][0]["claims"][0]["seeds"] = [5, 6]
        file.write_text(json.dumps(content))
    grid([16, 22], 8)
    assert earlier() == ({16: (5,), 22: (6,)} if old else {16: (5,), 22: (5,)})
    grid([10, 16, 22], 8)
    # of lists that have lost their places each number counts for all
    assert earlier() == ({10: (5, 6), 16: (5, 6), 22: (5, 6)} if old else {10: (), 16: (5,), 22: (5,)})


def test_the_committed_files_of_earlier_versions_are_read() -> None:
    for name in ("depth", "norm"):
        study = load(Path("results"), name)
        every = [verdict for verdict in judge(dataclasses.replace(study, readings=changed_plan(study)))]
        noisy = [one for v in every if not v.claim.metric.exact for one in v.contrasts if one.contrast]
        assert noisy and all(one.earlier == (4,) for one in noisy)


def changed_plan(study: Study) -> list[Reading]:
    """Its readings as if one seed less had been asked for, and read at four."""
    readings = [one.to_json() for one in study.readings]
    for reading in readings:
        reading["planned"] -= 1
        for claim in reading["claims"]:
            claim["seeds"] = [4] * len(claim["seeds"])
    return [Reading.from_json(one) for one in readings]


@pytest.mark.parametrize("content", ["{", "[]", '{"looks": 3}', '{"schema": 99, "looks": []}', "\x00"])
def test_a_file_that_is_not_ours_stays_and_is_named(content: str, tmp_path: Path) -> None:
    file = planted(tmp_path, 5)
    file.write_text(content)
    code, out, err = resbench("check", "some", "--results", tmp_path)
    note = "looks.json is damaged: earlier readings of the verdicts are not known, so each p is that of a first look"
    assert code == 0 and f"note: {note}" in out
    assert resbench("report", "some", "--results", tmp_path, "--reports", tmp_path / "pages")[0] == 0
    assert note in (tmp_path / "pages" / "some" / "report.md").read_text()
    lines = err.splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"{file}: cannot be read (")
    assert file.read_text() == content


def test_where_nothing_can_be_written_verdicts_are_read_all_the_same(tmp_path: Path) -> None:
    file = planted(tmp_path, 5)
    shutil.rmtree(file.parent / ".work")
    (file.parent / ".work").touch()  # no folder can be made there, whatever process asks
    assert check(tmp_path) == "" and not file.exists()


def test_merging_unites_what_two_machines_have_read(tmp_path: Path) -> None:
    ours, theirs = (planted(tmp_path / name, seeds) for name, seeds in (("ours", 8), ("theirs", 8)))
    planted(tmp_path / "theirs", 5)
    check(tmp_path / "theirs")
    planted(tmp_path / "theirs", 8)
    check(tmp_path / "ours")
    merge([tmp_path / "theirs"], tmp_path / "ours")
    assert sorted(read(ours)) == [("check", 5, [5], ["supported"]), ("check", 8, [8], ["supported"])]
    again = ours.read_bytes()
    merge([tmp_path / "theirs"], tmp_path / "ours")
    assert ours.read_bytes() == again and len(read(theirs)) == 1


def test_merging_takes_the_study_that_has_come_further(tmp_path: Path) -> None:
    """Two machines with one plan: the one has the first look alone."""
    axes = {"model.shortcut": ["identity", "none"]}
    grid = Grid("some", axes=axes, claims=[CLAIM], seeds={"looks": [5, 8]})  # type: ignore[list-item]
    first = grid.with_seeds(dict.fromkeys(grid.seeds_by_cell(), range(5)))
    for name, part in (("ours", first), ("theirs", grid)):
        plant(tmp_path / name, part, errors)
    merge([tmp_path / "theirs"], tmp_path / "ours")
    assert len(json.loads((tmp_path / "ours" / "some" / "study.json").read_text())["runs"]) == 16
    merge([tmp_path / "ours"], tmp_path / "theirs")
    assert len(json.loads((tmp_path / "theirs" / "some" / "study.json").read_text())["runs"]) == 16
