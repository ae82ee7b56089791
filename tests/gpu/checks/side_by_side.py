"""C9: runs side by side in processes, without and with MPS, and the memory that each takes."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from resbench.data.directory import default_directory
from resbench.execution.packing import exercise
from resbench.training.device import choose
from resbench.training.run import RunConfig

from ..rows import Row, not_checked
from ..setting import Setting, environment, last_line
from .throughput import cell

_JOBS = {16: (1, 2, 4, 8), 64: (1, 4)}  # width -> runs side by side
_WITH_MPS = {16: (4, 8)}
_SECONDS = 2.0
CONTEXT = 600 * 2**20  # bytes that `fitting` counts on for CUDA itself
_OFF = 1.15  # times that a run may take what it was counted on for
_ASKED = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]


def check(setting: Setting) -> Iterator[Row]:
    depth, jobs = (10, {4: (1, 2)}) if setting.small else (34, _JOBS)
    for width, numbers in jobs.items():
        yield from _rates(setting, depth, width, numbers)
    yield _memory(setting, cell(depth, max(jobs)))
    if not setting.on_card:
        yield not_checked("memory on a card, and MPS")
        return
    yield from _with_mps(setting, depth)


def _memory(setting: Setting, run: RunConfig) -> Row:
    """What one run takes, as nvidia-smi sees it, against what is counted on when runs are put side by side."""
    sizes = f"{run.model.depth} layers, width {run.model.width}"
    model = f"{{depth: {run.model.depth}, width: {run.model.width}}}"
    images = "  data: {train_size: 200, val_size: 50}\n" if setting.small else ""
    grid = setting.grid("one", f"base:\n  model: {model}\n{images}  recipe: {{epochs: 3}}\n")
    with _memory_watch(setting) as seen:
        done = setting.run(grid, "one", "-j", "1", "--threads", "1")
    counted = exercise(run, default_directory(), choose(setting.device), ()).peak
    if not seen:
        told = f"{counted / 2**20:,.0f} MiB counted on" + (", and nvidia-smi says nothing" * setting.on_card)
        return Row(f"memory of a run, {sizes}", told, ok=done.returncode == 0)
    taken = (max(seen) - seen[0]) * 2**20
    ratio = taken / (counted + CONTEXT)
    told = f"{taken / 2**20:,.0f} MiB, counted on {counted / 2**20:,.0f} and {CONTEXT / 2**20:,.0f} MiB for CUDA: {ratio:.2f}"
    return Row(f"memory of a run against the prediction, {sizes}", told, ratio, most=_OFF)


def _rates(
    setting: Setting, depth: int, width: int, jobs: tuple[int, ...], variables: Mapping[str, str] | None = None
) -> Iterator[Row]:
    """A row for the sums of rates of these numbers of runs."""
    package = __package__.rpartition(".")[0]
    seconds = "0" if setting.small else str(_SECONDS)
    command = [sys.executable, "-m", f"{package}.rates", setting.device, str(depth), str(width), seconds]
    command += [str(number) for number in jobs]
    most = [
        "timeout",
        "--foreground",
        "-k",
        "5",
        f"{max(10.0, setting.left / 2):.0f}",
    ]  # a client of MPS may wait for ever
    env = environment(**variables or {})
    done = subprocess.run([*most, *command], env=env, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, flush=True)
    rates = {int(number): float(rate) for number, rate in map(str.split, done.stdout.splitlines())}
    told = ", ".join(f"{number} side by side {rate:,.0f}" for number, rate in rates.items())
    if done.returncode:
        told += f"; then {last_line(done)[:200]}"
    gain = max(rates.values()) / rates[jobs[0]] if rates else 0.0
    what = f"images/s of runs side by side{' with MPS' if variables else ''}, {depth} layers, width {width}"
    yield Row(what, told, gain, ok=done.returncode == 0)


@contextlib.contextmanager
def _memory_watch(setting: Setting) -> Iterator[list[int]]:
    """MiB in use on the card, by nvidia-smi: before, and the most meanwhile; empty without a card.

    By the card, as containers hide its processes: one run at a time is the difference.
    """
    seen = _used() if setting.on_card else []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            seen.extend(_used())

    thread = threading.Thread(target=watch, daemon=True)
    if seen:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        if seen:
            thread.join()


def _used() -> list[int]:
    card = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    done = subprocess.run([*_ASKED, "-i", card], capture_output=True, text=True, check=False)
    with contextlib.suppress(ValueError):
        return [int(done.stdout)]
    return []


def _with_mps(setting: Setting, depth: int) -> Iterator[Row]:
    """The same under a daemon of our own, which changes no setting of the card and ends with the check."""
    if not shutil.which("nvidia-cuda-mps-control"):
        yield not_checked("MPS: nvidia-cuda-mps-control is not installed")
        return
    with _mps(setting.work) as (variables, refused):
        if refused:
            yield not_checked(f"MPS, whose daemon does not start: {refused}")
            return
        for width, numbers in _WITH_MPS.items():
            # a daemon that starts may still serve no process, which is a fact of the machine and no fault
            for row in _rates(setting, depth, width, numbers, variables):
                yield Row(row.what, row.told, row.value)


@contextlib.contextmanager
def _mps(work: Path) -> Iterator[tuple[dict[str, str], str]]:
    """Variables with which processes use a daemon, or why there is none."""
    folders = {"CUDA_MPS_PIPE_DIRECTORY": work / "mps", "CUDA_MPS_LOG_DIRECTORY": work / "mps-log"}
    for folder in folders.values():
        folder.mkdir(exist_ok=True)
    variables = {name: str(folder) for name, folder in folders.items()}
    control, env = "nvidia-cuda-mps-control", os.environ | variables
    begun = subprocess.run([control, "-d"], env=env, capture_output=True, text=True, check=False, timeout=20)
    try:
        yield variables, "" if begun.returncode == 0 else (begun.stderr or begun.stdout).strip()[:200] or "no word"
    finally:
        if begun.returncode == 0:
            subprocess.run([control], input="quit\n", env=env, capture_output=True, text=True, check=False, timeout=20)
