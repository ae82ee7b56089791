"""The probes by name; a grid file chooses them (`probes: [gradients, lesions]`)."""

from __future__ import annotations

from importlib import import_module

from resbench.probes.subject import Probe
from resbench.records.metrics import PROBED

# the metrics of a probe are rows of `records/metrics.py`, its function is in the file of its name
PROBES: dict[str, Probe] = {name: import_module(f"resbench.probes.{name}").PROBE for name in PROBED}
