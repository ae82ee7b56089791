"""What the comparisons with the baseline tell together, where nothing is claimed."""

from __future__ import annotations

import pandas as pd

from resbench.report.failures import by_means
from resbench.report.planning import ALPHA, MIN_SEEDS
from resbench.report.study import Study


def baseline_text(study: Study, compared: pd.DataFrame) -> str:
    """How many cells have fewer errors than their baseline, and how many more, at a false-discovery rate of 5 %.

    Args:
        compared: as `cells.comparisons` returns.
    """
    everything = compared.to_dict("records")
    apart = sum(bool(row["reason"]) for row in everything)
    lost = sum(not (row["same"] or row["reason"] or by_means(row["ours"], row["theirs"])) for row in everything)
    rows = [row for row in everything if row["contrast"] is not None]
    several = [row for row in rows if row["contrast"].min_seeds >= MIN_SEEDS]
    several = list({(row["ours"].runs, row["theirs"].runs): row for row in several}.values())  # the same runs once
    versus = f"the baseline ({study.labels.cell(study.baseline)})"
    rest = f" Not compared, because runs there or in the baseline did not train: {lost}." if lost else ""
    rest += f" Not compared, because the data are not the same or values are missing: {apart}." if apart else ""
    if not rows:
        return f"No cell can be compared with {versus}.{rest}"
    if not several:
        return f"No cell shares {MIN_SEEDS} seeds with {versus}, so its difference is not judged."
    sure = [row["contrast"] for row in several if row["q"] < ALPHA]
    fewer, more = sum(one.interval.estimate < 0 for one in sure), sum(one.interval.estimate > 0 for one in sure)
    return (
        f"Of {len(several)} cells compared with {versus}, {fewer} have fewer test errors, {more} have more, and for "
        f"{len(several) - len(sure)} the data cannot tell (false-discovery rate 5 %; exploratory: nothing was claimed).{rest}"
    )
