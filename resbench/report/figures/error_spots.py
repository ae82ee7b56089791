"""What the points of the figure of errors say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from resbench.report.figures.evidence import Evidence
from resbench.report.figures.marks import Spot
from resbench.report.figures.spots import cell_spot, error_text, mean_error_text, run_spot


def with_spots(evidence: Evidence, points: pd.DataFrame) -> pd.DataFrame:
    """The points as `error.error_points` returns them, with a column `spot`."""
    cells = evidence.frame.to_dict("records")
    spots = [_spot(evidence, cells[row["cell"]], row) for row in points.to_dict("records")]
    return points.assign(spot=pd.Series(spots, index=points.index, dtype=object))


def _spot(evidence: Evidence, cell: Mapping[Any, Any], row: Mapping[Any, Any]) -> Spot:
    if row["kind"] == "seed":
        return run_spot(evidence, cell, row["seed"], error_text(row["error"]))
    if row["kind"] == "mean":
        return cell_spot(evidence, cell, mean_error_text(row, row["runs"]))
    fates = [f"{row[fate]:.0f} {fate}" for fate in ("diverged", "collapsed") if row[fate]]
    return cell_spot(
        evidence, cell, f"{row['untrained']:.0f} of {row['runs']:.0f} runs did not train\n{', '.join(fates)}"
    )
