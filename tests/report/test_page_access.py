"""The page for fingers, keyboards and those who cannot see it, in a real browser."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from support.chromium import EXECUTABLE, Browser
from support.studies import HELPS, make, noise

from resbench.report import write

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="needs chromium: apt-get install chromium")

AXES: dict[str, list[Any]] = {"model.depth": [10, 34], "model.norm": ["batch", "group"]}
AXES |= {"model.shortcut": ["identity", "none"]}
OPEN = """document.querySelectorAll("details").forEach((one) => { one.open = true; });"""
# whatever is pressed, but links within sentences, which are as high as their line, and marks of figures
TARGETS = """[...document.querySelectorAll("a[href], button, summary, input, select")].filter((one) => one.offsetParent
  && !one.closest("svg") && !(one.tagName === "A" && one.closest("p:not(.files), li, td, figcaption") && !one.closest("nav")))
  .map((one) => [one.textContent.trim(), one.getBoundingClientRect()])
  .map(([text, box]) => [text, Math.round(box.width * 10) / 10, Math.round(box.height * 10) / 10])"""
# what is wider than its box, and whether its edge has a shade
WIDE = """[...document.querySelectorAll(".scroll, .plot, pre")].filter((one) => one.offsetParent
  && one.scrollWidth > one.clientWidth + 1).map((one) => getComputedStyle(one).backgroundImage.includes("gradient"))"""
HEADINGS = "[...document.querySelectorAll('h1, h2, h3, h4')].map((one) => Number(one.tagName[1]))"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    outcome = noise(lambda cell: 0.01 * (3 if cell["model.shortcut"] == "none" else 1), images=2000)
    claim = HELPS | {"at": {"model.depth": None, "model.norm": None}}
    make(folder / "results", "p", AXES, 5, outcome, [claim], {"model.shortcut": "none"})
    return write(folder / "results", folder / "reports", "p")


def press(browser: Browser, key: str, code: int, text: str = "") -> None:
    for kind in ("keyDown", "keyUp"):
        more = {"text": text} if text and kind == "keyDown" else {}
        browser.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **more)


def test_fingers_hit_what_they_aim_at(browser: Browser, page: Path) -> None:
    browser.open(page, 390)
    browser.run(OPEN)
    targets = browser.run(TARGETS)
    assert len(targets) > 30
    assert not [one for one in targets if one[1] < 24 or one[2] < 24]


def test_what_is_wider_than_a_phone_says_so(browser: Browser, page: Path) -> None:
    browser.open(page, 390)
    browser.run(OPEN)
    shaded = browser.run(WIDE)
    assert len(shaded) > 3 and all(shaded)


def test_the_first_keys_lead_to_the_answer_and_to_the_figures(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    for target, section in (("#answer", "header"), ("#figures", "#figures")):
        press(browser, "Tab", 9)
        link = browser.run(
            "[document.activeElement.getAttribute('href'), document.activeElement.getBoundingClientRect().left]"
        )
        assert link[0] == target and link[1] >= 0  # it is seen once the keyboard is there
        assert browser.run(f"Boolean(document.querySelector('{section}'))")
    press(browser, "Enter", 13, "\r")
    assert browser.run("location.hash") == "#figures"


def test_focus_is_seen_wherever_the_keyboard_goes(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    seen = set()
    for _ in range(40):
        press(browser, "Tab", 9)
        tag, outline, ringed = browser.run(
            "[document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle,"
            " Boolean(document.querySelector('.ring:not([hidden])'))]"
        )
        seen.add(tag)
        assert tag == "BODY" or outline != "none" or (tag == "a" and ringed), tag  # a point of a figure has a ring
    assert {"A", "SUMMARY"} <= seen


def test_headings_go_down_step_by_step_in_a_page_with_a_language(browser: Browser, page: Path) -> None:
    browser.open(page, 1280)
    levels = browser.run(HEADINGS)
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert browser.run("document.documentElement.lang") == "en"
