"""The command that watches a study: watch."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resbench.cli.grid_files import study_of
from resbench.cli.options import Results, study_folder, warn

if TYPE_CHECKING:
    from resbench.records.run_states import StudyState
    from resbench.records.store import Store
    from resbench.report.live import Elsewhere, Snapshot


def watch(
    study: Annotated[str, typer.Argument(help="Name of a study, or its grid file.")],
    results: Results = Path("results"),
    once: Annotated[bool, typer.Option("--once", help="Print one snapshot and stop, as without a terminal.")] = False,
) -> None:
    """What runs now, its loss, time left, verdicts as they settle.

    It ends when all is done, else by Ctrl-C. It reads the records and what each process says of its run, writes nothing, and disturbs no command. A verdict is
    shown when all runs of its claim have ended, or planned looks have decided it, so that to watch is not a look.

    \b
    Examples:
      resbench watch my-question
      resbench watch my-question --once
    """
    from resbench.report.live import LiveStudy
    from resbench.report.watch import watch as watch_study

    name, _ = study_of(study, results)
    live = LiveStudy(study_folder(results, name).parent, name, _elsewhere)
    _quiet_interrupts()
    try:
        last = watch_study(live, once)
    except KeyboardInterrupt:
        print(f"the runs of {name} go on as they were", file=sys.stderr)
        raise typer.Exit(130) from None
    warn(live.store)
    raise typer.Exit(_code(last, once))


def _code(last: Snapshot, once: bool) -> int:
    """1 if all has ended and runs failed, as of `run`."""
    return int(not once and not last.waiting and bool(last.state.of("failed")))


def _quiet_interrupts() -> None:
    """Let Ctrl-C end the view without a word on runs: none of them is ours."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, end)


def _elsewhere(store: Store, state: StudyState) -> Elsewhere:
    """The trials of a search that are open."""
    from resbench.cli.study_status import open_trials
    from resbench.report.live import Elsewhere

    trials = open_trials(state.file, store) if state.file else ""
    return Elsewhere([f"open: {trials}"] if trials else [], bool(trials))
