"""Neutral colours of figures, in light and in dark: a page sets them anew, so that no figure is a white sheet at night."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Neutral(NamedTuple):
    """A colour of what is no arm: text, axes, bands.

    Attributes:
        light: in the drawing itself.
        dark: where the reader prefers dark.
        page: the variable of a page that takes its place there.
    """

    light: str
    dark: str
    page: str


NEUTRALS: Mapping[str, Neutral] = {
    "text": Neutral("#24292f", "#e4e8ed", "--text"),
    "soft": Neutral("#57606a", "#a3acb7", "--soft"),
    "pale": Neutral("#d0d7de", "#3d4650", "--pale"),
    "band": Neutral("#eaeef2", "#252d37", "--band"),
    "grid": Neutral("#e5e7eb", "#29313b", "--grid"),
    "paper": Neutral("#ffffff", "#12161c", "--page"),
}


def page_rules() -> str:
    """CSS for figures within a page: neutral colours are those of the page."""
    return "".join(_rule(one.light, f"var({one.page})") for one in NEUTRALS.values())


def file_rules() -> str:
    """CSS for a figure that is a file of its own."""
    rules = "".join(_rule(one.light, one.dark) for one in NEUTRALS.values())
    return f"@media screen and (prefers-color-scheme: dark) {{ {rules}}}"


def _rule(light: str, color: str) -> str:
    """Selectors of one attribute alone: others do not reach the marks that an SVG uses several times."""
    return "".join(f"[{name}='{light}'] {{ {name}: {color}; }} " for name in ("fill", "stroke"))
