"""Since when claims, target and seeds are what they are: kept at the first run, and named where they changed later."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.planted import IMAGES, plant

from resbench.grid.grid import Grid
from resbench.records.claim import Claim, Target
from resbench.records.store import Store
from resbench.records.study_file import Looks, StudyFile
from resbench.report.page.write_page import write

BASE: dict[str, Any] = {"model.width": 4, "model.depth": 10, "data.train_size": 64}
SIDES: dict[str, Any] = {"compare": {"model.shortcut": "none"}, "to": {"model.shortcut": "identity"}}
CLAIM = Claim(says="more", **SIDES, expect="higher", margin=0.1)


def grid(seeds: int = 2, claims: tuple[Claim, ...] = (CLAIM,), target: float | None = None) -> Grid:
    wanted = Target(test_accuracy=target) if target else None
    axes: dict[str, Any] = {"model.shortcut": ["identity", "none"]}
    return Grid("g", base=BASE, axes=axes, seeds=seeds, claims=claims, target=wanted)


def errors(config: Any) -> int:
    return int(np.random.default_rng(config.seed).integers(0, IMAGES // 10))


def stated(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "g" / "study.json").read_text()).get("stated", {})
    assert isinstance(found, dict)
    return found


def page(folder: Path) -> str:
    return write(folder, folder.parent / "reports", "g").with_name("report.md").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study that was stated before its four runs had results."""
    results = tmp_path / "results"
    Store(results / "g").write_study(grid().study())
    plant(results, grid(), errors)
    return results


def test_the_first_statement_has_a_hash_and_a_time_and_stays(folder: Path) -> None:
    first = stated(folder)
    assert set(first) == {"claims", "seeds"}
    [claims], [seeds] = first["claims"], first["seeds"]
    assert claims["recorded"] == seeds["recorded"] == 0 and claims["time"].endswith("+00:00")
    assert claims["sha256"] == hashlib.sha256(json.dumps([grid().claims[0].statement()]).encode()).hexdigest()
    assert seeds["sha256"] == hashlib.sha256(b"[0, 1]").hexdigest()
    path = folder / "g" / "study.json"
    path.write_text(path.read_text().replace(claims["time"], "2026-11-27T22:26:05+00:00"))
    before = path.read_bytes()
    assert not Store(folder / "g").write_study(grid().study())  # later, and nothing is stated again
    assert path.read_bytes() == before
    assert "changed on" not in page(folder)


def test_changes_before_any_result_leave_no_trace(tmp_path: Path) -> None:
    store = Store(tmp_path / "g")
    store.write_study(grid().study())
    store.write_study(grid(seeds=5, claims=(CLAIM.model_copy(update={"margin": 0.3}),)).study())
    found = stated(tmp_path)
    assert [len(entries) for entries in found.values()] == [1, 1] and "changed" not in found["claims"][0]


def test_changes_after_results_are_named_with_their_time(folder: Path) -> None:
    first = stated(folder)
    store = Store(folder / "g")
    store.write_study(grid(claims=(CLAIM.model_copy(update={"margin": 0.3}),)).study())
    store.write_study(grid(seeds=3, claims=(CLAIM.model_copy(update={"margin": 0.3}),), target=0.9).study())
    found = stated(folder)
    assert found["claims"][0] == first["claims"][0] and found["seeds"][0] == first["seeds"][0]
    assert [entry["recorded"] for entry in found["claims"]] == [0, 4] and found["claims"][1]["runs"] == 4
    assert [(entry["recorded"], entry["runs"]) for entry in found["target"]] == [(4, 6)]
    when = {kind: f"{entries[-1]['time'][:16].replace('T', ' ')} UTC" for kind, entries in found.items()}
    text = page(folder)
    changed = f"Claims changed on {when['claims']}, after 4 of 4 runs were recorded."
    assert f"{changed} Stated then: “{CLAIM.says}”." in text
    assert f"Seeds changed on {when['seeds']}, after 4 of 6 runs were recorded." in text
    assert f"Target changed on {when['target']}, after 4 of 6 runs were recorded." in text
    assert "stated after 4 of 4 runs were recorded" in text  # of the claim itself


def test_other_words_and_planned_looks_are_no_change(folder: Path) -> None:
    first = stated(folder)
    store = Store(folder / "g")
    store.write_study(grid(claims=(CLAIM.model_copy(update={"says": "in other words"}),)).study())
    assert stated(folder) == first
    plan = grid().study().model_copy(update={"looks": Looks(sizes=[2, 4], spend="pocock")})
    further = grid(seeds=4).study().model_copy(update={"looks": Looks(sizes=[2, 4], spend="pocock")})
    assert plan.parts(None)["seeds"] == further.parts(None)["seeds"] != grid().study().parts(None)["seeds"]


def test_files_of_earlier_versions_say_nothing_and_keep_their_bytes(folder: Path) -> None:
    path = folder / "g" / "study.json"
    old = {key: value for key, value in json.loads(path.read_text()).items() if key != "stated"}
    path.write_text(json.dumps(old, indent=1, ensure_ascii=False) + "\n")
    before = path.read_bytes()
    assert not Store(folder / "g").write_study(grid().study()) and path.read_bytes() == before
    assert "changed on" not in page(folder)
    Store(folder / "g").write_study(grid(seeds=3).study())  # what changes from now on is known
    assert list(stated(folder)) == ["seeds"] and "Seeds changed on" in page(folder)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in Path("results").glob("*/study.json")))
def test_committed_studies_load_and_state_nothing_they_do_not_know(name: str) -> None:
    study = StudyFile.read(Path("results") / name / "study.json")
    assert all(entry.time and entry.recorded <= entry.runs for entries in study.stated.values() for entry in entries)
