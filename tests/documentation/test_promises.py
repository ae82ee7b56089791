"""Each promise of the documentation names tests, in links whose words are their names, and they are there."""

from __future__ import annotations

import ast
import re
from functools import cache

from support.faults import ROOT


@cache
def functions(path: str) -> set[str]:
    return {node.name for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)}


def test_each_promise_names_tests_that_are_there() -> None:
    rows = [line for line in (ROOT / "docs" / "promises.md").read_text().splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith("| promise |")]
    named = {row: re.findall(r"\[([\w ]+)\]\(\.\./(tests/[\w/]+\.py)\)", row) for row in promises}
    assert len(promises) > 20
    assert not [row for row, tests in named.items() if not tests]
    wanted = [(path, f"test_{words.replace(' ', '_')}") for tests in named.values() for words, path in tests]
    assert not [f"{path}::{name}" for path, name in wanted if name not in functions(path)]
