"""What became of runs: which of them trained, and which of them the numbers of a cell are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resbench.core.lazy import lazy

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")


UNTRAINED = ("diverged", "collapsed")  # statuses of a run that did not train
RESULTS = ("ok", *UNTRAINED)  # statuses of a run that need not be done again
OPEN = ("missing", "failed")  # statuses of a run that is still to be done


def measured(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of a cell that its means are of: those that trained.

    Where all of them collapsed, none is left out: their mean is no selection, nor one over networks of two kinds.
    """
    statuses = set(runs["status"])
    return runs[
        runs["status"] == ("collapsed" if "collapsed" in statuses and not statuses & {"ok", "diverged"} else "ok")
    ]


def untrained(runs: pd.DataFrame) -> int:
    """How many runs diverged or collapsed."""
    return int(runs["status"].isin(UNTRAINED).sum())


def kinds(diverged: int, collapsed: int) -> str:
    """`4 diverged, 4 collapsed`."""
    return ", ".join(f"{count} {kind}" for count, kind in ((diverged, "diverged"), (collapsed, "collapsed")) if count)
