"""The help: commands in groups, in the order of use, each with an example, and nothing cut."""

from __future__ import annotations

import re

import pytest
from support.inprocess import resbench

GROUPS = ["Ask", "Look", "Judge", "Machines", "Housekeeping"]


@pytest.fixture(scope="module", autouse=True)
def narrow() -> None:
    pytest.MonkeyPatch().setenv("COLUMNS", "80")


def _listed(*words: str) -> list[str]:
    return re.findall(
        r"^  ([a-z]\S*)  +\S", resbench(*words, "--help")[1].partition("-h, --help")[2], flags=re.MULTILINE
    )


def test_commands_are_listed_in_groups_and_their_first_lines_are_whole() -> None:
    out = resbench("--help")[1]
    assert re.findall(r"^(\w+):$", out, flags=re.MULTILINE)[1:] == GROUPS
    listed = out.partition("Ask:")[2]
    assert "..." not in listed and all(line.endswith(".") for line in listed.splitlines() if line.startswith("  "))
    assert _listed()[:3] == ["init", "plan", "run"]


@pytest.mark.parametrize(
    "words", [*([name] for name in _listed()), *(["ls", name] for name in _listed("ls"))], ids=" ".join
)
def test_each_command_has_an_example(words: list[str]) -> None:
    out = resbench(*words, "--help")[1]
    example = " ".join(["resbench", *words])
    assert words == ["ls"] or re.search(rf"^ +{re.escape(example)}( |$)", out, flags=re.MULTILINE), out
    assert "..." not in out.partition("Commands:")[2]
