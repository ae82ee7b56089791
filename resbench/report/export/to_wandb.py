"""A study as runs of Weights & Biases, offline: nothing leaves this machine until `wandb sync`."""

from __future__ import annotations

from pathlib import Path

import wandb

from resbench.report.export.exported import ExportedRun


def write(runs: list[ExportedRun], study: str, out: Path) -> str:
    """Write them; returns the command that uploads them."""
    # nothing of this process belongs to the runs: they were trained elsewhere, and at another time
    settings = wandb.Settings(
        silent=True, console="off", disable_git=True, save_code=False, x_disable_meta=True, x_disable_stats=True
    )
    for run in runs:
        with wandb.init(
            mode="offline",
            dir=out,
            project=study,
            id=run.id,
            name=run.name,
            group=run.group,
            tags=[run.status],
            config={**run.record.config, "provenance": dict(run.record.provenance.facts)},
            settings=settings,
        ) as one:
            for step, _, values in run.epochs():
                one.log(values, step=step)
            one.summary.update(run.metrics)
    return f"wandb sync {out / 'wandb' / 'offline-run-*'}"
