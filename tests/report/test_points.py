"""Points of figures in a real browser: they say what they stand for, and lead to it, with and without a script."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from support.chromium import EXECUTABLE, Browser
from support.studies import HELPS, Cell, make

from resbench.records.store import Store
from resbench.report import write

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="needs chromium: apt-get install chromium")

AXES = {"model.depth": [10, 34], "model.shortcut": ["identity", "none"]}
RUN, CELL = "a[href^='runs/']", "a[href^='#runs=']"
# of the links of a figure that is shown: where they are in the window, what they say and where they lead
LINKS = """(() => { const svg = [...document.querySelectorAll("#figure-%s svg")].find((one) => one.clientWidth);
  svg.scrollIntoView({ block: "center", behavior: "instant" });
  return [...svg.querySelectorAll(".marks > *")].map((link) => { const path = link.querySelector("path"), box = path.getBBox(),
    on = path.getScreenCTM(); return [on.a * (box.x + box.width / 2) + on.e, on.d * (box.y + box.height / 2) + on.f,
    link.dataset.text || link.querySelector("title").textContent, link.getAttribute("href") || ""]; }); })()"""
TIP = "(() => { const tip = document.querySelector('.tip'); return tip.hidden ? '' : tip.innerText; })()"
# of each mark, how far it is from the nearest marker that is drawn
DRAWN = """(() => { const svg = [...document.querySelectorAll("#figure-%s svg")].find((one) => one.clientWidth);
  const middle = (one) => { const box = one.getBoundingClientRect(); return [(box.left + box.right) / 2, (box.top + box.bottom) / 2]; };
  const markers = [...svg.querySelectorAll("use")].map(middle);
  return [...svg.querySelectorAll(".marks path")].map((path) => { const [x, y] = middle(path);
    return Math.min(...markers.map(([a, b]) => Math.hypot(a - x, b - y))); }); })()"""


class Link(NamedTuple):
    x: float
    y: float
    text: str
    href: str


def errors(cell: Cell, seed: int, draw: np.random.Generator) -> Any:
    """As many as depth, shortcut and seed say; no seed lies at the mean of its cell."""
    if cell["model.depth"] == 34 and cell["model.shortcut"] == "none" and seed == 2:
        return "diverged"
    count = 110 + 300 * (cell["model.shortcut"] == "none") - cell["model.depth"] + (0, 90, 140)[seed]
    return np.arange(10_000) < count


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("points")
    claims = [HELPS, HELPS | {"expect": "higher"}]
    make(folder / "results", "deep", AXES, 3, errors, claims, {"model.shortcut": "none"})
    return write(folder / "results", folder / "reports", "deep")


def links(browser: Browser, figure: str) -> list[Link]:
    return [Link(*one) for one in browser.run(LINKS % figure)]


def apart(one: Link, others: list[Link]) -> float:
    """How far the nearest other one is."""
    return min(np.hypot(one.x - other.x, one.y - other.y) for other in others if other != one)


def test_every_run_of_the_figure_of_errors_leads_to_its_page_and_says_its_value(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    found = {link.href: link.text for link in links(browser, "error") if link.href.startswith("runs/")}
    records = Store(page.parents[2] / "results" / "deep").records()
    ok = [record for record in records if record.status == "ok"]
    assert len(ok) == 11 and set(found) == {f"runs/{record.id}.html" for record in ok}
    for record in ok:
        text = found[f"runs/{record.id}.html"]
        assert f"seed {record.config['seed']}" in text and f"{100 * record.metrics['test_error']:.2f} %" in text
        assert text.startswith(f"{record.config['model']['depth']} layers, ")


@pytest.mark.parametrize("width", [1280, 390])
def test_marks_stand_where_the_figures_draw_their_points(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for figure, least in (("error", 16), ("forest", 8), ("curves", 12)):
        away = browser.run(DRAWN % figure)
        assert len(away) >= least and max(away) < 1.5, (figure, away)


def test_a_point_answers_the_mouse_within_its_reach_and_no_further(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    found = links(browser, "error")
    one = max(found, key=lambda link: apart(link, found))
    assert apart(one, found) > 34
    browser.point(one.x + 9, one.y - 9)
    name, *lines = one.text.split("\n")
    assert browser.run(TIP).split("\n")[: 1 + len(lines)] == [name, *lines]
    browser.point(one.x + 15, one.y - 15)
    assert browser.run(TIP) == ""
    run = next(link for link in found if link.href.startswith("runs/"))
    browser.point(run.x, run.y)
    assert browser.run(TIP).split("\n")[-1] == f"run {run.href[5:-5]}"
    assert browser.complaints == []


def test_a_click_on_a_run_opens_its_page_and_one_on_a_cell_filters_its_runs(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    found = links(browser, "error")
    cell = next(link for link in found if link.text.startswith("10 layers, no shortcut\n"))
    browser.point(cell.x, cell.y, click=True)
    browser.wait_for("location.hash === '#runs=10%20layers+no%20shortcut'")
    shown = "[...document.querySelectorAll('.runs tbody tr:not([hidden])')].map((row) => row.cells[1].textContent)"
    browser.wait_for(f"{shown}.length === 3")
    assert set(browser.run(shown)) == {"10 layers, no shortcut"}
    found = links(browser, "error")
    one = max((link for link in found if link.href.startswith("runs/")), key=lambda link: apart(link, found))
    target = page.parent / one.href
    target.parent.mkdir(exist_ok=True)
    target.touch()
    browser.point(one.x, one.y, click=True)
    browser.wait_for(f"location.pathname.endsWith('/{one.href}')")


def test_a_tap_on_a_phone_says_first_and_leads_by_a_link(browser: Browser, page: Path) -> None:
    browser.open(page, 390)
    found = links(browser, "error")
    one = max((link for link in found if link.href.startswith("runs/")), key=lambda link: apart(link, found))
    browser.tap(one.x + 1, one.y)
    assert one.text.split("\n")[0] in browser.run(TIP)
    assert browser.run("location.pathname").endswith("/index.html")
    link = "document.querySelector('.tip a')"
    assert browser.run(f"{link}.getAttribute('href')") == one.href
    left, right = browser.run(
        "(() => { const box = document.querySelector('.tip').getBoundingClientRect(); return [box.left, box.right]; })()"
    )
    assert left >= 0 and right <= 390
    target = page.parent / one.href
    target.parent.mkdir(exist_ok=True)
    target.touch()
    x, y = browser.run(
        f"(() => {{ const box = {link}.getBoundingClientRect(); return [box.left + 5, box.top + 8]; }})()"
    )
    browser.tap(x, y)
    browser.wait_for(f"location.pathname.endsWith('/{one.href}')")


def test_the_keyboard_has_one_stop_in_a_figure_and_arrows_go_on_from_there(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    found = links(browser, "error")
    stops = "[...document.querySelectorAll('#figure-error .plot.broad .marks > *')].filter((one) => one.tabIndex === 0).length"
    assert browser.run(stops) == 1
    browser.run("document.querySelector('#figure-error .plot.broad').focus()")
    browser.press("Tab", 9)
    assert browser.run(TIP).startswith(found[0].text.split("\n")[0])
    browser.press("ArrowRight", 39)
    assert browser.run(TIP).startswith(found[1].text.split("\n")[0]) and browser.run(stops) == 1
    browser.press("Enter", 13)
    browser.wait_for(f"location.hash === {found[1].href!r}")
    browser.press("Escape", 27)
    assert browser.run(TIP) == ""


def test_paper_has_no_trace_of_it(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    one = links(browser, "error")[0]
    browser.point(one.x, one.y)
    assert browser.run(TIP)
    browser.call("Emulation.setEmulatedMedia", media="print")
    shown = "[...document.querySelectorAll('.tip, .ring, .marks')].filter((one) => getComputedStyle(one).display !== 'none').length"
    assert browser.run(shown) == 0
    browser.call("Emulation.setEmulatedMedia", media="")


def test_without_a_script_titles_and_links_are_there(browser: Browser, page: Path) -> None:
    browser.open(page, 1280, script=False)
    tree = browser.call("DOM.getDocument", depth=-1)["root"]["nodeId"]

    def count(query: str) -> int:
        return len(browser.call("DOM.querySelectorAll", nodeId=tree, selector=query)["nodeIds"])

    assert count(f"#figure-error .broad {RUN} > title") == 11
    assert count(f"#figure-error .broad {CELL} > title") == 5  # means, and the cell of which a run diverged
    for figure in ("error", "forest"):
        assert count(f"#figure-{figure} .marks path") == count(f"#figure-{figure} .marks title") > 10


def test_files_that_are_kept_have_no_links_in_them(page: Path) -> None:
    for path in (page.parent / "figures").glob("*.svg"):
        assert "<a " not in path.read_text() and "runs/" not in path.read_text(), path
    assert "runs" not in (page.parent / "report.md").read_text().split("## Missing runs")[0].replace(" runs", "")


def test_files_of_a_figure_stand_where_the_page_says(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    paths = browser.run("[...document.querySelectorAll('figure > .files a')].map((one) => one.getAttribute('href'))")
    assert len(paths) >= 9 and all((page.parent / path).stat().st_size for path in paths)


def test_places_of_a_page_have_links_that_stay(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    found = browser.run("[...document.querySelectorAll('a.anchor')].map((one) => one.getAttribute('href'))")
    assert {
        "#claim-shortcuts-help-at-each-depth",
        "#claim-shortcuts-help-at-each-depth-2",
        "#figure-error",
        "#cells",
    } <= set(found)
    assert browser.run(
        "[...document.querySelectorAll('a.anchor')].every((one) => document.querySelectorAll(one.hash).length === 1)"
    )
    folded = browser.run("document.querySelector('details:not([open]) figure').id")
    browser.run(f"location.hash = '#{folded}'")
    browser.wait_for(f"document.querySelector('#{folded}').closest('details').open")
    assert browser.complaints == []
