"""The metrics and the probes that leave some of them, as topics."""

from __future__ import annotations

from collections.abc import Iterator

from resbench.probes.table import PROBES
from resbench.records.metrics import METRICS, PROBED, Metric
from resbench.reference.declared import meaning
from resbench.reference.topic import Topic

_WHEN = {
    "trained": "before training and after some of its epochs",
    "ended": "after the last epoch",
    "tested": "where the test images are read",
}


def probe_topics() -> Iterator[Topic]:
    """Every probe."""
    for name, probe in PROBES.items():
        facts = [("measured", _WHEN[probe.when]), ("costs", f"{100 * probe.share:.1f} % of the training work")]
        facts.append(("in a grid", f"probes: [{name}]"))
        facts += [("from", PROBES.origins[name].source)] if name in PROBES.origins else []
        items = [(metric, METRICS[metric].about) for metric in PROBED[name]]
        yield Topic("probe", name, meaning(probe.measure), facts, items)


def metric_topics() -> Iterator[Topic]:
    """Every metric that a claim can be made on."""
    for metric in METRICS.values():
        yield Topic("metric", metric.name, metric.about, list(_facts(metric)))


def _facts(metric: Metric) -> Iterator[tuple[str, str]]:
    yield "on pages", metric.words
    yield "better", metric.better
    unit = "percentage points" if metric.proportion else "its own unit"
    yield "compared", "as a number, the same for every seed" if metric.exact else f"in {unit}"
    if metric.probe:
        yield "measured", f"by the probe {metric.probe}"
    figure = f"the figure {metric.figure}" if metric.figure else ""
    table = "the table probes" if metric.probe else "the table cells"
    yield "shown in", " and ".join(filter(None, [figure, table]))
    yield "in a claim", f"on: {metric.name}"
