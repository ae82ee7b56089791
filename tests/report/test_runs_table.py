"""The table of runs in a real browser: found by words, sorted, two next to each other, and a way to each run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from support.chromium import EXECUTABLE, Browser
from support.run_pages import page_of_runs
from support.studies import Accuracy, with_accuracies

from resbench.report.document import Code, Heading
from resbench.report.run_blocks import Link, Links

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="needs chromium: apt-get install chromium")

LINK = "#runs=34%20layers+no%20shortcut"
AXES: dict[str, list[Any]] = {"model.depth": [10, 34], "model.shortcut": ["identity", "none"]}
SHOWN = """[...document.querySelectorAll(".runs .sortable tbody tr")].filter((row) => row.checkVisibility())
  .map((row) => [...row.cells].map((cell) => cell.textContent))"""
TYPE = """(() => { const field = document.querySelector(".find input"); field.value = %r;
  field.dispatchEvent(new Event("input")); })()"""
OPENED = """new Promise((done) => { const details = document.querySelector(".runs details"); if (details.open) return done();
  details.addEventListener("toggle", done, { once: true }); details.querySelector("summary").click(); }).then(() => true)"""
PAIR = """[...document.querySelectorAll(".pair tr")].map((row) => [...row.cells].map((cell) => cell.textContent))"""
CHECK = """[...document.querySelectorAll(".runs .sortable tbody tr")][%d].querySelector("input").click()"""


def result(cell: dict[str, Any], seed: int) -> Accuracy:
    if cell["model.depth"] == 34 and cell["model.shortcut"] == "none":
        return "diverged"
    return 0.95 - 0.0034 * seed - 0.0001 * cell["model.depth"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of runs with their pages, and a link to some of them far above."""
    folder = tmp_path_factory.mktemp("runs")
    with_accuracies(folder / "results", "s", AXES, result, 3, baseline={"model.shortcut": "none"})
    before = [Links("", [Link("there", LINK)]), Heading("Long"), Code("\n" * 99)]
    return page_of_runs(folder / "results", folder / "reports", "s", before)


@pytest.fixture
def opened(browser: Browser, page: Path) -> Browser:
    """The page with its table of runs."""
    browser.open(page, 1280)
    assert browser.run(SHOWN) == [] and browser.run(OPENED)
    return browser


def found(browser: Browser, words: str) -> list[tuple[str, str, str]]:
    """Cell, seed and status of the runs that words find."""
    browser.run(TYPE % words)
    return [(row[1], row[2], row[3]) for row in browser.run(SHOWN)]


def test_words_find_runs_by_labels_paths_and_what_became_of_them(opened: Browser) -> None:
    assert len(found(opened, "")) == 12
    diverged = [("34 layers, no shortcut", str(seed), "diverged") for seed in range(3)]
    for words in ("diverged", "depth 34 DIVERGED", '"34 layers" "no shortcut"', "model.depth=34 model.shortcut=none"):
        assert found(opened, words) == diverged, words
    assert found(opened, "seed=1 identity 10 layers") == [("10 layers, identity shortcuts", "1", "ok")]
    assert len(found(opened, "ident")) == 6
    assert found(opened, "3") == [] and found(opened, "nothing of this") == []  # 34 is another number than 3
    opened.run(TYPE % "diverged")
    assert opened.run("document.querySelector('.find output').value") == "3 of 12 runs"


def test_what_is_found_stays_so_when_sorted_and_numbers_sort_as_numbers(opened: Browser) -> None:
    opened.run(TYPE % "identity")
    head = "[...document.querySelectorAll('.runs thead th')]"
    errors = opened.run(f"{head}.findIndex((one) => one.textContent.startsWith('test error'))")
    before = [row[errors] for row in opened.run(SHOWN)]
    opened.run(f"{head}[{errors}].querySelector('button').click()")
    after = [row[errors] for row in opened.run(SHOWN)]
    assert len(before) == 6 and after == sorted(before, key=float) != before
    opened.run(TYPE % "")
    assert [row[errors] for row in opened.run(SHOWN)][-3:] == ["–"] * 3  # what has no number comes last


def test_two_runs_stand_next_to_each_other_with_what_differs(opened: Browser) -> None:
    opened.run(CHECK % 0)
    assert "second run" in opened.run("document.querySelector('.pair').textContent")
    opened.run(CHECK % 7)
    head, *rows = opened.run(PAIR)
    assert head == ["what differs", "10 layers, identity shortcuts, seed 0", "34 layers, identity shortcuts, seed 1"]
    assert rows == [["depth", "10", "34"], ["seed", "0", "1"], ["test error (%)", "5.10", "5.68"]]
    opened.run(CHECK % 9)  # a third takes the place of the first
    head, *rows = opened.run(PAIR)
    assert head[1:] == ["34 layers, identity shortcuts, seed 1", "34 layers, no shortcut, seed 0"]
    assert ["shortcut", "identity", "none"] in rows and ["status", "ok", "diverged"] in rows
    assert opened.run("document.querySelectorAll('.runs :checked').length") == 2
    opened.run("document.querySelector('.pair button').click()")
    assert opened.run(PAIR) == [] and opened.run("document.querySelectorAll('.runs :checked').length") == 0
    assert opened.complaints == []


def test_a_click_opens_the_page_of_a_run(opened: Browser) -> None:
    name = opened.run("document.querySelectorAll('.runs .sortable tbody a')[4].textContent")
    opened._events.clear()
    opened.run("document.querySelectorAll('.runs .sortable tbody a')[4].click()")
    while "Page.loadEventFired" not in opened._events:
        opened._next()
    assert name in opened.run("document.title")
    assert opened.run("document.querySelector('h1').textContent") == "10 layers, no shortcut, seed 1"
    assert opened.run("document.documentElement.scrollWidth") <= 1280 and opened.complaints == []


def test_a_link_to_some_runs_opens_the_table_with_them(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    browser.run("document.querySelector('.links a').click()")
    browser.run("new Promise((done) => setTimeout(done))")  # the browser tells of a new address afterwards
    assert browser.run("document.querySelector('.find input').value") == '"34 layers" "no shortcut"'
    assert [row[1] for row in browser.run(SHOWN)] == ["34 layers, no shortcut"] * 3


def test_a_link_to_some_runs_leads_to_the_table_without_script(browser: Browser, page: Path) -> None:
    browser.open(page, 1280, 400, script=False)
    assert _down(browser) == 0
    browser.open(page, 1280, 400, script=False, at=f"?{LINK}")
    until = time.monotonic() + 20
    while _down(browser) < 1000 and time.monotonic() < until:
        pass
    assert _down(browser) > 1000


def _down(browser: Browser) -> float:
    """How far the page is scrolled."""
    return float(browser.call("Page.getLayoutMetrics")["cssVisualViewport"]["pageY"])
