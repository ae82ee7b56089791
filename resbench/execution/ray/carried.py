"""Functions that Ray's workers import from the same program as the command."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable


def carried(function: Callable[..., str]) -> Callable[..., str]:
    """A function that imports this one where Ray executes it.

    Ray puts the working folder of the command first on the path of its workers, with any `resbench/` or `random.py` that
    lies there: it is taken out, unless the command looks for modules there itself. As a nested function this travels to
    them as code, and not as the name of something to import.
    """
    working = os.path.abspath(os.curdir)  # noqa: PTH100, as Ray writes it
    others = working not in {os.path.abspath(folder) for folder in sys.path}  # noqa: PTH100
    module, name = function.__module__, function.__name__

    def call(*words: str) -> str:
        if others:
            sys.path[:] = [folder for folder in sys.path if folder != working]
        answer: str = getattr(importlib.import_module(module), name)(*words)
        return answer

    return call
