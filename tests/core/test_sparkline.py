"""A curve in a line of text."""

from __future__ import annotations

import math

import pytest

from resbench.core.sparkline import sparkline


@pytest.mark.parametrize(
    ("values", "width", "text"),
    [
        ([], 5, ""),
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([7, 0], 8, "█▁"),
        ([3, 3, 3], 8, "▁▁▁"),
        ([0, 0, 7, 7], 2, "▁█"),
        ([0, math.nan, math.inf, 7], 8, "▁█"),
        ([1e308, -1e308], 2, "█▁"),
    ],
)
def test_bars_rise_with_the_values_and_never_take_more_than_the_width(
    values: list[float], width: int, text: str
) -> None:
    assert sparkline(values, width) == text


def test_a_terminal_without_the_characters_gets_others_as_many() -> None:
    assert sparkline([7, 3, 0], 5, ascii_only=True) == "#=_"
    assert len(sparkline([float(x) for x in range(1000)], 12, ascii_only=True)) == 12
