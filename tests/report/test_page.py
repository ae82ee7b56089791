"""The page in a real browser: it fits, it sorts, it can be read, and nothing of the data is ever executed."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.chromium import EXECUTABLE, Browser
from support.studies import Accuracy, with_accuracies

from resbench.report import write, write_index
from resbench.report.page.html import FIRST_ROWS
from resbench.report.theme import NEUTRALS

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="needs chromium: apt-get install chromium")

WIDTHS = (360, 768, 1280)
ATTACKS = [
    "<script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 2'>",
    "</script><svg onload=owned=3>",
]
ABOUT = f"Question: does the shortcut make depth trainable? {' '.join(ATTACKS)}\njavascript:owned=4 '\"><b>bold</b>"
NUMBERS = """[...document.querySelectorAll("%s tbody tr")].map((row) => row.cells[%d].textContent)"""
CLICK = """document.querySelector("%s thead th:nth-child(%d) button").click()"""
OPEN = """document.querySelectorAll("details").forEach((one) => { one.open = true; })"""


def result(cell: dict[str, Any], seed: int) -> Accuracy:
    if cell["model.shortcut"] == "none" and cell["model.depth"] == 100:
        return "diverged" if seed == 1 else "failed" if seed == 2 else 0.3445
    return 0.99 - cell["model.depth"] * (0.0002 if cell["model.shortcut"] == "none" else 0.00001) - 0.001 * seed


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A study with everything on its page, one of many wide rows with attacks for values, and the index."""
    folder = tmp_path_factory.mktemp("pages")
    axes: dict[str, list[Any]] = {"model.depth": [10, 22, 34, 100], "model.shortcut": ["identity", *ATTACKS, "none"]}
    fields: dict[str, Any] = {"about": ABOUT, "baseline": {"model.shortcut": "none"}}
    fields["excluded"] = [{"cell": {"model.norm": "batch"}, "because": ATTACKS[1]}]
    fields["published"] = [{"source": ATTACKS[0], "on": "test_error", "at": {"model.depth": 10}, "value": 0.066}]
    attacked = with_accuracies(folder / "results", "attacked", axes, result, 3, **fields)
    for path in attacked.glob("*.json"):  # an error message may hold anything
        record = json.loads(path.read_text())
        if record.get("status") == "failed":
            record["error"]["message"] = ATTACKS[2]
            path.write_text(json.dumps({key: value for key, value in record.items() if key != "sha256"}))
    wide: dict[str, list[Any]] = {"model.depth": [100, 106, *range(10, 100, 6)], "model.norm": ["batch", "group"]}
    wide |= {
        "recipe.a_setting_with_a_name_that_never_ends": [0.1],
        "recipe.weight_decay": [1e-4],
        "model.dropout": [0.1],
    }
    with_accuracies(
        folder / "results", "wide", wide, lambda cell, seed: 0.9 + cell["model.depth"] / 2000 - 0.001 * seed
    )
    out = [write(folder / "results", folder / "reports", name) for name in ("attacked", "wide")]
    return [*out, write_index(folder / "results", folder / "reports")]


# of each figure that is shown: width, height, length of its words, and pixels to a point
SHOWN = """[...document.querySelectorAll('.plot svg')].filter((one) => one.clientWidth && !one.closest('details:not([open])')).map((one) => [one.clientWidth,
  one.clientHeight, one.getAttribute('aria-label').length, one.clientWidth / one.viewBox.baseVal.width])"""
FITS = "(one) => one.scrollWidth <= one.clientWidth"
FILLS = """[...new Set([...document.querySelectorAll(".plot svg %s[fill='%s']")].map((one) => getComputedStyle(one).fill))]"""


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_as_wide_as_the_window(browser: Browser, pages: list[Path], width: int) -> None:
    for page in pages:
        browser.open(page, width)
        for state in ("folded", "open"):
            found = browser.run("document.documentElement.scrollWidth")
            assert found <= width, f"{page.parent.name} overflows when {state}"
            browser.run(OPEN)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_figure_is_there_and_has_words(browser: Browser, pages: list[Path], width: int) -> None:
    for page in pages[:2]:
        browser.open(page, width)
        browser.run(OPEN)
        found = browser.run(SHOWN)
        assert len(found) >= 2
        assert all(wide > 200 and high > 100 and words > 20 for wide, high, words, _ in found)


@pytest.mark.parametrize("width", [360, 390])
def test_a_figure_that_answers_fits_a_phone_and_can_be_read_there(
    browser: Browser, pages: list[Path], width: int
) -> None:
    for page in pages[:2]:
        browser.open(page, width)
        found = browser.run(SHOWN)
        assert 1 <= len(found) <= 4
        for wide, _, _, scale in found:
            assert wide <= width - 20 and 7 * scale >= 8.5  # pixels of the smallest letters, of 7 points
        assert browser.run(f"[...document.querySelectorAll('figure:not(details *) .plot')].every({FITS})")


def test_what_is_wider_than_a_phone_scrolls_under_a_shade(browser: Browser, pages: list[Path]) -> None:
    browser.open(pages[1], 390)
    browser.run(OPEN)
    wide = "[...document.querySelectorAll('.views .plot')].filter((one) => one.scrollWidth > one.clientWidth)"
    assert browser.run(f"{wide}.length") >= 1
    assert browser.run(f"{wide}.every((one) => getComputedStyle(one).backgroundImage.includes('linear-gradient'))")


def test_every_shape_that_figures_share_is_on_the_page(pages: list[Path]) -> None:
    for page in pages:
        text = page.read_text()
        names = re.findall(r'\bid="([^"]+)"', text)
        used = re.findall(r'<use href="#([^"]+)"|url\(#([^)]+)\)', text)
        assert len(names) == len(set(names))
        assert {one or other for one, other in used} <= set(names)
        assert used or page == pages[-1]  # the index


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_refused_thrown_or_logged(browser: Browser, pages: list[Path], dark: bool) -> None:
    for page in pages:
        browser.open(page, 1280, dark=dark)
        browser.run(OPEN)
        assert browser.complaints == []


def test_nothing_of_the_data_is_executed_even_without_the_policy(browser: Browser, pages: list[Path]) -> None:
    for bypass in (False, True):
        browser.call("Page.setBypassCSP", enabled=bypass)
        for page in pages:
            browser.open(page, 1280)
            browser.run("document.querySelectorAll('th button').forEach((one) => one.click())")
            assert browser.run(
                "window.owned === undefined && !document.querySelector('main b, main svg[onload], header b')"
            )
            assert browser.complaints == []
    browser.call("Page.setBypassCSP", enabled=False)


def test_the_policy_refuses_any_other_script(browser: Browser, pages: list[Path], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(pages[0].read_text().replace("</main>", f"{ATTACKS[0]}{ATTACKS[1]}</main>"))
    browser.open(page, 1280)
    assert browser.run("window.owned") is None
    assert any("Content Security Policy" in text for text in browser.complaints)


def test_a_click_sorts_numbers_as_numbers_and_a_third_restores(browser: Browser, pages: list[Path]) -> None:
    browser.open(pages[1], 1280)
    table, column = "section[aria-labelledby=cells] table", 1
    before = browser.run(NUMBERS % (table, column - 1))
    assert before[0] == "100" and before[-1] == "94"
    orders = [sorted(before, key=float), sorted(before, key=float, reverse=True), before]
    for order, state in zip(orders, ("ascending", "descending", "none"), strict=True):
        browser.run(CLICK % (table, column))
        assert browser.run(NUMBERS % (table, column - 1)) == order
        assert browser.run(f"document.querySelector('{table} thead th').ariaSort") == state


def test_sorting_is_stable_and_leaves_what_has_no_number_at_the_end(browser: Browser, pages: list[Path]) -> None:
    browser.open(pages[0], 1280)
    table = "section[aria-labelledby=cells] table"
    heads = browser.run(f"[...document.querySelectorAll('{table} thead th')].map((head) => head.textContent)")
    accuracy = heads.index("test accuracy")
    for direction in (1, -1):
        browser.run(CLICK % (table, accuracy + 1))
        keys = browser.run(
            f"[...document.querySelectorAll('{table} tbody tr')].map((r) => r.cells[{accuracy}].dataset.sort)"
        )
        numbers = [float(key) for key in keys if key is not None]
        assert len(numbers) > 10 and numbers == sorted(numbers, reverse=direction < 0)
        assert None not in keys[: len(numbers)]
    browser.run(CLICK % (table, accuracy + 1))
    rows = browser.run(
        f"[...document.querySelectorAll('{table} tbody tr')].map((r) => [r.cells[0], r.cells[1]].map((c) => c.textContent))"
    )
    browser.run(CLICK % (table, 2))  # by shortcut: depths stay in their order within each
    after = browser.run(
        f"[...document.querySelectorAll('{table} tbody tr')].map((r) => [r.cells[0], r.cells[1]].map((c) => c.textContent))"
    )
    for shortcut in {row[1] for row in rows}:
        assert [row for row in after if row[1] == shortcut] == [row for row in rows if row[1] == shortcut]


def test_the_keyboard_sorts_too(browser: Browser, pages: list[Path]) -> None:
    browser.open(pages[1], 1280)
    first = "document.querySelector('table.sortable:not(details *) thead th')"
    browser.run(f"{first}.querySelector('button').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
        )
    assert browser.run(f"{first}.ariaSort") == "ascending"


def test_without_javascript_everything_is_there(browser: Browser, pages: list[Path]) -> None:
    browser.open(pages[1], 1280, script=False)
    tree = browser.call("DOM.getDocument", depth=-1)["root"]["nodeId"]
    counts = {
        query: len(browser.call("DOM.querySelectorAll", nodeId=tree, selector=query)["nodeIds"])
        for query in ("button", "section[aria-labelledby=cells] tbody tr", ".plot svg", "nav a")
    }
    assert counts["button"] == 0
    assert counts["section[aria-labelledby=cells] tbody tr"] == 34
    assert counts[".plot svg"] >= 2 and counts["nav a"] >= 4


CONTRAST = """(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const one of document.body.querySelectorAll("*")) {
    if (one.tagName === "SCRIPT" || ![...one.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push([one.tagName, one.className, one.textContent.slice(0, 40), ratio]);
  }
  return found;
})()"""


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_stands_out_from_its_ground(browser: Browser, pages: list[Path], dark: bool) -> None:
    for page in pages:
        browser.open(page, 1280, dark=dark)
        browser.run(OPEN)
        assert browser.run("matchMedia('(prefers-color-scheme: dark)').matches") == dark
        assert browser.run(CONTRAST) == []
    ground = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (int(ground[4:].split(",")[0]) < 60) == dark


@pytest.mark.parametrize("dark", [False, True])
def test_figures_are_drawn_in_the_colours_of_the_page(browser: Browser, pages: list[Path], dark: bool) -> None:
    browser.open(pages[0], 1280, dark=dark)
    ground = browser.run("getComputedStyle(document.body).backgroundColor")
    text = browser.run("getComputedStyle(document.body).color")
    assert browser.run(FILLS % ("use", NEUTRALS["text"].light)) == [text]
    assert browser.run(
        "[...document.querySelectorAll('.plot svg')].map((one) => getComputedStyle(one).backgroundColor)[0]"
    ) == ("rgba(0, 0, 0, 0)")
    assert not browser.run(FILLS % ("*", "#000000"))
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.run(FILLS % ("use", NEUTRALS["text"].light)) == ["rgb(0, 0, 0)"]
    assert ground != text


SHEETS = re.compile(rb"/Type\s*/Page\b")
DRAWN = "[...document.querySelectorAll('%s')].filter((one) => one.checkVisibility()).length"


def test_paper_shows_the_answer_and_what_a_reader_opened(browser: Browser, pages: list[Path]) -> None:
    browser.open(pages[1], 1280)
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.run(DRAWN % ".lead, figure") >= 2
    assert browser.run(DRAWN % "summary, details, .closed, .views figure") == 0
    browser.run("document.querySelector('.views').open = true")
    assert browser.run(DRAWN % ".views figure") >= 1
    browser.run("document.querySelector('.closed details').open = true")
    assert browser.run(DRAWN % ".closed h2") == browser.run(DRAWN % ".closed table") == 1


def test_a_page_with_everything_prints_on_few_sheets(browser: Browser, pages: list[Path]) -> None:
    browser.open(pages[0], 1280)
    sheets = base64.b64decode(browser.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"])
    assert 1 < len(SHEETS.findall(sheets)) <= 4


def test_of_a_long_table_the_first_rows_stand_open(browser: Browser, pages: list[Path]) -> None:
    browser.open(pages[1], 1280)
    section = "section[aria-labelledby=cells]"
    assert browser.run(DRAWN % f"{section} tbody tr") == FIRST_ROWS
    browser.run(CLICK % (f"{section} table", 1))  # the first by the order that a reader asks for
    shown = f"[...document.querySelectorAll('{section} tbody tr')].filter((one) => one.checkVisibility())"
    assert browser.run(f"{shown}.every((one) => Number(one.cells[0].textContent) < 46)")
    browser.run(f"document.querySelector('{section} .all').click()")
    assert browser.run(DRAWN % f"{section} tbody tr") == 34


def test_details_stay_closed_until_a_reader_asks(browser: Browser, pages: list[Path]) -> None:
    browser.open(pages[0], 1280)
    closed = browser.run("[...document.querySelectorAll('.closed')].map((one) => one.getAttribute('aria-labelledby'))")
    assert {"excluded-cells", "protocol", "provenance"} <= set(closed)
    summaries = browser.run("[...document.querySelectorAll('.closed summary')].map((one) => one.textContent)")
    assert "1 cell left out, and why" in summaries and all(re.search(r"\d", text) for text in summaries)


def test_head_and_first_column_stay_in_sight(browser: Browser, pages: list[Path]) -> None:
    browser.open(pages[1], 360)
    browser.run("document.querySelector('.all input').click()")
    where = """(() => { const box = document.querySelector(".scroll.tall"); box.scrollTo(300, 300);
      const cell = box.querySelector("thead th").getBoundingClientRect(), out = box.getBoundingClientRect();
      return [box.scrollLeft > 0, box.scrollTop > 0, cell.left - out.left, cell.top - out.top]; })()"""
    right, down, left, top = browser.run(where)
    assert right and down
    assert abs(left) < 1 and abs(top) < 1
