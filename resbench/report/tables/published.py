"""Published numbers next to ours."""

from __future__ import annotations

import math
from collections.abc import Sequence

from resbench.records.metrics import Metric
from resbench.report.document import Table
from resbench.report.format import mean_text, value_text, within
from resbench.report.labels import Labels
from resbench.report.published import Reproduction, limits_of

_HEAD = ["source", "at", "metric", "published", "ours", "seeds", "verdict", "because"]
_MEANING = (
    "Shares in percent. Ours: mean over seeds, and where the mean of as many new runs as the published one's would "
    "lie (95 %, Student); reproduced if the published number lies there."
)


def published_table(reproductions: Sequence[Reproduction], labels: Labels) -> Table | None:
    """A row per published number and cell of ours, with a verdict and its reason; None without any."""
    rows = []
    for reproduction in reproductions:
        published, metric = reproduction.published, reproduction.published.metric
        row = [published.source, labels.cell(published.at), _name(metric), value_text(published.value, metric)]
        row.append(_ours(reproduction, metric))
        rows.append([*row, str(reproduction.seeds), reproduction.verdict, reproduction.because])
    return Table(_HEAD, rows, _MEANING) if rows else None


def _name(metric: Metric) -> str:
    """What a metric is called where it is shown as it is, and not by the errors that it is compared by."""
    return metric.name.replace("_", " ") if metric.compared_as else metric.words


def _ours(reproduction: Reproduction, metric: Metric) -> str:
    """Our mean with its limits, rounded to them."""
    ours = reproduction.ours
    if metric.exact or math.isnan(ours.low):
        return value_text(ours.estimate, metric)
    texts = within if metric.proportion else mean_text
    return texts(ours.estimate, *limits_of(ours, metric))
