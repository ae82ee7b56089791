"""Preprints become links, and nothing else does."""

from __future__ import annotations

import re

import pytest

from resbench.report.document import Bullets, Paragraph, Table
from resbench.report.page.arxiv import linked, pieces
from resbench.report.page.html import html
from resbench.report.page.markdown import escape, markdown


@pytest.mark.parametrize(
    "text, number",
    [
        ("He et al. 2015 (1512.03385), section 1", "1512.03385"),
        ("after arXiv 1512.03385.", "1512.03385"),
        ("arXiv:1409.1556v6", "1409.1556"),
        ("skipinit (2002.10444), rezero", "2002.10444"),
    ],
)
def test_a_preprint_is_a_link_to_it(text: str, number: str) -> None:
    (address,) = filter(None, (address for _, address in pieces(text)))
    assert address == f"https://arxiv.org/abs/{number}"
    assert "".join(words for words, _ in pieces(text)) == text
    assert f'<a href="{address}">' in html("page", [Paragraph(text)])
    assert f"]({address})" in markdown("page", [Bullets([text])])


@pytest.mark.parametrize(
    "text",
    [
        "1234.5678",
        "1599.12345",
        "1409.1556",
        "0.1512.03385",
        "x1512.03385",
        "1512.033851",
        "1512.03385.1",
        "1,512.03385e",
        "10/1512.03385",
    ],
)
def test_other_numbers_are_none(text: str) -> None:
    assert linked(text) == text


def test_what_is_written_like_a_link_does_not_become_one() -> None:
    text = linked(escape("[1512.03385](javascript:owned()) [x](https://arxiv.org/abs/1512.03385)"))
    assert re.findall(r"(?<!\\)\]\(([^)]*)\)", text) == ["https://arxiv.org/abs/1512.03385"]


def test_numbers_of_a_table_stay_numbers_and_its_sources_lead_on() -> None:
    page = html("page", [Table(["value", "source"], [["1512.03385", "He et al. 2015 (1512.03385)"]], name="some")])
    assert page.count('<a href="https://arxiv.org/abs/1512.03385">') == 1
