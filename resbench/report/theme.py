"""Colours of figures in light and in dark: a page sets them again, so that no figure is a white sheet at night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

# of arms, in light and in dark, the baseline's first. After Okabe and Ito, shaded so that each stands out from white by
# 3 to 1 at least; in dark of the same hue and light enough for small letters
ARMS: Sequence[tuple[str, str]] = (
    ("#d55e00", "#eb7213"),
    ("#0072b2", "#139ce9"),
    ("#008a64", "#0eaa7f"),
    ("#8a63c9", "#a489ce"),
    ("#b87700", "#c98810"),
    ("#c4679b", "#c580a6"),
    ("#178f9c", "#28a4b1"),
    ("#96623f", "#b88b6c"),
    ("#7b838c", "#8f959c"),
)

# of ordered values such as depths, in light and in dark: the largest stands out most from the paper, the least by 3 to 1
ORDERED: Sequence[tuple[str, str]] = (
    ("#31a196", "#546bbd"),
    ("#00929a", "#4980ca"),
    ("#0086a3", "#3c95d3"),
    ("#0072a3", "#30aad8"),
    ("#065da0", "#31bdda"),
    ("#224991", "#55cfd3"),
    ("#2b3680", "#7dddce"),
    ("#2e246d", "#a3eacc"),
    ("#2d1159", "#c8f6d0"),
)
_DARK = "@media screen and (prefers-color-scheme: dark)"


def ordered_colors(count: int) -> list[str]:
    """Colours of so many ordered values, from the least to the largest; of more than there are, some have the same."""
    if count == 1:
        return [ORDERED[-1][0]]
    return [ORDERED[round(i * (len(ORDERED) - 1) / (count - 1))][0] for i in range(count)]


def page_rules() -> str:
    """CSS for figures within a page: neutral colours are those of the page."""
    neutral = "".join(_rule(one.light, f"var({one.page})") for one in NEUTRALS.values())
    return f"{neutral}{_DARK} {{ {''.join(_rule(light, dark) for light, dark in (*ARMS, *ORDERED))}}}"


def file_rules(svg: str) -> str:
    """CSS for a figure that is a file of its own."""
    rules = "".join(_rule(one.light, one.dark) for one in NEUTRALS.values())
    rules += "".join(_rule(light, dark) for light, dark in (*ARMS, *ORDERED) if light in svg)
    return f"{_DARK} {{ {rules}}}"


def _rule(light: str, color: str) -> str:
    """Selectors of one attribute alone: others do not reach the marks that an SVG uses several times."""
    return "".join(f"[{name}='{light}'] {{ {name}: {color}; }} " for name in ("fill", "stroke"))
