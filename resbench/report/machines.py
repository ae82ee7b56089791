"""The machines that costs were measured on."""

from __future__ import annotations

import pandas as pd

WHERE = ("device_name", "threads", "precision")


def machine_name(device_name: object, threads: object, precision: object) -> str:
    return f"{device_name}, {threads} threads, {precision}"


def first_machine(costs: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of the machine that comes first, and its name; of these the sentences and figures of a page speak."""
    machine = tuple(costs[name].iloc[0] for name in WHERE)
    shown = costs[[tuple(row) == machine for row in costs[list(WHERE)].to_numpy()]]
    return shown, machine_name(*machine)
