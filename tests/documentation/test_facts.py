"""What the pages on claims, statistics, tuning and probes say of the code and of the committed studies is so."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from resbench.records.claim import EXPECTATIONS, Claim
from resbench.records.metrics import BUILT_IN_PROBES, METRICS, is_built_in
from resbench.report.wording.states import SIGNS
from resbench.tuning.reader import KEYS
from resbench.tuning.search import PRUNERS, SAMPLERS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
STATISTICS = ROOT / "resbench/report/statistics"
QUOTE = re.compile(r"^> \[[\w-]+\]\((\S+?report\.md)\): (.+)$", re.MULTILINE)


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str, heading: str) -> set[str]:
    """The names in code in the first column of the table whose first column has this heading."""
    table = re.search(rf"^\| {re.escape(heading)} \|.*\n\|[-| ]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table, heading
    return {name for row in table[1].splitlines() for name in re.findall(r"`([\w.]+)`", row.split("|")[1])}


@pytest.mark.parametrize("name", ["claims.md", "tuning.md", "probes.md"])
def test_every_quotation_of_a_study_is_on_its_page(name: str) -> None:
    quotes = QUOTE.findall(page(name))
    assert quotes and len(quotes) == page(name).count("\n> ")
    for link, text in quotes:
        report = re.sub(r"\\|\*\*", "", html.unescape((DOCS / link).read_text(encoding="utf-8")))
        for part in text.split(" ... "):
            assert part in report, f"{link}: {part}"


def test_every_state_has_a_line_and_a_section_with_an_example() -> None:
    text = page("claims.md")
    for kind, sign in SIGNS.items():
        anchor = kind.replace(" ", "-")
        assert f"| {sign} [{kind}](#{anchor}) |" in text
        section = re.search(rf"^### {kind.capitalize()}\n(.+?)(?=^##)", text, re.MULTILINE | re.DOTALL)
        assert section and "**Appears**" in section[1] and QUOTE.search(section[1]), kind


def test_every_key_and_choice_has_its_row() -> None:
    claims, search = page("claims.md"), page("tuning.md")
    assert rows(claims, "key") == set(Claim.model_fields)
    assert rows(claims, "`expect`") == set(EXPECTATIONS)
    assert rows(search, "key") == set(KEYS)
    assert rows(search, "`sampler`") == set(SAMPLERS) and rows(search, "`pruner`") == set(PRUNERS)


def test_every_probe_has_a_section_and_every_metric_of_it_a_word() -> None:
    text = page("probes.md")
    for name in BUILT_IN_PROBES:
        assert f"### {name}\n" in text
    for metric in filter(is_built_in, METRICS):
        assert not METRICS[metric].probe or f"`{metric}`" in text


def test_every_file_of_the_statistics_and_every_test_that_is_named_is_there() -> None:
    text = page("statistics.md")
    table = text[text.index("| question |") : text.index("The whole path")]
    named = set(re.findall(r"`(\w+\.py)`", table))
    tests = {name for name in named if name.startswith("test_")}
    for name in tests:
        assert (ROOT / "tests/report/statistics" / name).exists()
    for name in named - tests:
        assert (STATISTICS / name).exists()
    arithmetic = {"__init__.py", "compare.py", "contrast.py", "mean.py", "rounding.py"}  # no method of their own
    assert {path.name for path in STATISTICS.glob("*.py")} - arithmetic == named - tests
    for path in re.findall(r"`((?:tests|resbench)/[\w/.]+)`", text):
        assert (ROOT / path).exists()
