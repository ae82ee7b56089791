"""One table in four forms, and figures with their data."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from resbench.report.document import Bullets, Heading, Image, Table
from resbench.report.page.html import html
from resbench.report.page.latex import escape, latex
from resbench.report.page.markdown import escape as escape_markdown
from resbench.report.page.markdown import markdown
from resbench.report.page.names import named

NASTY = r"""\ { } $x$ & # % _ ^ ~ < > | ` ' " [a] *b* -- ?` ± − × – … Δ ² é ß 中 \input{/etc/hosts}"""
LONG = Table(["n", "square"], [[str(n), f"{n * n:,}"] for n in range(500)], name="squares")


def test_columns_of_numbers_sort_by_raw_values_or_by_what_their_text_says() -> None:
    columns = {
        "name": ["b", "a", "c"],
        "mean": ["99.12 ± 0.05", "–", "99.12 ± 0.07"],
        "change": ["−1,234.5", "+2", "0"],
    }
    table = Table.of(columns, {"mean": [0.99123, float("nan"), 0.99119]})
    assert table.right == [False, True, True]
    assert table.keys == [[None, 0.99123, -1234.5], [None, None, 2.0], [None, 0.99119, 0.0]]


@pytest.mark.parametrize("text", ["", "–", "12", "< 0.001", "3 of 4", "1.5e-05", "40%", "−0.3", "[", "1.2.3"])
def test_any_text_has_a_key_or_none(text: str) -> None:
    keys = Table(["x"], [[text]]).keys
    assert keys[0][0] is None or isinstance(keys[0][0], float)


def test_csv_has_raw_values_where_there_are_any_and_text_elsewhere() -> None:
    table = Table.of({"name": ["a, b", "c"], "mean": ["99.12", "–"]}, {"mean": [0.9912345678, float("nan")]})
    assert list(csv.reader(io.StringIO(table.csv))) == [["name", "mean"], ["a, b", "0.9912345678"], ["c", ""]]
    whole = Table(["a"], [["1"]], frame=pd.DataFrame({"a": [1], "b": [0.1 + 0.2]}))
    assert whole.csv == "a,b\n1,0.3\n"


def test_latex_is_booktabs_with_everything_escaped() -> None:
    text = latex(Table(["name & more", "value"], [[NASTY, "1.5"], ["[x]", "−2"]], "100 % sure", name="t"), "My study")
    lines = text.splitlines()
    assert [line for line in lines if line.endswith("rule")] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert r"\begin{tabular}{lr}" in lines
    assert r"\caption{100 \% sure}\label{tab:my-study-t}" in lines
    assert lines[lines.index(r"\toprule") + 1] == r"name \& more & value \\"
    assert r"{[}x{]} & \ensuremath{-}2 \\" in lines
    assert r"\textbackslash{}input\{/etc/hosts\}" in text
    assert not re.search(r"(?<!\\)[%#$]", escape(NASTY))
    assert max(map(ord, escape("中 → ± …"))) < 128


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex with booktabs and longtable")
def test_latex_compiles(tmp_path: Path) -> None:
    for table in (Table(["name", NASTY], [[NASTY, "1"], ["*", "2"], ["[0]", "3"]], NASTY, name="nasty"), LONG):
        (tmp_path / f"{table.name}.tex").write_text(latex(table, "study", "Title"), encoding="utf-8")
    whole = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs,longtable}\begin{document}"
    (tmp_path / "all.tex").write_text(whole + r"\input{nasty}\input{squares}\end{document}")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-3000:]


def test_markdown_shows_the_first_rows_of_a_long_table_and_html_all() -> None:
    text = markdown("t", [LONG])
    assert text.count("\n| ") == 1 + 1 + 20
    assert "The first 20 of 500 rows" in text and "(`tables/squares.csv`, `tables/squares.tex`)" in text
    assert html("t", [LONG]).count("<tr>") == 501
    short = Table(["n"], [[str(n)] for n in range(30)])
    assert "of 30 rows" not in markdown("t", [short])


def test_every_table_gets_a_name_of_its_own() -> None:
    table = Table(["a"], [["1"]])
    blocks = named([Heading("Left out"), table, table, Heading("x"), Table(["a"], [["1"]], name="../Cells"), table])
    assert [block.name for block in blocks if isinstance(block, Table)] == ["left-out", "left-out-2", "cells", "x"]


def test_a_figure_brings_its_data_and_names_the_file_of_the_rest() -> None:
    data = pd.DataFrame({"x": range(1000), "y": [n / 3 for n in range(1000)]})
    image = Image("error", '<svg height="331.2pt" width="612pt" viewBox="0 0 1 1"></svg>', "alt", "caption", data)
    assert image.size == (816, 442)
    text = html("t", [image])
    assert text.count("<tr>") == 13
    assert "The first 12 of 1000 rows; all are in <code>figures/error.csv</code>" in text
    assert "<details>" in text and 'aria-label="alt"' in text and 'width="816"' in text


def test_long_lists_are_folded_and_nothing_is_lost() -> None:
    items = [f"item {n}" for n in range(30)]
    for text in (html("t", [Bullets(items)]), markdown("t", [Bullets(items)])):
        assert all(item in text for item in items)
        assert "<summary>18 more</summary>" in text


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = html("t", [Heading("a"), LONG, Heading("a"), Bullets(["http://example.org"])])
    links = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert {link.split("#")[0] for link in links} == {
        "tables/squares.csv",
        "tables/squares.tex",
        "",
    }  # of its own folder
    assert len(set(re.findall(r' id="([^"]*)"', text))) == text.count(" id=") == 4
    assert "script-src 'sha256-" in text and "script-src 'none'" in html("t", [Heading("a")])


def test_markdown_keeps_numbers_and_names_and_defuses_lists() -> None:
    assert escape_markdown("99.23 ± 0.05 max_pool") == "99.23 ± 0.05 max_pool"
    assert escape_markdown("1. one\n- two") == "1&#46; one\n&#45; two"
