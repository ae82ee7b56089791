"""The reference pages are what the code gives, and leave out no name that a user may write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.faults import ROOT
from support.inprocess import resbench

import resbench as package
from resbench.documentation.pages import pages
from resbench.grid.source import FIELDS
from resbench.records.metrics import METRICS, is_built_in
from resbench.records.numbers import NUMBERS
from resbench.records.record import Record
from resbench.reference.declared import table

REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


def test_the_committed_pages_are_what_the_code_gives(made: dict[str, str]) -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.md")}
    assert set(kept) == set(made)
    assert [name for name in made if kept[name] != made[name]] == [], "make reference writes them"
    assert not [name for name, text in made.items() if re.search("0x[0-9a-f]{6}|<function|/home/|/tmp/", text)]


def test_every_field_and_value_is_on_the_page_of_the_grid_file(made: dict[str, str]) -> None:
    fields = dict(re.findall(r"^#### (\S+)\n(.*?)(?=^#{2,4} |\Z)", made["grid-file.md"], re.MULTILINE | re.DOTALL))
    assert set(fields) == set(FIELDS)
    for path, section in fields.items():
        assert set(re.findall(r"^\| `(\S+)` \|", section, re.MULTILINE)) == set(table(path)), path


def test_every_command_option_and_public_name_is_on_its_page(made: dict[str, str]) -> None:
    commands = made["command-line.md"]
    listed = re.findall(r"^  ([a-z]\S*)  +\S", resbench("--help")[1].partition("\nAsk:")[2], re.MULTILINE)
    assert len(listed) > 15 and not [name for name in listed if f"### resbench {name}\n" not in commands]
    for name in ("run", "report", "judge"):
        section = commands.partition(f"### resbench {name}\n")[2].partition("\n### ")[0]
        options = set(re.findall(r"(?<![\w-])--[a-z-]+", resbench(name, "--help")[1])) - {"--help"}
        assert {option for option in options if option not in section} == set(), name
    assert not [name for name in package.__all__ if f"\n## {name}\n" not in made["python.md"]]


def test_every_number_of_a_record_is_explained(tmp_path: Path) -> None:
    base = {"model.depth": 10, "model.width": 2, "data.train_size": 64, "data.val_size": 32, "recipe.epochs": 1}
    (run,) = package.Grid("tiny", base=base, probes=["gradients"]).runs()
    record: Record = package.train(run.config, tmp_path, threads=1)
    known = {one.name for one in NUMBERS if one.place == "metrics"} | {name for name in METRICS if is_built_in(name)}
    assert set(record.metrics) <= known
    assert set(record.history[0]) <= {one.name for one in NUMBERS if one.place == "history"}
