"""No false precision: numbers on a page of planted studies have the digits that their intervals justify."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support.studies import HELPS, Cell, make, noise

from resbench.report import write

_EXACT = {"parameters"}  # columns of whole numbers that are the same for every seed
_RAW = {"Protocol", "Provenance"}  # settings and facts, as they were given
_NUMBER = re.compile(r"(?<![\w.])(\d[\d,]*\.?\d*|\.\d+)(?:e[+−-]?\d+|×10)?(?![\w.]*\w)")
_INTERVAL = re.compile(r"\[([+−]?[\d.,]+), ([+−]?[\d.,]+)\]")


class _Texts(HTMLParser):
    """What a reader meets: (section, column, text), with the words of figures and what shows on hover."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self._section, self._heads, self._column, self._open = "", list[str](), -1, list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        if tag == "h2":
            self._section = ""
        if tag == "thead":
            self._heads = []
        if tag == "tr":
            self._column = -1
        if tag in ("th", "td"):
            self._column += 1
        for name, value in attrs:
            if name in ("aria-label", "alt", "title") and value:
                self.found.append((self._section, "", value))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if {"style", "script"} & {*self._open} or not data.strip():
            return
        if "h2" in self._open:
            self._section += data
        if "thead" in self._open:
            self._heads.append(data.strip())
        inside = "tbody" in self._open and self._column < len(self._heads)
        self.found.append((self._section, self._heads[self._column] if inside else "", data))


def _digits(number: str) -> int:
    """Significant digits; zeros at the end of a whole number are none."""
    text = number.replace(",", "")
    return len(text.replace(".", "").lstrip("0") if "." in text else text.lstrip("0").rstrip("0"))


def _too_precise(page: Path) -> Iterator[tuple[str, str, str]]:
    texts = _Texts()
    texts.feed(page.read_text())
    for section, column, text in texts.found:
        if section in _RAW or column in _EXACT:
            continue
        for match in _NUMBER.finditer(text):
            if match[1] != "100.00" and _digits(match[1].rstrip(".,")) > 4:  # 100: a limit that is cut there
                yield section, column, text[max(match.start() - 40, 0) : match.end() + 10]
        for match in _INTERVAL.finditer(text):
            low, high = (float(end.replace("−", "-").replace(",", "")) for end in match.groups())
            decimals = max(len(end.partition(".")[2]) for end in match.groups())
            if decimals and (high - low) / 2 * 10**decimals > 105:  # more than two digits of its half-width
                yield section, column, match[0]


@pytest.mark.parametrize(("images", "scale"), [(10_000, 1.0), (500, 300.0)])
def test_numbers_have_the_digits_of_their_intervals(tmp_path: Path, images: int, scale: float) -> None:
    axes: dict[str, list[Any]] = {"model.depth": [10, 34, 100], "model.shortcut": ["identity", "none"]}
    rates = {"identity": 0.0123, "none": 0.0345}

    def metrics(cell: Cell, seed: int) -> dict[str, float]:
        wobble = scale * (1 + 0.0317 * seed * seed + cell["model.depth"] / 77)
        wobble *= 1.0 if cell["model.shortcut"] == "none" else 0.987654 + 0.001 * seed
        out = {"train_loss": 0.123456 * wobble, "train_accuracy": 0.987654, "parameters": 1_234_567.0}
        out |= {"flops": 123_456_789.0, "training_flops": 1.23456789e13 * cell["model.depth"], "train_seconds": 123.456}
        return out | {"probe.gradient_decades": 1.234567 * wobble, "probe.lesion_mean": 0.01234 + 0.00321 * seed}

    claims = [
        HELPS,
        {**HELPS, "says": "the loss falls", "on": "train_loss", "margin": 0.01},
        {**HELPS, "says": "gradients are nearer", "on": "probe.gradient_decades", "margin": 0.05},
        {**HELPS, "says": "no worse", "expect": "not_higher", "margin": 0.001},
        {**HELPS, "says": "it grows", "at": {}, "between": {"model.depth": [100, 10]}},
    ]
    outcome = noise(lambda cell: rates[cell["model.shortcut"]] * cell["model.depth"] / 34, images=images)
    published = [{"source": "p", "on": "train_loss", "at": {"model.depth": 10}, "value": 0.2}]
    make(tmp_path / "results", "digits", axes, 5, outcome, claims, {"model.shortcut": "none"}, published, metrics)
    page = write(tmp_path / "results", tmp_path / "reports", "digits")
    assert not list(_too_precise(page))
    assert re.search(r"\d\.\d{6,}", (page.parent / "tables" / "claims.csv").read_text())  # files keep every digit
