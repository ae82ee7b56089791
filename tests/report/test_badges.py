"""Verdicts are told apart by sign, and their colours have the contrast that WCAG asks of text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import resbench.report.page.html as page
from resbench.report.verdicts import STATES
from resbench.report.wording.states import SIGNS

CSS = (Path(page.__file__).parent / "page.css").read_text()
KINDS = ("supported", "refuted", "equivalent", "mixed", "open", "untrained", "waiting")


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_badges_can_be_read_in_light_and_dark(scheme: str) -> None:
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", light if scheme == "light" else dark))
    for kind in KINDS:
        assert contrast(colours[kind], colours["tint"]) >= 4.5, kind
        assert contrast(colours[kind], colours["page"]) >= 4.5, kind


def test_every_state_has_a_sign_of_its_own_and_a_style() -> None:
    assert set(STATES) <= set(SIGNS)
    signs = [SIGNS[state] for state in (*STATES, "mixed", "too few seeds")]
    assert len(set(signs)) == len(signs)
    for kind in SIGNS:
        assert kind == "inconclusive" or f".badge.{kind.replace(' ', '-')}" in CSS
