"""Commands and functions in processes of their own, with the time and the memory that they take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, TypeVar

from resbench.records.record import Record

T = TypeVar("T")
RESBENCH = [sys.executable, "-m", "resbench"]
# a small process in between: the peak of a child is also that of the process which forked it
_WATCH = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps([done.returncode, done.stderr[-500:], seconds, peak]))
"""


class Spent(NamedTuple):
    """Of a command: seconds, and the peak memory in MiB of the largest of its processes."""

    seconds: float
    peak: float


def spent(command: Sequence[str], allowed: int = 0, **variables: str) -> Spent:
    """What a command takes; it must succeed.

    Args:
        allowed: an exit code besides that of success.
        variables: of the environment, besides.
    """
    watched = [sys.executable, "-S", "-c", _WATCH, *command]
    done = subprocess.run(watched, env=os.environ | variables, capture_output=True, text=True, check=True)
    code, error, seconds, peak = json.loads(done.stdout)
    if code not in (0, allowed):
        sys.exit(f"{' '.join(command)[:200]}: {error}")
    return Spent(seconds, peak)


def trained(file: Path, folder: Path) -> Spent:
    """What `resbench run` of a grid file takes, its page included; results are in `folder / "r"`."""
    return spent([*RESBENCH, "run", str(file), "--results", str(folder / "r"), "--reports", str(folder / "p")])


def in_fresh_process(function: Callable[..., T], *arguments: object) -> T:
    """What a function returns in a process that has done nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        return fresh.submit(function, *arguments).result()


def peak_so_far() -> float:
    """MiB of this process since it was started."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def numbers(record: Record) -> Mapping[str, float]:
    """The metrics of a record that are finite."""
    return {name: value for name, value in record.metrics.items() if value is not None}
