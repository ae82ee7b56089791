"""`--json`: one document of a published schema, with the numbers that the text is rounded from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from support.inprocess import resbench
from support.studies import HELPS, make, noise

from resbench.cli.schemas import generated, published
from resbench.records.metrics import METRICS
from resbench.report.format import interval_texts, p_text, within
from resbench.report.statistics.interval import Interval

AXES = {"model.depth": [10, 16], "model.shortcut": ["identity", "none"]}
RATES = noise(lambda cell: 0.01 if cell["model.shortcut"] == "identity" else 0.05, images=1000)
GRID = "name: tiny\nbase: {model: {depth: 10, width: 4}, data: {train_size: 64}}\naxes: {model.shortcut: [identity, none]}\n"
DIFFERS = {**HELPS, "says": "the difference grows", "at": {}, "between": {"model.depth": [16, 10]}}


def outcome(cell: Any, seed: int, generator: np.random.Generator) -> Any:
    lost = cell == {"model.depth": 16, "model.shortcut": "none"} and seed > 3
    return ("diverged", "failed", "missing")[seed % 3] if lost else RATES(cell, seed, generator)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with a study, some of whose runs diverged, failed or are missing, and one with a target."""
    results = tmp_path_factory.mktemp("json") / "results"
    baseline = {"model.shortcut": "none"}
    make(results, "whole", AXES, 6, RATES, claims=[HELPS, {**HELPS, "on": "parameters"}, DIFFERS], baseline=baseline)
    make(results, "lost", AXES, 7, outcome, claims=[HELPS], target={"test_accuracy": 0.98})
    make(results, "staged", AXES, 6, RATES, claims=[HELPS], looks={"sizes": [5, 6], "spend": "pocock"})
    for name, loss in (("a", 0.4), ("b", 0.5)):
        rows = "".join(f"{seed},{loss + 0.01 * ((5 * seed) % (3 if loss < 0.45 else 4))}\n" for seed in range(6))
        (results.parent / f"{name}.csv").write_text(f"seed,loss\n{rows}")
    (results.parent / "tiny.yaml").write_text(GRID)
    return results.parent


def document(*words: object, folder: Path, code: int = 0) -> dict[str, Any]:
    """What a command prints, which is a document and nothing else, and as its schema says."""
    found, out, err = resbench(*words, "--json", *(() if words[0] == "judge" else ("--results", folder / "results")))
    assert (found, err) == (code, ""), err
    content: dict[str, Any] = json.loads(out)
    Draft202012Validator(published()[content["command"]]).validate(content)
    return content


def test_the_published_schemas_are_those_of_the_documents() -> None:
    assert published() == generated(), "run: python -m resbench.cli.schemas"
    code, out, _ = resbench("ls", "schemas", "show run")
    assert code == 0 and json.loads(out) == published()["show run"]
    assert resbench("ls", "schemas", "report")[0] == 2


@pytest.mark.parametrize("study", ["whole", "lost"])
def test_every_command_prints_one_document(study: str, folder: Path) -> None:
    assert document("check", study, folder=folder, code=1)["study"] == study
    assert document("show", study, folder=folder)["cells"][0]["cell"] == {
        "model.depth": 10,
        "model.shortcut": "identity",
    }
    compared = document("compare", study, "--to", "model.shortcut=none", folder=folder)
    assert [one["at"] for one in compared["comparisons"]] == [{"model.depth": 10}, {"model.depth": 16}]
    listed = document("ls", "runs", study, "--failed", folder=folder)["runs"]
    states = {one["study"]: one["states"] for one in document("status", folder=folder)["studies"]}
    assert states["whole"] == {"ok": 24} and states["lost"] == {"ok": 25, "diverged": 1, "failed": 1, "to do": 1}
    if study == "lost":
        (failed,) = listed
        run = document("show", study, failed["id"], folder=folder)
        assert run["state"] == "failed" and "not finite" in run["error"]["message"] and run["cell"] == failed["cell"]


def test_commands_without_a_study_print_one_document(folder: Path) -> None:
    plan = document("plan", folder / "tiny.yaml", "--executor", "ray", "--nodes", 2, "--mtbf", "12h", folder=folder)
    assert plan["to_do"] == 2 and plan["fleet"]["mtbf"] == 43200 and plan["cells"][1]["parameters"] > 0
    assert document("ls", "studies", folder=folder)["studies"] == ["lost", "staged", "whole"]
    judged = document("judge", folder / "a.csv", folder / "b.csv", "--no-page", folder=folder)
    assert (
        judged["supported"] and judged["looks"] == [6] and judged["claim"]["comparisons"][0]["difference"]["high"] < 0
    )
    for name in ("axes", "datasets", "probes", "grids"):
        code, out, _ = resbench("ls", name, "--json")
        content = json.loads(out)
        Draft202012Validator(published()[f"ls {name}"]).validate(content)
        assert code == 0 and len(content[name]) > 3


def test_planned_looks_are_in_the_document(folder: Path) -> None:
    (claim,) = document("check", "staged", folder=folder)["claims"]
    for one in claim["comparisons"]:
        (look,) = one["looks"]
        assert (look["seeds"], look["state"], look["p_holm"]) == (5, "supported", one["p"])
        assert look["interval"]["low"] < one["difference"]["estimate"] < look["interval"]["high"] < 0


def test_texts_are_rounded_from_the_numbers(folder: Path) -> None:
    lines = resbench("check", "whole", "--results", folder / "results")[1]
    checked = document("check", "whole", folder=folder, code=1)
    texts = [
        text for claim in checked["claims"] for text in (claim["text"], *(one["text"] for one in claim["comparisons"]))
    ]
    assert [line.strip() for line in lines.splitlines()] == texts
    for one in checked["claims"][0]["comparisons"]:
        found = Interval(*(one["difference"][name] / 100 for name in ("estimate", "low", "high")), 0.0)
        estimate, limits = interval_texts(found, METRICS["test_error"])
        assert f"test error {estimate} points {limits}" in one["text"] and f"p {p_text(one['p'])}" in one["text"]
    compared = document("compare", "whole", "--to", "model.shortcut=none", folder=folder)["comparisons"]
    assert [one["difference"] for one in compared] == [one["difference"] for one in checked["claims"][0]["comparisons"]]
    table = resbench("show", "whole", "--results", folder / "results")[1]
    for cell in document("show", "whole", folder=folder)["cells"]:
        accuracy = within(*(cell["test_accuracy"][name] / 100 for name in ("estimate", "low", "high")))
        assert f" {cell['trained']}  {accuracy} " in table
