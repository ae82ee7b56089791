"""Results of several machines: what is the same is kept once, what is missing comes in, what conflicts is named."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.inprocess import resbench
from support.studies import Cell, make, noise

from resbench.core.errors import UserError
from resbench.records.curve import Curve
from resbench.records.merge import merge
from resbench.records.record import Provenance, Record
from resbench.records.store import Store

AXES: dict[str, list[Any]] = {"model.shortcut": ["identity", "none"]}
SHARED = f"{0:016x}"  # the first run, which both machines have


def half(which: int) -> Callable[[Cell, int, np.random.Generator], Any]:
    """Seed 0 on both machines, the others by turns: as two shards with one run in common."""
    errors = noise(lambda cell: 0.02, images=100)

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> Any:
        return errors(cell, seed, np.random.default_rng(seed)) if seed == 0 or seed % 2 == which else "missing"

    return outcome


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """The results folders of two machines that shared a grid of 2 cells x 5 seeds."""
    return (make(tmp_path / "a", "some", AXES, 5, half(0)), make(tmp_path / "b", "some", AXES, 5, half(1)))


def shared(results: Path) -> Record:
    """The record of the run that both machines have."""
    record = Store(results / "some").read(SHARED)
    assert record
    return record


def change(results: Path, **fields: Any) -> Path:
    """Write that record again with other fields; mappings are added to."""
    record = shared(results)
    for name, value in fields.items():
        before = getattr(record, name)
        setattr(record, name, {**(before or {}), **value} if isinstance(value, dict) else value)
    path = Store(results / "some").path(SHARED)
    path.write_text(record.to_json())
    return path


def tree(folder: Path) -> dict[str, bytes]:
    """Every file that is kept, with its bytes."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".work" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_two_halves_become_a_whole_byte_for_byte_and_once(two: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = two
    both = tree(a) | tree(b)
    [line] = merge([b], a)
    assert line == "some: 4 records came in (4 new), 2 were here"
    assert tree(a) == both and len(Store(a / "some").records()) == 10
    assert merge([b], a) == ["some: 6 were here"]
    assert len(merge([a, b / "some"], tmp_path / "c")) == 1
    assert tree(tmp_path / "c") == both  # the folder of one study is as good, and several at once
    assert not list((a / "some" / ".work").glob("*.tmp"))


def test_a_dry_run_tells_the_same_and_writes_nothing(two: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = two
    before = tree(a)
    assert merge([b], a, dry=True) == ["some: 4 records would come in (4 new), 2 were here"]
    assert tree(a) == before
    merge([b], tmp_path / "c", dry=True)
    assert not (tmp_path / "c").exists()


def test_the_clock_and_the_machine_are_no_difference(two: tuple[Path, Path]) -> None:
    a, b = two
    change(b, metrics={"train_seconds": 99.0}, provenance=Provenance({"device_name": "another"}))
    before = Store(a / "some").path(SHARED).read_bytes()
    merge([b], a)
    assert Store(a / "some").path(SHARED).read_bytes() == before


def test_a_conflict_is_named_and_nothing_at_all_is_copied(two: tuple[Path, Path]) -> None:
    a, b = two
    shutil.copytree(b / "some", b / "other", ignore=shutil.ignore_patterns("study.json"))
    elsewhere = shared(b).provenance.with_facts(threads=2)
    theirs = change(b, metrics={"test_error": 0.5}, weights_sha256="f" * 64, provenance=elsewhere)
    before = tree(a)
    with pytest.raises(UserError) as caught:
        merge([b], a)
    line, last = caught.value.lines
    assert line.startswith(f"{a / 'some' / SHARED}.json and {theirs}: both finished, and differ: metrics.test_error ")
    assert "against 0.5, weights_sha256 none against ffff" in line and "threads 1 against 2" in line
    assert last == "merge: nothing was copied from any study: 1 conflict to settle"
    assert tree(a) == before


@pytest.mark.parametrize("state", ["failed", "damaged"])
def test_a_finished_record_replaces_a_failed_or_damaged_one_and_never_the_other_way(
    state: str, two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = two
    whole = Store(b / "some").path(SHARED).read_bytes()
    bad = change(a, status="failed") if state == "failed" else Store(a / "some").path(SHARED)
    if state == "damaged":
        bad.write_bytes(whole[:100])
    lacking = tree(a)
    merge([a], b)
    assert Store(b / "some").path(SHARED).read_bytes() == whole
    assert (f"{bad}: a damaged record" in capsys.readouterr().err) == (state == "damaged")
    [line] = merge([b], a)
    assert line.endswith("(1 in place of a failed or damaged one, 4 new), 5 were here")
    assert Store(a / "some").path(SHARED).read_bytes() == whole
    assert tree(a).keys() > lacking.keys()


def test_probes_of_one_run_are_united(two: tuple[Path, Path]) -> None:
    a, b = two
    change(a, metrics={"probe.response_ratio": 2.0}, probes={"responses": {"images": 8}})
    assert merge([a], b)[0].startswith("some: 5 records came in (1 with more probes, 4 new)")
    shutil.copy(Store(a / "some").path(SHARED), Store(b / "some").path(SHARED))
    change(b, metrics={"probe.lesion_mean": 0.5}, probes={"lesions": {"images": 9}})
    record = shared(b)
    assert record.probes
    del record.probes["responses"], record.metrics["probe.response_ratio"]
    Store(b / "some").path(SHARED).write_text(record.to_json())
    merge([b], a)
    united = shared(a)
    assert united.probes == {"lesions": {"images": 9}, "responses": {"images": 8}}
    assert united.metrics["probe.lesion_mean"] == 0.5 and united.metrics["probe.response_ratio"] == 2.0
    change(b, probes={"responses": {"images": 7}})
    with pytest.raises(UserError, match=r"differ: .*probes.responses.images 8 against 7"):
        merge([b], a)


def test_a_record_gets_the_curve_that_only_the_other_has(two: tuple[Path, Path]) -> None:
    a, b = two
    curve = Curve(20, 4, (2.3,))
    change(a, curve=None)
    change(b, curve=curve)
    assert merge([b], a)[0].startswith("some: 5 records came in (1 with a training curve, 4 new)")
    assert shared(a).curve == curve
    change(b, curve=None)
    assert "came in" not in merge([b], a)[0] and shared(a).curve == curve
    change(b, curve=Curve(20, 4, (2.2,)))
    with pytest.raises(UserError, match=r"differ: curve.train_loss"):
        merge([b], a)


def test_another_grid_under_the_same_name_is_a_conflict(two: tuple[Path, Path]) -> None:
    a, b = two
    path = b / "some" / "study.json"
    study = json.loads(path.read_text())
    path.write_text(json.dumps(study | {"runs": study["runs"][:6], "baseline": {"model.shortcut": "none"}}))
    before = tree(a)
    with pytest.raises(
        UserError, match=r"different grids under one name: baseline .* against .*, runs \(10 against 6\)"
    ):
        merge([b], a)
    assert tree(a) == before
    path.write_text(json.dumps(study | {"file": "/home/me/grid.yaml", "about": "in other words"}))
    merge([b], a)  # where the file lay, and its comments, are no difference
    ours = json.loads((a / "some" / "study.json").read_text())
    assert ours | {"stated": None} == study | {"stated": None}  # but for the time at which each machine began


def test_measurements_of_other_machines_come_along(two: tuple[Path, Path]) -> None:
    a, b = two
    bench = Store(b / "some" / "bench")
    measured = dataclasses.replace(shared(b), kind="bench")
    bench.add(measured)
    assert "some/bench: 1 records came in (1 new)" in merge([b], a)
    bench.path(SHARED).write_text(dataclasses.replace(measured, metrics={"latency_ms": 3.0}).to_json())
    assert "some/bench: 1 were here" in merge([b], a)  # a second measurement is no conflict


def test_a_study_keeps_its_name_in_a_renamed_folder_and_bad_names_are_refused(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    a, b = two
    merge([(b / "some").rename(tmp_path / "From Machine B")], a)
    assert len(Store(a / "some").records()) == 10
    nameless = tmp_path / "From Machine B"
    (nameless / "study.json").unlink()
    with pytest.raises(UserError, match="'From Machine B' is not the name of a study"):
        merge([nameless], a)
    for wrong, reason in ((tmp_path / "no", "no such folder"), (tmp_path / "e", "no records"), (a, "itself")):
        (tmp_path / "e").mkdir(exist_ok=True)
        with pytest.raises(UserError, match=reason):
            merge([wrong], a)


def test_the_command_prints_what_came_and_exits_2_at_a_conflict(two: tuple[Path, Path]) -> None:
    a, b = two
    assert resbench("merge", b, "--results", a, "-n") == (0, "some: 4 records would come in (4 new), 2 were here\n", "")
    assert resbench("merge", b, "--results", a) == (0, "some: 4 records came in (4 new), 2 were here\n", "")
    change(b, metrics={"test_error": 0.5})
    code, out, err = resbench("merge", b, "--results", a)
    assert (code, out, err.count("\n")) == (2, "", 2)
    assert resbench("merge", b / "nothing", "--results", a)[0] == 2


def test_two_shards_merged_are_the_undivided_study(tmp_path: Path) -> None:
    """Real training: two machines that know nothing of each other, and one that does it all."""
    grid = tmp_path / "tiny.yaml"
    grid.write_text(
        "base:\n  model: {depth: 10, width: 4}\n  data: {train_size: 100, val_size: 20}\n  recipe: {epochs: 1}\n"
        "axes: {model.shortcut: [identity, none]}\nseeds: 2\n"
    )
    for name, shard in (("a", ["--shard", "1/2"]), ("b", ["--shard", "2/2"]), ("whole", [])):
        places = ["--results", tmp_path / name, "--reports", tmp_path / "reports"]
        code, _, err = resbench("run", grid, *shard, *places, "--executor", "serial", "--threads", 1, "-j", 1)
        assert code == 0 and ("2 runs to do" in err) == bool(shard), err
    assert resbench("merge", tmp_path / "a", tmp_path / "b", "--results", tmp_path / "c")[0] == 0
    merged, whole = (Store(tmp_path / name / "tiny").records() for name in ("c", "whole"))
    assert len(whole) == 4 and [r.content() for r in merged] == [r.content() for r in whole]
    files = (json.loads((tmp_path / name / "tiny" / "study.json").read_text()) for name in ("c", "whole"))
    once, again = ({key: value for key, value in file.items() if key != "stated"} for file in files)
    assert once == again  # but for the time at which each machine began


def test_runs_on_other_data_are_named(two: tuple[Path, Path]) -> None:
    """Two shards whose machines have other test files: no run is on both, so that no two records conflict."""
    a, b = two
    Store(b / "some").path(SHARED).unlink()
    for results, digest in ((a, "0"), (b, "e")):
        store = Store(results / "some")
        for record in store.records():
            record.provenance = record.provenance.with_facts(test_sha256=digest * 64)
            store.path(record.id).write_text(record.to_json())
    for dry in (True, False):
        came, named = merge([b], a, dry=dry)
        assert "in (" in came and named.startswith("some: different test data: 000000000000 (")
        assert f"{a / 'some'})" in named and f"{b / 'some'})" in named and "no verdict is given between them" in named
    assert len(merge([b], a)) == 2  # named again, as they are still here
