"""Where a line of a figure goes, in words: what alternative texts say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from resbench.report.figures.drawing import value_text

_LEVEL = 1.15  # times its least value that a line stays below which is said to stay where it is


def trend(values: Sequence[float], places: Sequence[str], unit: str, text: Callable[[float], str] = value_text) -> str:
    """`falls from 1.1 % at 10 layers to 0.86 % at 22 layers, then rises to 87.5 % at 100 layers`.

    Args:
        values: along the line, at least one.
        places: where each is, ` at 10 layers`.
        unit: behind each value, ` %`.
        text: a value in words.
    """

    def at(index: int) -> str:
        return f"{text(values[index])}{unit}{places[index]}"

    last, low, high = len(values) - 1, values.index(min(values)), values.index(max(values))
    if last == 0:
        return f"is {at(0)}"
    if 0 <= values[high] <= _LEVEL * values[low]:
        return f"stays between {text(values[low])} and {text(values[high])}{unit}"
    turn = low if low not in (0, last) else high if high not in (0, last) else None
    if turn is None:
        return f"{'rises' if values[-1] > values[0] else 'falls'} from {at(0)} to {at(last)}"
    first, then = ("falls", "rises") if turn == low else ("rises", "falls")
    return f"{first} from {at(0)} to {at(turn)}, then {then} to {at(last)}"
