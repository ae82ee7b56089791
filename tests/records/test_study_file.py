"""Study files and trials files: strict types for what the report relies on, everything else as it was."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.hostile import NAMES

from resbench.records.study_file import StudyFile
from resbench.records.trials import TrialsFile

CLAIM: dict[str, Any] = {
    "says": "depth helps",
    "compare": {"model.depth": 34},
    "to": {"model.depth": 10},
    "at": {"model.norm": None},
    "on": "test_error",
    "expect": "lower",
    "margin": 1,
}
STUDY: dict[str, Any] = {
    "schema": 1,
    "name": "some",
    "file": "some.yaml",
    "about": "Question: depth?",
    "overrides": [],
    "axes": ["model.depth", "model.norm"],
    "baseline": {"model.depth": 10},
    "published": [{"source": "x", "on": "test_error", "at": {"model.depth": 34}, "value": 0}],
    "claims": [CLAIM],
    "target": {"test_accuracy": 1, "training_flops": 10**15},
    "runs": [{"id": "0" * 16, "cell": {"model.depth": 34, "recipe.grow": [10, 34]}, "seed": 0}],
    "excluded": [{"cell": {"model.depth": 100}, "because": "too slow"}],
    "later": {"a": [1, None]},
}


def changed(place: Sequence[str | int], value: Any) -> dict[str, Any]:
    """The study file with another value in one place; `...` removes it."""
    study = copy.deepcopy(STUDY)
    inner: Any = study
    for key in place[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return study


def test_what_is_read_is_written_again() -> None:
    study = StudyFile.from_json(STUDY)
    assert json.dumps(study.to_json()) == json.dumps(STUDY)  # 1 is not 1.0, and keys of a later version are kept
    assert study.claims[0].at == {"model.norm": None} and study.claims[0].metric.name == "test_error"


@pytest.mark.parametrize("path", sorted(Path("results").glob("*/study.json")), ids=lambda path: path.parent.name)
def test_committed_study_files_stay_as_they_are(path: Path) -> None:
    text = json.dumps(StudyFile.read(path).to_json(), indent=1, ensure_ascii=False)
    assert f"{text}\n" == path.read_text()


@pytest.mark.parametrize("path", sorted(Path("results").glob("*/trials.json")), ids=lambda path: path.parent.name)
def test_committed_trials_files_stay_as_they_are(path: Path) -> None:
    assert TrialsFile.read(path).to_json() == json.loads(path.read_text())


@pytest.mark.parametrize(
    "key", ["name", "file", "about", "overrides", "axes", "baseline", "published", "claims", "target"]
)
def test_what_earlier_versions_lack_is_empty(key: str) -> None:
    without = {other: value for other, value in STUDY.items() if other != key}
    study = StudyFile.from_json(without)
    assert not getattr(study, key) and key not in study.to_json()
    if key != "file":
        assert not getattr(StudyFile.from_json(without | {key: None}), key)


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (["runs"], ..., "runs: Field required"), (["runs"], 3, "runs: "), (["runs", 0], 3, r"runs\.0: "),
        (["runs", 0, "id"], "../x", r"runs\.0\.id: '\.\./x' is not the id of a run"), (["runs", 0, "seed"], True, r"runs\.0\.seed: "),
        (["runs", 0, "cell", "model.depth"], {}, r"runs\.0\.cell\.model\.depth: Input should be a text, a number"),
        (["axes"], "model.depth", "axes: "), (["command"], "rm", "command: "), (["baseline"], [], "baseline: "),
        (["excluded", 0, "because"], 3, r"excluded\.0\.because: "), (["published", 0, "value"], 1e300, r"published\.0\.value: "),
        (["published", 0, "runs"], 0, r"published\.0\.runs: "), (["published", 0, "on"], "acc", r"published\.0\.on: 'acc' is not one of"),
        (["target", "test_accuracy"], 2, r"target\.test_accuracy: "), (["target", "training_flops"], 0, r"target\.training_flops: "),
        (["claims", 0, "on"], "test_eror", r"did you mean 'test_error'"), (["claims", 0, "expect"], "less", r"claims\.0\.expect: "),
        (["claims", 0, "margin"], -1, r"claims\.0\.margin: "), (["claims", 0, "margin"], True, r"claims\.0\.margin: "),
        (["claims", 0, "at"], {"model.width": None}, "'model.width' is not an axis of the study"), (["claims", 0, "says"], ..., r"says: "),
        (["claims", 0, "at"], ..., "'depth helps': without at"), (["claims", 0, "on"], ..., "without on"),
        (["claims", 0, "margin"], ..., "without margin"), (["claims", 0, "at"], [[1]], r"claims\.0\.at: "),
        (["later"], [[[[[[[[[[[[1]]]]]]]]]]]], "nested too deeply"),
    ],
)  # fmt: skip
def test_damage_is_named(place: list[str | int], value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        StudyFile.from_json(changed(place, value))


@pytest.mark.parametrize("name", [name for name in NAMES if name is not None])
def test_names_that_leave_the_folder_are_damage(name: object) -> None:
    with pytest.raises(ValueError, match="name: "):
        StudyFile.from_json(changed(["name"], name))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "[" * 20_000, '{"runs": [], "x": NaN}'])
def test_what_is_no_study_file_is_damage(text: str, tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text(text)
    for kind in (StudyFile, TrialsFile):
        with pytest.raises(ValueError, match=r".+"):
            kind.read(tmp_path / "study.json")


def test_texts_can_be_made_harmless() -> None:
    study = StudyFile.from_json(changed(["about"], "a\x1b[2J")).sanitised()
    assert study.about == "a\ufffd[2J" and study.name == "some"
