"""Published numbers next to ours."""

from __future__ import annotations

import math
from collections.abc import Sequence

from resbench.report.document import Table
from resbench.report.format import name_of, value_text
from resbench.report.published import Reproduction, limits_of

_HEAD = ["source", "at", "metric", "published", "ours", "seeds", "verdict", "because"]
_MEANING = (
    "Shares in percent. Ours: mean over seeds, and where the mean of as many new runs as the published one's would "
    "lie (95 %, Student); reproduced if the published number lies there."
)


def published_table(reproductions: Sequence[Reproduction]) -> Table | None:
    """A row per published number and cell of ours, with a verdict and its reason; None without any."""
    rows = []
    for reproduction in reproductions:
        published, metric = reproduction.published, reproduction.published.metric
        ours = value_text(reproduction.ours.estimate, metric)
        if not math.isnan(reproduction.ours.low):
            low, high = limits_of(reproduction.ours, metric)
            ours += f" [{value_text(low, metric)}, {value_text(high, metric)}]"
        row = [published.source, name_of(published.at), metric.name, value_text(published.value, metric), ours]
        rows.append([*row, str(reproduction.seeds), reproduction.verdict, reproduction.because])
    return Table(_HEAD, rows, _MEANING) if rows else None
