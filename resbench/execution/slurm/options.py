"""Options of sbatch: what the user may set, and what a run needs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from resbench.core.errors import UserError
from resbench.core.processes import import_variables
from resbench.execution.task import Setting

_MINUTES = 60  # of each job, if the user names no time; a run that needs longer goes on in the same job, requeued
_NOTICE_SECONDS = 90  # before the time is up, in which a run ends its step and saves its state
_OURS = {
    "array": "-j sets how many run at once",
    "cpus_per_task": "--threads sets it",
    "error": "logs are kept in .work/slurm",
    "job_name": "the study's name is taken",
    "nodes": "a run takes one node",
    "ntasks": "a run is one task",
    "ntasks_per_node": "a run is one task",
    "open_mode": "logs are kept in .work/slurm",
    "output": "logs are kept in .work/slurm",
    "signal": "use signal_delay_s=SECONDS",
}
_GPUS = {"gpus", "gpus_per_node", "gpus_per_task", "gres"}


def parameters(options: Mapping[str, Any], name: str, setting: Setting, at_once: int) -> dict[str, Any]:
    """What submitit needs to know of an array.

    Args:
        options: the user's, as `parsed`.
        name: of the jobs.
        at_once: elements that may run at the same time.
    """
    more = dict(options)
    minutes = more.pop("time", _MINUTES)
    notice = more.pop("signal_delay_s", min(_NOTICE_SECONDS, 20 * minutes))
    if "no_requeue" not in more:
        more["requeue"] = True  # when a node fails, whatever the cluster's default
    if setting.device == "cuda" and not _GPUS & more.keys():
        more["gpus_per_node"] = 1
    threads = setting.threads
    return {
        "job_name": name,
        "time": minutes,
        "signal_delay_s": notice,
        "cpus_per_task": threads,
        # srun does not take this over from sbatch since Slurm 22.05, and would bind the run to one core
        "srun_args": [f"--cpus-per-task={threads}"],
        "setup": [f"export {name}={shlex.quote(value)}" for name, value in _variables(threads).items()],
        "array_parallelism": at_once,
        "wckey": None,
        "additional_parameters": more,
    }


def _variables(threads: int) -> dict[str, str]:
    """The environment of a job: its modules are found as here, not in the folder in which it was submitted first."""
    # results depend on the number of threads; libraries would else make their own guess
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    return counts | import_variables()


def parsed(options: Iterable[str]) -> dict[str, Any]:
    """`partition=gpu`, `time=120`, `exclusive` as parameters of sbatch.

    Raises:
        UserError: not of that form, or something that resbench decides itself.
    """
    out: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        key = name.replace("-", "_")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", key) or (equals and not value.strip()) or not value.isprintable():
            raise UserError(
                f"--slurm {option!r}: write an option of sbatch as name=value, e.g. partition=gpu or time=120"
            )
        if key in _OURS:
            raise UserError(f"--slurm {option}: not to be set: {_OURS[key]}")
        if key in ("time", "signal_delay_s"):
            unit = "minutes" if key == "time" else "seconds"
            if not value.isdecimal() or not int(value):
                raise UserError(f"--slurm {option}: use a whole number of {unit}")
            out[key] = int(value)
        else:
            out[key] = value if equals else True
    return out
