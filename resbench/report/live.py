"""A study that is run, at a moment: how far each run is, how long it will take, and what is decided by now.

All of it comes from the records and from what each process says of its run, so that it can be seen from anywhere, while
any number of commands train. Nothing is written and nothing is locked.

A verdict is shown when all runs of its claim have ended, or when planned looks have decided it, and not before: who sees
p values on the way may stop when they please. So to watch is no look, and none is noted in `looks.json`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from resbench.core.text import printable
from resbench.records.run_states import BEGUN, RUNNING, TO_DO, StateReader, StudyState
from resbench.records.store import Store
from resbench.records.time_left import seconds_left, work_done
from resbench.report.judge import judge
from resbench.report.look_progress import look_progress
from resbench.report.study import how_to_go_on, load
from resbench.report.target import to_confirm
from resbench.report.verdicts import ClaimVerdict
from resbench.report.wording.sentence import claim_summary
from resbench.report.wording.target import target_sentence

_JUDGE_SECONDS = 5.0  # between two judgements, and two looks elsewhere, at least
_IDLE_SECONDS = 10.0
_JUDGE_SHARE = 10  # of the time since the last judgement, so much more than it took


class Elsewhere(NamedTuple):
    """What is known of a study by other means than its records.

    Attributes:
        lines: about it.
        open: whether there is more to do.
    """

    lines: list[str]
    open: bool = False


Look = Callable[[Store, StudyState], Elsewhere]


@dataclass(frozen=True)
class Decided:
    """What the records decide.

    Attributes:
        verdicts: on each claim, in a line.
        lines: on looks and target.
        more: whether the records ask for runs that no study file has yet.
    """

    verdicts: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    more: bool = False


@dataclass(frozen=True)
class Snapshot:
    """A study at a moment.

    Attributes:
        now: seconds, as `time.time` has them.
        left: seconds until the last run ends; None where that is not known.
        part: of the work that is done, from 0 to 1.
        to_go_on: the command; empty where there is none.
    """

    name: str
    state: StudyState
    now: float
    left: float | None
    part: float
    decided: Decided
    elsewhere: Elsewhere
    to_go_on: str

    @property
    def waiting(self) -> bool:
        """Whether something is still to be done."""
        return bool(self.state.of(TO_DO, BEGUN, RUNNING)) or self.decided.more or self.elsewhere.open

    @property
    def idle(self) -> bool:
        """Whether nothing is trained, and no run has just ended: commands take a while between their runs."""
        latest = max((run.ended for run in self.state.runs), default=0.0)
        return not self.state.of(RUNNING) and self.now - latest > _IDLE_SECONDS


class LiveStudy:
    """Takes snapshots of a study, one after the other.

    Args:
        results: folder of all studies.
        look: what else is known of the study.
    """

    def __init__(self, results: Path, name: str, look: Look = lambda store, state: Elsewhere([])) -> None:
        self.name, self._results, self._look = name, results, look
        self.store = Store(results / name)
        self._reader = StateReader(self.store)
        self._elsewhere, self._look_at = Elsewhere([]), 0.0
        self._decided = Decided()
        self._judged: object = None  # what the last judgement was of
        self._next = 0.0

    def snapshot(self) -> Snapshot:
        """The study now.

        Raises:
            UserError: its study file is damaged.
        """
        state, now = self._reader.read(), time.time()
        part = sum(map(work_done, state.runs)) / max(len(state.runs), 1)
        to_go_on = how_to_go_on(self.store, state.file) if state.file and state.file.file else ""
        left, decided = seconds_left(state.runs, now), self._judge(state)
        if now >= self._look_at:  # it may open a database
            self._elsewhere, self._look_at = self._look(self.store, state), now + _JUDGE_SECONDS
        return Snapshot(self.name, state, now, left, part, decided, self._elsewhere, to_go_on)

    def _judge(self, state: StudyState) -> Decided:
        """What is decided, judged again after a while when there are new records, and at once when nothing is left."""
        ended = tuple((run.id, run.ended) for run in state.runs if run.record)
        pending = bool(state.of(TO_DO, BEGUN, RUNNING))
        if state.file is None or self._judged == (state.file, ended) or (pending and time.monotonic() < self._next):
            return self._decided
        began = time.monotonic()
        self._decided = decide(self._results, self.name, ended=not pending)
        self._judged = state.file, ended
        took = time.monotonic() - began
        self._next = began + took + max(_JUDGE_SECONDS, _JUDGE_SHARE * took)
        return self._decided


def decide(results: Path, name: str, ended: bool) -> Decided:
    """What the records of a study decide by now.

    Args:
        ended: whether all of its runs have ended, if only by failing; else there is no verdict on what is still open.
    """
    study = load(results, name)
    lines, more = [], False
    if study.file.looks:
        asked, line = look_progress(study)
        lines += [line] if line else []
        more = any(asked[key] > len(runs) for key, _, runs in study.cells)
    if study.target and (study.target.confirm or study.file.confirmation):
        lines.append(f"target: {target_sentence(study)}")
        more = more or to_confirm(study) is not None
    summary = claim_summary if ended and not more else _settled
    verdicts = [summary(verdict) for verdict in judge(study)] if study.claims else []
    return Decided(list(map(printable, verdicts)), list(map(printable, lines)), more)


def _settled(verdict: ClaimVerdict) -> str:
    """`supported: shortcuts help`, or how many runs of the claim have ended, if not all."""
    open_looks = sum(one.looks is not None and one.looks.open for one in verdict.contrasts)
    runs = {run_id for one in verdict.contrasts for arm in one.arms for run_id in arm.runs}
    if verdict.outstanding:
        return f"open ({len(runs) - verdict.outstanding} of {len(runs)} runs): {verdict.claim.says}"
    if open_looks:
        return f"open (looks go on for {open_looks} of {len(verdict.contrasts)}): {verdict.claim.says}"
    return claim_summary(verdict)
