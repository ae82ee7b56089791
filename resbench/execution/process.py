"""Signals that ask a run to stop: it ends its step, keeps its state, and its process goes."""

from __future__ import annotations

import signal
import time
from types import FrameType

from resbench.core.errors import SAME_SECONDS
from resbench.training.epoch import Stopped


class StopSignals:
    """Notes signals instead of dying of them.

    Args:
        numbers: of the signals; only the main thread may say so.
        at_once: whether a second one is left to whoever handled them before.

    Attributes:
        got: those that have come.
    """

    def __init__(self, *numbers: int, at_once: bool = False) -> None:
        self.got: set[int] = set()
        self._first = 0.0
        self._at_once = at_once
        self._before = {number: signal.signal(number, self._note) for number in numbers}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.got and self._at_once and time.monotonic() - self._first > SAME_SECONDS:
            self.restore()
            signal.raise_signal(number)
        self._first = self._first or time.monotonic()
        self.got.add(number)

    def restore(self) -> None:
        """Leave signals to whoever handled them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """To be called between steps.

        Raises:
            Stopped: a signal has come.
        """
        if self.got:
            raise Stopped
