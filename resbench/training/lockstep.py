"""Drives one run, or several side by side: asks each for its next work and has it done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

from resbench.records.record import Record
from resbench.training.course import Course
from resbench.training.replay import Body, Kind, Replayer, Work

Outcome: TypeAlias = Record | Exception  # what `train` returns, or raises


class Lockstep:
    """Drives courses: each gets its next work done together with those of the others that are of the same kind.

    Works that come earlier in an epoch are done first, so that runs which do not stand at the same place soon do.

    Args:
        ended: called with the place of each course, and how it ended, as soon as it has.
    """

    def __init__(
        self,
        courses: Sequence[Course],
        replayer: Replayer,
        ended: Callable[[int, Outcome], None] = lambda place, outcome: None,
    ) -> None:
        self._courses, self._replayer, self._ended = courses, replayer, ended
        self._asked: dict[int, Work] = {}
        self._threads: dict[int, int] = {}
        self._outcomes: dict[int, Outcome] = {}

    def outcomes(self) -> list[Outcome]:
        """Drive all to their ends."""
        for place in range(len(self._courses)):
            self._advance(place)
        while self._asked:
            first = min(map(_kind, self._asked.values()))
            chosen = [place for place, work in self._asked.items() if _kind(work) == first]
            for places in [chosen] if self._replayer.joins else [[place] for place in chosen]:
                self._do(places)
        return [self._outcomes[place] for place in range(len(self._courses))]

    def _do(self, places: list[int]) -> None:
        """Do what these courses have asked for; what goes wrong, goes wrong inside of them."""
        error: Exception | None = None
        self._set_threads(places[0])
        try:
            self._replayer(*(self._asked[place] for place in places))
        except Exception as raised:
            error = raised
        for place in places:
            self._advance(place, error)

    def _advance(self, place: int, error: Exception | None = None) -> None:
        """Let a course go on to its next work, or to its end."""
        self._set_threads(place)
        works = self._courses[place]
        try:
            self._asked[place] = next(works) if error is None else works.throw(error)
        except StopIteration as end:
            self._end(place, end.value)
        except Exception as raised:
            self._end(place, raised)
        self._threads.setdefault(place, torch.get_num_threads())

    def _end(self, place: int, outcome: Outcome) -> None:
        self._outcomes[place] = outcome
        self._asked.pop(place, None)
        self._ended(place, outcome)

    def _set_threads(self, place: int) -> None:
        """A course that goes on from a checkpoint keeps the number of threads that it was begun with."""
        threads = self._threads.get(place, torch.get_num_threads())
        if threads != torch.get_num_threads():
            torch.set_num_threads(threads)


def _kind(work: Work) -> Kind:
    return work.kind if isinstance(work, Body) else Kind.STEP
