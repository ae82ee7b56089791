"""Ways of doing the same runs, each behind a switch of `resbench run` until a card has shown what it is worth."""

from __future__ import annotations

# in words -> options of `resbench run`
WAYS: dict[str, tuple[str, ...]] = {
    "a graph of the whole step": ("--graph", "step"),
    "workers that stay": ("--workers", "stay"),
    "both": ("--graph", "step", "--workers", "stay"),
}


def ways(small: bool) -> list[tuple[str, tuple[str, ...]]]:
    """All, or where time is short the last, which has all of them in it."""
    return list(WAYS.items())[-1:] if small else list(WAYS.items())
