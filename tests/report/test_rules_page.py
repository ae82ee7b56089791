"""The page that says how verdicts are decided: its example is what the code decides, and every page leads to it."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from support.studies import with_accuracies

from resbench.core.text import OURS
from resbench.report import write, write_index
from resbench.report.check import check
from resbench.report.page.rules_page import PLAIN, RESIDUAL, write_rules
from resbench.report.verdicts import STATES
from resbench.report.wording.rules import RULES, RULES_PAGE
from resbench.report.wording.states import SIGNS

ERRORS = {"identity": RESIDUAL, "none": PLAIN}
CLAIM = {
    "says": "residual networks make fewer errors",
    "compare": {"model.shortcut": "identity"},
    "to": {"model.shortcut": "none"},
    "at": {},
    "on": "test_error",
    "expect": "lower",
    "margin": 0.05,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The numbers of the example as a study with a claim, and one that claims nothing."""
    folder = tmp_path_factory.mktemp("rules")
    for name, claims in (("claimed", [CLAIM]), ("unclaimed", [])):
        with_accuracies(
            folder / "results",
            name,
            {"model.shortcut": list(ERRORS)},
            lambda cell, seed: 1 - ERRORS[cell["model.shortcut"]][seed],
            5,
            claims=claims,
        )
        write(folder / "results", folder / "reports", name)
    write_index(folder / "results", folder / "reports")
    return folder


def test_the_example_is_what_the_code_decides(folder: Path) -> None:
    (line, numbers), supported = check(folder / "results", "claimed")
    text = (folder / "reports" / RULES_PAGE / "index.html").read_text()
    found = re.search(r"error (\S+) points (\[.*?\])", numbers)
    assert supported and "supported" in line and found
    assert f"{found[1]} points" in text and found[2] in text


def read(page: Path) -> str:
    """The page as its texts were, before percent signs were kept with their numbers."""
    return html.unescape(page.read_text()).replace("\N{NO-BREAK SPACE}%", " %")


def test_every_state_has_its_rule_on_the_page_and_on_its_badge(folder: Path) -> None:
    text = read(folder / "reports" / RULES_PAGE / "index.html")
    assert set(RULES) == set(SIGNS) >= set(STATES)
    assert all(rule in text and len(rule) < 200 and "\n" not in rule for rule in RULES.values())
    for page in ("claimed/index.html", "index.html"):
        assert f'title="{RULES["supported"]}"' in read(folder / "reports" / page)


@pytest.mark.parametrize("kind", ["index.html", "report.md"])
@pytest.mark.parametrize("page", ["claimed", "unclaimed", ""])
def test_every_page_leads_to_the_rules_and_does_not_repeat_them(folder: Path, page: str, kind: str) -> None:
    path = folder / "reports" / page / (kind if page or kind == "index.html" else "README.md")
    text = path.read_text()
    links = re.findall(r'href="([^"#:]+)"', text) if kind == "index.html" else re.findall(r"\]\(<(.+?)>\)", text)
    assert any((path.parent / unquote(link)).resolve() == folder / "reports" / RULES_PAGE / kind for link in links)
    assert not re.search(r"Holm's correction|Benjamini|Wilson's", text)


def test_no_study_has_the_name_of_the_page(tmp_path: Path) -> None:
    assert RULES_PAGE in OURS
    assert write_rules(tmp_path).read_bytes() == write_rules(tmp_path).read_bytes()
