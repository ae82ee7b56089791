"""Ways of doing the same runs that `resbench run` may have, each behind a switch until a card has shown what it is worth."""

from __future__ import annotations

import functools

from .setting import resbench

# in words -> options of `resbench run`
_WAYS: dict[str, tuple[str, ...]] = {
    "a graph of the whole step": ("--graph", "step"),
    "workers that stay": ("--workers", "stay"),
    "both": ("--graph", "step", "--workers", "stay"),
}


def ways(small: bool = False) -> list[tuple[str, tuple[str, ...]]]:
    """Those that this revision has; the last of them, which has most of them in it, where time is short."""
    known = _options()
    found = [(name, options) for name, options in _WAYS.items() if set(options[::2]) <= known]
    return found[-1:] if small else found


def absent() -> list[str]:
    """Those that it has not."""
    return [name for name in _WAYS if name not in dict(ways())]


@functools.cache
def _options() -> set[str]:
    return {word.strip("│ ,") for word in resbench("run", "--help").stdout.split() if word.startswith("--")}
