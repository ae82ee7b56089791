"""A grid stage by stage: a session for what is asked for by now, then one for what its results ask for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from resbench.execution.options import RunOptions
from resbench.execution.selection import select_runs
from resbench.execution.session import Session
from resbench.execution.stages import asked_by_now
from resbench.grid.grid import Grid, PlannedRun


def sessions(
    grid: Grid,
    options: RunOptions,
    only: Sequence[str] = (),
    shard: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[Session]:
    """A session for each stage; the caller drives it before it takes the next.

    The first comes always, another one only while something is missing that has not been tried here.

    Args:
        only, shard: of `select_runs`: they choose among what is asked for.
        say: gets a line on each stage that has ended.

    Raises:
        UserError: as `select_runs`.
    """
    tried: set[str] = set()
    said: tuple[str, ...] = ()
    forget = _forgotten(grid, options, only, shard)
    while True:
        stage = asked_by_now(grid, None if options.fresh else options.results)
        for line in stage.lines if stage.lines != said else ():
            say(line)
        said = stage.lines
        session = Session(stage.grid, options, select_runs(grid, only, shard, stage.grid), forget)
        session.missing = [run for run in session.missing if run.id not in tried]
        if tried and not session.missing:
            session.keep_study()
            return
        yield session
        if stage.grid is grid or not session.missing:
            return
        tried |= {run.id for run in session.missing}
        options = replace(options, fresh=False)


def say_on_stderr(line: str) -> None:
    """Print a line at once, where progress goes."""
    print(line, file=sys.stderr, flush=True)


def _forgotten(grid: Grid, options: RunOptions, only: Sequence[str], shard: str | None) -> list[PlannedRun] | None:
    """The runs that `fresh` begins again, of all stages so far; None for those of the first alone."""
    if not options.fresh or shard:
        return None
    stage = asked_by_now(grid, options.results).grid
    both = [*select_runs(grid, only), *select_runs(grid, only, stage=stage)]
    return list({run.id: run for run in both}.values())
