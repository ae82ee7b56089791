"""What Slurm says of jobs, and what these say of runs; with Slurm's own commands, so that reading needs nothing else."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from resbench.core.errors import UserError
from resbench.execution.task import BUSY, RAISED, UNWRITABLE

_FIELDS = "JobArrayID:64,State:32,exit_code:12,Reason:64"  # of squeue; each is padded to its width
_FAULTS = {"CANCELLED", "DEADLINE", "FAILED", "OUT_OF_MEMORY", "TIMEOUT"}
_LOST = {"BOOT_FAIL", "NODE_FAIL", "PREEMPTED"}  # not the run's doing
_ENDED = {"COMPLETED"} | _FAULTS | _LOST
_GONE = "UNKNOWN"
_ANSWER_SECONDS = 60.0
_MAX_LINES, _MAX_BYTES = 15, 16384  # of a log, for a record
_DEFAULT_ARRAY = 1001  # Slurm's own default of MaxArraySize


@dataclass(frozen=True)
class JobState:
    """Slurm's word for the state of a job, its exit code (128 and the signal if it was killed), why it waits."""

    name: str
    code: int = 0
    reason: str = ""

    @property
    def live(self) -> bool:
        return self.name not in _ENDED and self.name != _GONE

    def __str__(self) -> str:
        return {"PENDING": "queued", _GONE: "forgotten by Slurm"}.get(self.name, self.name.lower().replace("_", " "))


def installed() -> bool:
    """Whether jobs can be submitted from this machine."""
    return all(shutil.which(command) for command in ("sbatch", "squeue", "scancel", "srun"))


def states(name: str, jobs: Collection[str] = ()) -> dict[str, JobState]:
    """State of each of this user's jobs of a name, by job id (`4711`, or `4711_3` in an array).

    Slurm's controller forgets jobs some minutes after their end (MinJobAge); those are looked up in its accounting,
    where a cluster has one.

    Args:
        name: that the jobs were given.
        jobs: ids that must be in the answer, as UNKNOWN if nothing is known of them any more.

    Raises:
        UserError: Slurm does not answer.
    """
    command = ["squeue", f"--user={os.getuid()}", f"--name={name}", "--states=all", "--array", "--noheader"]
    out = {}
    for line in _call([*command, f"--Format={_FIELDS}"]).splitlines():
        job, state, code, reason = [*line.split(maxsplit=3), ""][:4]
        out[job] = JobState(state, _exit_code(int(code)), reason.strip() if reason.strip() != "None" else "")
    forgotten = [job for job in jobs if job not in out]
    if forgotten:
        accounted = _accounted(forgotten)
        out |= {job: accounted.get(job, JobState(_GONE)) for job in forgotten}
    return out


def _exit_code(raw: int) -> int:
    """A wait status as a shell would give it."""
    return os.waitstatus_to_exitcode(raw) if not raw & 0x7F else 128 + (raw & 0x7F)


def _accounted(jobs: Iterable[str]) -> dict[str, JobState]:
    arrays = sorted({job.partition("_")[0] for job in jobs})
    command = ["sacct", "-X", "-n", "-P", "-o", "JobID,State,ExitCode", "-j", ",".join(arrays)]
    try:
        lines = _call(command).splitlines()
    except UserError:  # many clusters keep no accounts
        return {}
    out = {}
    for line in lines:
        job, state, code = line.split("|")[:3]
        exit_code, _, number = code.partition(":")
        words = state.split()  # `CANCELLED by 1000`
        out[job] = JobState(words[0] if words else _GONE, 128 + int(number) if int(number or 0) else int(exit_code))
    return out


def cancel(jobs: Iterable[str]) -> None:
    """Ask Slurm to end jobs or whole arrays; those that have ended are no error."""
    ids = sorted(jobs)
    if ids:
        _call(["scancel", *ids])


def largest_array() -> int:
    """How many elements an array may have here."""
    limit = re.search(r"^MaxArraySize\s*=\s*(\d+)", _call(["scontrol", "show", "config"]), re.MULTILINE)
    return max(1, int(limit[1])) if limit else _DEFAULT_ARRAY


def _call(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(
            f"Slurm does not answer: {command[0]}: {getattr(error, 'strerror', None) or 'no answer'}"
        ) from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"Slurm does not answer: {said if said.startswith(command[0]) else f'{command[0]}: {said}'}")
    return done.stdout


@dataclass(frozen=True)
class JobEnd:
    """What the end of a job means for its run: the fields of `driver.RunOutcome`."""

    status: Literal["done", "busy", "died", "lost", "unwritable"]
    kind: str = ""
    message: str = ""


def judge(job: str, state: JobState, timeout: float | None, folder: Path) -> JobEnd:
    """What the end of a job means for its run.

    Args:
        timeout: of the run, in seconds.
        folder: where the logs of jobs are.
    """
    if state.name == "COMPLETED":
        return JobEnd("done")
    if state.name == "FAILED" and state.code == BUSY:
        return JobEnd("busy")
    lines = log(job, folder)
    if state.name == "FAILED" and state.code == UNWRITABLE:
        # the log may have been as unwritable as the rest
        words = _words(lines, 3) or [errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)]
        return JobEnd("unwritable", message=json.dumps(words))
    if state.name == "FAILED" and state.code == RAISED and (words := _words(lines, 2)):
        return JobEnd("died", words[0], words[1] or words[0])
    if state.name in _LOST:
        return JobEnd("lost", f"slurm: {state.name}", f"job {job}: {state.name}, again and again")
    if timeout and state.code == 128 + signal.SIGALRM:
        return JobEnd("died", "timeout", f"took longer than the {timeout:g} s of --timeout; its epochs are kept")
    first = f"job {job}: {state.name}"
    if state.name == _GONE:
        first = f"job {job} left no record, and Slurm no longer knows how it ended"
    elif state.code > 128 and state.code - 128 in signal.valid_signals():
        first += f", killed by {signal.Signals(state.code - 128).name}"
    elif state.code:
        first += f", exit code {state.code}"
    if not lines and state.name == "FAILED":
        lines = [f"no log in {folder}: is it on a file system that the nodes share?"]
    return JobEnd("died", f"slurm: {state.name}", "\n".join([first, *lines]))


def log(job: str, folder: Path) -> list[str]:
    """The last lines of what a job, and Slurm on its behalf, wrote to its log."""
    for suffix in ("err", "out"):
        try:
            with (folder / f"{job}_0_log.{suffix}").open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _MAX_BYTES))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            continue
        if lines := [line.rstrip() for line in lines if line.strip()]:
            return lines[-_MAX_LINES:]
    return []


def _words(lines: list[str], number: int) -> list[Any]:
    """So many words that the run has left in its log as JSON, or none."""
    for line in reversed(lines):
        if line.startswith("["):
            with contextlib.suppress(ValueError):
                words = json.loads(line)
                if isinstance(words, list) and len(words) == number:
                    return words
    return []
