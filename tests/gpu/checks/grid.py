"""C10: what a run costs besides its steps, whether the forecast holds, and a grid against the plain loop."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
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
_ONE = 5.0  # times the plain loop, for one run
_GOAL = 20.0  # times the wall clock of the plain loop, for a grid
_DEFAULT = "as it is"


def check(setting: Setting) -> Iterator[Row]:
    sizes: dict[str, object] = {"depth": 34, "width": 16, "images": "all", "epochs": 10, "seeds": _FEW}
    many: dict[str, object] = sizes | {"seeds": _MANY}
    if setting.small:
        sizes |= {"depth": 10, "width": 4, "images": 128, "epochs": 2, "seeds": 2}
        many = sizes | {"seeds": 3}
    configs = [run.config.model_dump_json() for run in read_grid(setting.grid("many", _GRID.format(**many))).runs()]
    plain = _plain(setting, configs)
    yield Row(f"plain loop over {len(configs)} runs", plain.told, plain.seconds, ok=plain.seconds > 0)
    yield from _one_by_one(setting, setting.grid("few", _GRID.format(**sizes)), plain)
    yield from _many(setting, setting.grid("many", _GRID.format(**many)), len(configs), plain)
    if not setting.on_card:
        yield not_checked("contexts and captures, which a run on a card costs")


@dataclass(frozen=True)
class _Plain:
    """The plain loop over all runs: seconds, images a second of its steps, and how that is known; 0 if it failed."""

    seconds: float
    rate: float
    told: str


def _plain(setting: Setting, configs: list[str]) -> _Plain:
    """One run is done, and the others are taken to cost as much."""
    command = [sys.executable, *PLAIN_LOOP[1:], "--device", setting.device, configs[0]]
    began = time.monotonic()
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False, cwd=setting.work)
    wall = time.monotonic() - began
    if done.returncode:
        return _Plain(0.0, 0.0, last_line(done))
    found = json.loads(done.stdout)
    each, start = found["seconds"], wall - found["seconds"]
    whole = start + len(configs) * each
    told = f"{whole:.0f} s, scaled from one run of {each:.1f} s and a start of {start:.1f} s"
    return _Plain(whole, found["batch_size"] / statistics.median(found["step_seconds"]), told)


def _one_by_one(setting: Setting, grid: Path, plain: _Plain) -> Iterator[Row]:
    """Runs one after the other: the forecast of it all, their fixed cost, and their rate."""
    expected = plan(grid, setting.work / "as-it-is", setting.device, jobs=1).seconds
    best, way = 0.0, ""
    for name, options in [(_DEFAULT, ()), *ways(setting.small)]:
        seconds, told = _wall(setting, grid, _folder(name), "-j", "1", *options)
        records = setting.store(grid, _folder(name)).records()
        metrics = [{key: value or 0.0 for key, value in record.metrics.items()} for record in records]
        if told or not metrics:
            yield Row(f"runs one after the other, {name}", told or "no record", ok=False)
            continue
        rate = statistics.median(each["images_per_second"] for each in metrics)
        best, way = max((best, way), (rate, name))
        rest = statistics.median(each["run_seconds"] - each["train_seconds"] for each in metrics)
        outside = (seconds - sum(each["run_seconds"] for each in metrics)) / len(metrics)
        words = f"{rest:.2f} s in its process and {outside:.2f} s of the command; {rate:,.0f} images/s in its steps"
        yield Row(f"fixed cost of a run, {name}", words, rest + outside)
        if name == _DEFAULT:
            off, words = max(seconds / expected, expected / seconds), f"{seconds:.1f} s, foreseen {expected:.1f} s"
            yield Row(f"forecast of {len(metrics)} runs", words, off, most=_FORECAST if setting.on_card else None)
    if plain.rate:
        words = f"{best / plain.rate:.2f} ({best:,.0f} : {plain.rate:,.0f} images/s), {way}"
        least = _ONE if setting.on_card else None
        yield Row("one run against the plain loop, data and checks included", words, best / plain.rate, least=least)


def _many(setting: Setting, grid: Path, runs: int, plain: _Plain) -> Iterator[Row]:
    """Runs side by side, in each way."""
    jobs = "2" if setting.small else "8"
    best, way = 0.0, ""
    for name, options in [(_DEFAULT, ()), *ways(small=True)]:
        seconds, told = _wall(setting, grid, _folder(name), "-j", jobs, *options)
        gain = 0.0 if told else plain.seconds / seconds
        words = told or f"{seconds:.1f} s: {gain:.1f} times the plain loop"
        yield Row(f"{runs} runs, {jobs} side by side, {name}", words, gain, ok=not told)
        best, way = max((best, way), (gain, name))
    least = _GOAL if setting.on_card else None
    yield Row(f"grid of {runs} runs against the plain loop", f"{best:.1f} times, {way}", best, least=least)


def _folder(name: str) -> str:
    return name.replace(" ", "-")


def _wall(setting: Setting, grid: Path, results: str, *options: str) -> tuple[float, str]:
    """Seconds of `resbench run`, and what went wrong."""
    threads = ("--threads", "1") if setting.small else ()
    began = time.monotonic()
    done = setting.run(grid, results, *threads, *options)
    seconds = time.monotonic() - began
    return seconds, "" if done.returncode == 0 else f"exit code {done.returncode}: {last_line(done)}"
