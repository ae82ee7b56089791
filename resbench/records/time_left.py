"""How long a study will take from now on, by what its runs took so far."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from resbench.core.cell import Cell
from resbench.core.text import show
from resbench.records.run_states import BEGUN, RUNNING, TO_DO, RunState


def seconds_left(runs: Sequence[RunState], now: float) -> float | None:
    """Until the last run ends, with as many side by side as now; None where none is trained, or nothing is known yet.

    A run takes what others of its cell took; of a cell without any, what those of the known cells took in the mean.

    Args:
        now: seconds, as `time.time` has them.
    """
    going = [run for run in runs if run.state == RUNNING]
    known = _known_seconds(runs)
    if not going or not known:
        return None
    mean = statistics.fmean(known.values())
    rest = [_rest(run, known.get(_key(run.cell), mean), now) for run in going]
    waiting = [known.get(_key(run.cell), mean) for run in runs if run.state in (TO_DO, BEGUN)]
    return max((sum(rest) + sum(waiting)) / len(going), *rest)


def run_seconds_left(run: RunState, now: float) -> float | None:
    """Until a run that is trained ends, by its own pace; None where that is not known yet."""
    left = run.holder.seconds_left if run.holder else None
    return None if left is None or run.holder is None else max(0.0, left - (now - run.holder.seen))


def work_done(run: RunState) -> float:
    """The part of a run that is done, from 0 to 1."""
    if run.state == RUNNING and run.holder:
        return min(run.holder.epochs / max(run.holder.total, 1), 1.0)
    return 0.0 if run.state in (TO_DO, BEGUN) else 1.0


def _known_seconds(runs: Iterable[RunState]) -> dict[str, float]:
    """Cell -> seconds of one of its runs."""
    seen: dict[str, list[float]] = {}
    for run in runs:
        if (seconds := _whole(run)) is not None:
            seen.setdefault(_key(run.cell), []).append(seconds)
    return {cell: statistics.median(seconds) for cell, seconds in seen.items()}


def _whole(run: RunState) -> float | None:
    """What a run took, or will take at its pace so far; None if that is not known."""
    if run.state == RUNNING and run.holder:
        pace = run.holder.seconds_left
        done = run.holder.total - run.holder.epochs
        return None if pace is None or done <= 0 else pace * run.holder.total / done
    if run.record and run.record.finished:
        # an interrupted run has the whole seconds from its last start alone
        seconds = max(run.record.metrics.get(name) or 0.0 for name in ("run_seconds", "train_seconds"))
        return seconds or None
    return None


def _rest(run: RunState, whole: float, now: float) -> float:
    left = run_seconds_left(run, now)
    return whole if left is None else left


def _key(cell: Cell) -> str:
    return show(sorted((path, show(value)) for path, value in cell.items()))
