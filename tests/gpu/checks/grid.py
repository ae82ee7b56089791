"""C10: what a run costs besides its steps, whether the forecast holds, and a grid against the plain loop."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from resbench.benchmark.measure import PLAIN_LOOP
from resbench.execution.plan import plan
from resbench.grid.reader import read_grid

from ..rows import Row, not_checked
from ..setting import Setting, environment, last_line
from ..ways import ways

_GRID = """base:
  model: {{depth: {depth}, width: {width}}}
  data: {{name: mnist-5k, train_size: {images}, val_size: auto}}
  recipe: {{epochs: {epochs}}}
seeds: {seeds}
"""
_FEW, _MANY = 5, 32
_FORECAST = 1.5  # times that it may be off
_GOAL = 20.0  # times the wall clock of the plain loop


def check(setting: Setting) -> Iterator[Row]:
    sizes: dict[str, object] = {"depth": 34, "width": 16, "images": "all", "epochs": 10, "seeds": _FEW}
    many: dict[str, object] = sizes | {"seeds": _MANY}
    if setting.small:
        sizes |= {"depth": 10, "width": 4, "images": 128, "epochs": 2, "seeds": 2}
        many = sizes | {"seeds": 3}
    few = setting.grid("few", _GRID.format(**sizes))
    yield from _cost(setting, few)
    yield from _against_plain(setting, setting.grid("many", _GRID.format(**many)))
    if not setting.on_card:
        yield not_checked("contexts and captures, which a run on a card costs")


def _cost(setting: Setting, grid: Path) -> Iterator[Row]:
    """One run after the other: their fixed cost, and the forecast of it all."""
    expected = plan(grid, setting.work / "one", setting.device, jobs=1).seconds
    seconds, told = _wall(setting, grid, "one", "-j", "1")
    records = setting.store(grid, "one").records()
    metrics = [{name: value or 0.0 for name, value in record.metrics.items()} for record in records]
    if not metrics:
        yield Row("a grid, one run after the other", told, ok=False)
        return
    rest = statistics.median(each["run_seconds"] - each["train_seconds"] for each in metrics)
    training = statistics.median(each["train_seconds"] for each in metrics)
    outside = (seconds - sum(each["run_seconds"] for each in metrics)) / len(metrics)
    words = f"{training:.2f} s in its steps, {rest:.2f} s besides, {outside:.2f} s outside of the run"
    yield Row("fixed cost of a run", words, rest + outside)
    ratio = seconds / expected
    words = f"{seconds:.1f} s, foreseen {expected:.1f} s: {ratio:.2f}"
    off = max(ratio, 1 / ratio)
    yield Row(f"forecast of {len(metrics)} runs", words, off, most=_FORECAST if setting.on_card else None)


def _against_plain(setting: Setting, grid: Path) -> Iterator[Row]:
    runs = read_grid(grid).runs()
    plain, told = _plain_seconds(setting, [run.config.model_dump_json() for run in runs])
    yield Row(f"plain loop over {len(runs)} runs", told, plain, ok=plain > 0)
    jobs = "2" if setting.small else "8"
    best, way = 0.0, ""
    for name, options in [("as it is", ()), *ways()]:
        seconds, words = _wall(setting, grid, name.replace(" ", "-"), "-j", jobs, *options)
        gain = plain / seconds if not words else 0.0
        yield Row(f"{len(runs)} runs, {jobs} side by side, {name}", words or f"{seconds:.1f} s: {gain:.1f} times", gain)
        best, way = max((best, way), (gain, name))
    least = _GOAL if setting.on_card else None
    yield Row(f"grid of {len(runs)} runs against the plain loop", f"{best:.1f} times, with {way}", best, least=least)


def _wall(setting: Setting, grid: Path, results: str, *options: str) -> tuple[float, str]:
    """Seconds of `resbench run`, and what went wrong."""
    threads = ("--threads", "1") if setting.small else ()
    began = time.monotonic()
    done = setting.run(grid, results, *threads, *options)
    seconds = time.monotonic() - began
    return seconds, "" if done.returncode == 0 else f"exit code {done.returncode}: {last_line(done)}"


def _plain_seconds(setting: Setting, configs: list[str]) -> tuple[float, str]:
    """Seconds of the plain loop over all runs: one is done and the rest is taken to cost as much."""
    command = [sys.executable, *PLAIN_LOOP[1:], "--device", setting.device, *configs[:1]]
    began = time.monotonic()
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False, cwd=setting.work)
    wall = time.monotonic() - began
    if done.returncode:
        return 0.0, last_line(done)
    seconds = [json.loads(line)["seconds"] for line in done.stdout.splitlines()]
    each = statistics.median(seconds)
    whole = wall - sum(seconds) + len(configs) * each
    return (
        whole,
        f"{whole:.0f} s, scaled from {len(seconds)} run of {each:.1f} s and a start of {wall - sum(seconds):.1f} s",
    )
