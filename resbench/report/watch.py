"""A study in the terminal while it is run: `resbench watch`."""

from __future__ import annotations

import time

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from resbench.core.text import plural, printable
from resbench.report.live import LiveStudy, Snapshot
from resbench.report.live_view import view

_SECONDS = 1.0  # between two snapshots


def watch(study: LiveStudy, once: bool = False, console: Console | None = None) -> Snapshot:
    """Show a study until nothing is left to be done; returns the last snapshot.

    Args:
        once: show one snapshot and return, as where there is no terminal.
        console: where to; stdout by default.

    Raises:
        UserError: its study file is damaged.
    """
    console = console or Console(highlight=False)
    snapshot = study.snapshot()
    if not once and console.is_terminal and not console.is_dumb_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while snapshot.waiting:
                live.update(_frame(snapshot, console, whole=False), refresh=True)
                time.sleep(_SECONDS)
                snapshot = study.snapshot()
    console.print(_frame(snapshot, console, whole=True))
    return snapshot


def _frame(snapshot: Snapshot, console: Console, whole: bool) -> Group:
    """The snapshot, and what is to be done about it."""
    shown, closing = view(snapshot, console, whole), _closing(snapshot)
    return Group(shown, Text(printable(closing), overflow="fold")) if closing else Group(shown)


def _closing(snapshot: Snapshot) -> str:
    """What ends the view; empty while runs are trained."""
    failed = len(snapshot.state.of("failed"))
    again = (
        f"; to try {plural(failed, 'failed run')} again: {snapshot.to_go_on}" if failed and snapshot.to_go_on else ""
    )
    if not snapshot.waiting:
        return f"all {plural(len(snapshot.state.runs), 'run')} finished{again or f': resbench show {snapshot.name}'}"
    if not snapshot.idle:
        return ""
    return "no process trains it now" + (f"; to go on: {snapshot.to_go_on}" if snapshot.to_go_on else "")
