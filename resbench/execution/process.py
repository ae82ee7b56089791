"""How the process of a run is asked by a signal to end, with its state saved."""

from __future__ import annotations

import signal
import time
from types import FrameType

from resbench.core.errors import SAME_SECONDS, Stopped


class StopSignals:
    """Notes signals, which then end the run after its step and not the process at once.

    Args:
        numbers: of the signals; only the main thread may set them.
        at_once: whether a second signal goes to the handler from before.

    Attributes:
        received: those that have come.
    """

    def __init__(self, *numbers: int, at_once: bool = False) -> None:
        self.received: set[int] = set()
        self._first = 0.0
        self._at_once = at_once
        self._before = {number: signal.signal(number, self._note) for number in numbers}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received and self._at_once and time.monotonic() - self._first > SAME_SECONDS:
            self.restore()
            signal.raise_signal(number)
        self._first = self._first or time.monotonic()
        self.received.add(number)

    def restore(self) -> None:
        """Set the handlers from before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """To be called between steps.

        Raises:
            Stopped: a signal has come.
        """
        if self.received:
            raise Stopped
