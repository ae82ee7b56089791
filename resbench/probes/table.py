"""The probes by name; a grid file chooses them (`probes: [gradients, lesions]`)."""

from __future__ import annotations

from importlib import import_module

from resbench.records.metrics import BUILT_IN_PROBES
from resbench.records.metrics import PROBES as PROBES

# the metrics of a probe are rows of `records/metrics.py`, its function is in the file of its name
for _name in BUILT_IN_PROBES:
    PROBES[_name] = import_module(f"resbench.probes.{_name}").PROBE
