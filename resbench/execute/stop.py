"""Signals that ask a run to stop: it ends its step, keeps its state, and its process goes."""

from __future__ import annotations

import signal

from resbench.epoch import Stopped


class StopSignals:
    """Notes signals instead of dying of them.

    Args:
        numbers: of the signals; only the main thread may say so.

    Attributes:
        got: those that have come.
    """

    def __init__(self, *numbers: int) -> None:
        self.got: set[int] = set()
        for number in numbers:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: object) -> None:
        self.got.add(number)

    def check(self) -> None:
        """To be called between steps.

        Raises:
            Stopped: a signal has come.
        """
        if self.got:
            raise Stopped
