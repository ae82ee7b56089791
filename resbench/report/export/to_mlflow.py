"""A study as an experiment of MLflow, in an SQLite file of its own: MLflow takes no new file store since 3.7."""

from __future__ import annotations

import logging
from pathlib import Path

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

from resbench.report.export.exported import ExportedRun

_METRICS, _PARAMS = 1000, 100  # that MLflow takes at once


def write(runs: list[ExportedRun], study: str, out: Path) -> str:
    """Write them; returns the command that shows them."""
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of each table that it makes
    logging.getLogger("alembic").setLevel(logging.WARNING)
    address = f"sqlite:///{out / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=address)
    experiment = client.create_experiment(study, artifact_location=(out / "artifacts").absolute().as_uri())
    for run in runs:
        _write_run(client, experiment, run)
    return f"mlflow ui --backend-store-uri {address}"


def _write_run(client: MlflowClient, experiment: str, run: ExportedRun) -> None:
    tags = {f"resbench.{name}": text for name, text in run.tags.items()} | {"resbench.cell": run.group}
    made = client.create_run(experiment, start_time=_milliseconds(run.started), tags=tags, run_name=run.name)
    metrics = [
        Metric(name, value, _milliseconds(at), step) for step, at, some in run.epochs() for name, value in some.items()
    ]
    last = len(run.record.history)
    metrics += [Metric(name, value, _milliseconds(run.ended), last) for name, value in run.results.items()]
    params = [Param(path, text) for path, text in run.settings.items()]
    for first in range(0, len(params), _PARAMS):
        client.log_batch(made.info.run_id, params=params[first : first + _PARAMS])
    for first in range(0, len(metrics), _METRICS):
        client.log_batch(made.info.run_id, metrics=metrics[first : first + _METRICS])
    state = "FAILED" if run.status == "failed" else "FINISHED"
    client.set_terminated(made.info.run_id, state, end_time=_milliseconds(run.ended))


def _milliseconds(seconds: float) -> int:
    return int(1000 * seconds)
