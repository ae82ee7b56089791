"""A study as event files of TensorBoard: one folder a run, with its settings for the dashboard of hyperparameters."""

from __future__ import annotations

import re
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from resbench.report.export.exported import ExportedRun

_MOST = 100  # characters of a folder's name


def write(runs: list[ExportedRun], study: str, out: Path) -> str:
    """Write them; returns the command that shows them."""
    for run in runs:
        name = re.sub(r"[^\w.=,+-]+", "_", run.name)[:_MOST]
        _write_run(run, out / f"{name}-{run.id[:8]}")
    return f"tensorboard --logdir {out}"


def _write_run(run: ExportedRun, folder: Path) -> None:
    writer = EventFileWriter(str(folder))
    try:
        settings = hparams_pb(run.settings, trial_id=run.id, start_time_secs=run.started)
        writer.add_event(Event(wall_time=run.started, summary=settings))
        step = 0
        for step, at, values in run.epochs():
            writer.add_event(Event(wall_time=at, step=step, summary=_scalars(values)))
        results = {f"result/{name}": value for name, value in run.metrics.items()}
        writer.add_event(Event(wall_time=run.ended, step=step, summary=_scalars(results)))
    finally:
        writer.close()


def _scalars(values: dict[str, float]) -> Summary:
    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])
