"""A record is of the run whose settings it has, whatever the defaults of the code have become since."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.commands import call
from support.inprocess import resbench
from support.tiny import copy_tiny, run_tiny, tiny_contents, tiny_store

import resbench as package
from resbench.core.config import defaults, fields
from resbench.records.identity import FROZEN, canonical, check_identity, id_of
from resbench.records.record import Record
from resbench.records.store import Store, read_record
from resbench.training.run import RunConfig, neutral_values

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run_tiny(folder)[0] == 0
    return folder


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the configuration of a record, whose checksum stays right."""
    record = Record.from_json(path.read_text())
    change(record.config)
    path.write_text(record.to_json())


def test_every_field_has_a_frozen_value_that_is_its_default() -> None:
    """A new field takes a line in `records/identity.py`; a line that is there stays, and where a default is changed the
    exception is listed here with its new value."""
    changed: dict[str, Any] = {}
    assert {path.removesuffix(".NAME") for path in fields(RunConfig)} == set(FROZEN)
    assert {path.removesuffix(".NAME"): value for path, value in defaults(RunConfig).items()} == FROZEN | changed


def test_a_frozen_value_is_allowed_and_leaves_no_trace() -> None:
    assert canonical(RunConfig.model_validate(RunConfig().model_dump()).model_dump(mode="json")) == "{}"
    assert RunConfig().id == id_of("{}") == RunConfig().normalised().id
    assert neutral_values() == FROZEN


def test_where_files_lie_leaves_no_trace_and_what_is_in_them_does() -> None:
    def text(path: str) -> str:
        return canonical({**RunConfig().model_dump(mode="json"), "data": {"name": "folder", "path": path}})

    assert text(f"here@{'0' * 16}") == text(f"~/elsewhere@{'0' * 16}") != text(f"here@{'1' * 16}")
    assert text("none") != text("here")


def test_all_committed_records_are_taken() -> None:
    paths = [path for path in (ROOT / "results").glob("**/*.json") if re.fullmatch("[0-9a-f]{16}", path.stem)]
    assert len(paths) > 700
    whole = [read_record(path, path.stem)[0].whole for path in paths]
    assert whole.count(False) == 3, "those of reference models, which have no settings of ours"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda config: config["recipe"].update(lr=0.01), "whose recipe.lr is 0.01, while its id .* recipe.lr 0.1"),
        (lambda config: config.update(seed=7), "whose seed is 7, while its id .* seed 0"),
        (lambda config: config["model"].update(depth=16), "whose config is that of the run [0-9a-f]{16}"),
        (lambda config: config["recipe"].update(grow=[4, 10]), "whose recipe.grow is .* none"),
    ],
)
def test_a_record_with_other_settings_is_named_and_done_again(
    undisturbed: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    store = tiny_store(copy_tiny(undisturbed, tmp_path))
    path = store.path(min(store.ids()))
    edit(path, change)
    places = ("--results", tmp_path / "results")
    code, out, err = resbench("status", "tiny", *places)
    assert (code, "1 ok, 1 to do" in out) == (0, True)
    assert re.search(rf"{path}: a damaged record \({words}", err) and len(err.splitlines()) == 1
    assert len(package.load(tmp_path / "results" / "tiny")) == 1


def test_a_run_with_a_record_of_other_settings_is_done(undisturbed: Path, tmp_path: Path) -> None:
    store = tiny_store(copy_tiny(undisturbed, tmp_path))
    edit(store.path(min(store.ids())), lambda config: config["recipe"].update(lr=0.01))
    code, err = run_tiny(tmp_path)
    assert code == 0 and "1 run to do, 1 done" in err
    assert tiny_contents(tmp_path) == tiny_contents(undisturbed)


def test_a_record_without_later_fields_is_taken_and_one_without_earlier_ones_is_not(
    undisturbed: Path, tmp_path: Path
) -> None:
    store = tiny_store(copy_tiny(undisturbed, tmp_path))
    first, second = sorted(store.ids())
    edit(store.path(first), lambda config: config["recipe"].pop("grow"))
    edit(store.path(second), lambda config: config["recipe"].pop("lr"))
    assert store.done() == {first}
    assert "without its whole configuration" in store.damaged[0]


def test_a_record_of_a_later_version_is_taken_if_its_new_fields_left_no_trace(
    undisturbed: Path, tmp_path: Path
) -> None:
    store = tiny_store(copy_tiny(undisturbed, tmp_path))
    run_id = min(store.ids())
    edit(store.path(run_id), lambda config: config["model"].update(squeeze="none"))
    assert run_id in store.done()


def test_a_changed_default_makes_other_runs(undisturbed: Path, tmp_path: Path) -> None:
    copy_tiny(undisturbed, tmp_path)
    shutil.copytree(ROOT / "resbench", tmp_path / "code" / "resbench", ignore=shutil.ignore_patterns("__pycache__"))
    recipe = tmp_path / "code" / "resbench" / "training" / "recipe.py"
    edited = re.sub(r"(\n    lr: .*?\] = \(?\s*)0\.1\n", r"\g<1>0.01\n", recipe.read_text(), flags=re.DOTALL)
    assert edited != recipe.read_text()
    recipe.write_text(edited)
    shutil.copy(undisturbed / "tiny.yaml", tmp_path)
    done = call("plan", "tiny.yaml", cwd=tmp_path, code=tmp_path / "code")
    assert "2 runs: 0 done, 2 to do" in done.stdout
    assert len(Store(tmp_path / "results" / "tiny").done()) == 2


@pytest.mark.parametrize("more", [{"model": {"args": {"width": 5}}}, {"trainer": {"args": {"width": 5}}}])
def test_an_argument_that_left_no_trace_in_an_id_is_none_of_its_run(more: dict[str, Any]) -> None:
    config = RunConfig().model_dump(mode="json")
    with pytest.raises(ValueError, match="whose config is that of the run"):
        check_identity(
            RunConfig().id, config | {name: config.get(name, {}) | section for name, section in more.items()}
        )
