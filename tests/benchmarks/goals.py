"""What resbench promises about speed, measured: `make goals`.

Each line is a ratio of two things run in turn on this machine, or a time of the command line. Writes
`results/goals.json` (what was measured, where) and `reports/goals.md` (the table, and profiles of a training step as the
plain loop computes it and as resbench does). Takes about twenty minutes on two cores, which must have nothing else to do.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from resbench.bench import PLAIN, Protocol, measure, together
from resbench.device import Placement, cores, place, provenance, settle
from resbench.grid import Grid
from resbench.record import pack
from resbench.run_config import RunConfig
from resbench.store import Store
from resbench.train import empty, initial, placed, train, update

RESBENCH = [sys.executable, "-m", "resbench"]
CPU = torch.device("cpu")
FEW = {"name": "mnist-5k", "train_size": 512, "val_size": 128}
MANY = """name: many
base:
  model: {width: 8}
axes:
  model.depth: [10, 16, 22, 34, 58, 100]
  model.shortcut: [identity, projection, none]
  model.dropout: [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
  model.norm: [batch, group]
  recipe.lr: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
  recipe.batch_size: [32, 64, 128, 256]
seeds: 20
baseline: {model.shortcut: none}
"""
Row = tuple[str, str, str, float | None]  # what, goal, measured, and the number of which the goal speaks


def throughput(width: int) -> Iterator[Row]:
    """One run of 34 layers against the plain loop, and runs side by side."""
    run = RunConfig.model_validate({"model": {"width": width, "depth": 34}, "data": {"name": "mnist-5k"}})
    seconds = 20.0 if width > 32 else 10.0
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        metrics = fresh.submit(measure, run, Protocol("cpu", cores(), seconds, plain=Path())).result()["metrics"]
    ours, plain = metrics["train_images_per_second"], metrics["plain_images_per_second"]
    what = f"training throughput of one run, width {width}, depth 34, against the plain loop"
    yield what, "at least 3", f"{metrics['speedup']:.2f} ({ours:.1f} : {plain:.1f} images/s)", metrics["speedup"]
    sums = {jobs: together(run, "cpu", jobs, seconds) for jobs in (1, cores())}
    best = max(sums.values())
    rates = ", ".join(f"{jobs} side by side {rate:.1f} images/s" for jobs, rate in sums.items())
    yield f"the same, runs side by side, width {width}", "", f"{best / plain:.2f} ({rates})", best / plain
    what = f"model FLOP/s over the peak of the machine in {run_precision(run)}, width {width}"
    limit = metrics["peak_flops_per_second"] / (metrics["flops_per_second"] * plain / ours)
    measured = (
        f"{100 * metrics['share_of_peak']:.0f} % ({metrics['flops_per_second'] / 1e9:.0f} of "
        f"{metrics['peak_flops_per_second'] / 1e9:.0f} GFLOP/s; at the peak one run would be {limit:.1f} times as fast as the plain loop)"
    )
    yield what, "at least 60 %" if width == 64 else "", measured, metrics["share_of_peak"]


def run_precision(run: RunConfig) -> str:
    return "bf16" if placed(run, CPU, cores()).bf16 else "fp32 (bf16 would be emulated here)"


def grid_wall_clock(title: str, goal: str, text: str, folder: Path) -> Row:
    """`resbench run` against the plain loop over the same runs, both with their tests."""
    file = folder / "grid.yaml"
    file.write_text(text)
    configs = [run.config.model_dump_json() for run in Grid.load(file).runs()]
    ours = spent([*RESBENCH, "run", str(file), "--results", str(folder / "r"), "--reports", str(folder / "p")])
    plain = spent([sys.executable, str(PLAIN), *configs])
    return (
        f"wall clock of {title}, against the plain loop",
        goal,
        f"{plain / ours:.2f} ({plain:.0f} s : {ours:.0f} s)",
        plain / ours,
    )


def outside_steps() -> Row:
    """Data, validation, checkpoints and the test, in a run of ten epochs."""
    run = RunConfig.model_validate({"model": {"width": 16, "depth": 34}})
    with tempfile.TemporaryDirectory() as folder:
        metrics = train(run, Path(folder), CPU, cores(), saved=Path(folder) / "checkpoint.pt")["metrics"]
    share = 1 - metrics["train_seconds"] / metrics["run_seconds"]
    what = (
        "time outside training steps in a run of 10 epochs (width 16, depth 34, mnist-5k), validation and test included"
    )
    return what, "at most 3 %", f"{100 * share:.1f} % of {metrics['run_seconds']:.0f} s", share


def command_line(folder: Path) -> Iterator[Row]:
    """Start, planning of 100,000 runs, and 10,000 records."""
    spent([*RESBENCH, "--help"])
    seconds = statistics.median(spent([*RESBENCH, "--help"]) for _ in range(5))
    yield "`resbench --help`", "0.3 s", f"{seconds:.2f} s", seconds
    file = folder / "many.yaml"
    file.write_text(MANY)
    plan = len(Grid.load(file).runs())
    seconds = spent([*RESBENCH, "plan", str(file), "--results", str(folder / "none")])
    yield f"`plan` of {plan:,} runs", "10 s", f"{seconds:.1f} s", seconds
    peaks = {}
    for count in (1000, 10_000):
        made(folder, count)
        loading = f"import resbench, resource; resbench.load({str(folder / 'r' / 'some')!r}); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        began = time.perf_counter()
        told = subprocess.run([sys.executable, "-c", loading], capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - began
        peaks[count] = int(told.stdout) / 1024
    importing = spent([sys.executable, "-c", "import resbench; resbench.load"])
    yield "`load` of 10,000 records", "3 s", f"{seconds:.1f} s, {importing:.1f} s of them imports", seconds
    grown = (peaks[10_000] - peaks[1000]) / 9000 * 1024
    yield (
        "memory of `load` per record",
        "grows no faster than the records",
        f"{grown:.1f} KiB each ({peaks[1000]:.0f} MiB at 1,000, {peaks[10_000]:.0f} MiB at 10,000)",
        grown,
    )
    seconds = spent([*RESBENCH, "run", str(folder / "some.yaml"), "--results", str(folder / "r")])
    yield "`run` with nothing to do over 10,000 records", "5 s", f"{seconds:.1f} s", seconds


def made(folder: Path, count: int) -> None:
    """A study of `count` records of a plausible size; made up, to be read by `command_line` only."""
    file = folder / "some.yaml"
    file.write_text(
        MANY.replace("name: many", "name: some")
        .replace("128, 256]", "128]")
        .replace("[batch, group]", "[batch]")
        .replace("seeds: 20", f"seeds: {-(-count // 324)}")
    )
    grid = Grid.load(file)
    rows = [{"epoch": n, "lr": 0.1, "train_loss": 0.1, "train_accuracy": 0.9, "seconds": 1.0} for n in range(1, 11)]
    where = provenance(place(CPU, 1, "fp32", 8))
    draw = torch.Generator().manual_seed(0)
    store = Store(folder / "r" / "some")
    for run in grid.runs():
        wrong = (torch.rand(1000, generator=draw) < 0.02).long()
        record = empty(run.config, "ok", where, None) | {"history": rows}
        record["metrics"] = {"test_accuracy": 1 - float(wrong.float().mean()), "train_seconds": 1.0}
        record["predictions"] = pack(wrong.numpy(), torch.zeros(1000, dtype=torch.int64).numpy())
        store.add(record)


def spent(command: list[str]) -> float:
    """Seconds of a command, which must succeed."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)[:200]}: {done.stderr[-500:]}")
    return time.perf_counter() - began


KINDS = {
    "convolution_backward": "convolution, backward",
    "convolution": "convolution, forward",
    "batch_norm": "batch norm",
    "clamp_min": "ReLU",
    "threshold": "ReLU",
    "add": "addition",
    "copy_": "copies between formats",
}


def profile(width: int, chosen: Placement) -> dict[str, float]:
    """Milliseconds of one step by kind of operation."""
    run = RunConfig.model_validate({"model": {"width": width, "depth": 34}})
    settle(chosen)
    state = initial(run, chosen)
    state.network.train()
    inputs, labels = torch.randn(128, 1, 28, 28), torch.randint(0, 10, (128,))
    steps = 5
    for _ in range(3):
        update(state, run.recipe, inputs, labels, chosen)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiled:
        for _ in range(steps):
            update(state, run.recipe, inputs, labels, chosen)
    out = dict.fromkeys([*KINDS.values(), "the rest"], 0.0)
    for event in profiled.key_averages():
        kind = next((KINDS[part] for part in KINDS if part in event.key and event.key.startswith("aten::")), "the rest")
        out[kind] += event.self_cpu_time_total / 1e3 / steps
    return out


def profiles(width: int) -> tuple[list[str], list[list[str]]]:
    ways = {
        "default layout": Placement(CPU, cores(), False, False),
        "as resbench": placed(RunConfig.model_validate({"model": {"width": width}}), CPU, cores()),
        "as resbench, 1 thread": placed(RunConfig.model_validate({"model": {"width": width}}), CPU, 1),
    }
    columns = {}
    for name, way in ways.items():
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            columns[name] = fresh.submit(profile, width, way).result()
    kinds = list(next(iter(columns.values())))
    rows = [[kind, *(f"{column[kind]:.0f}" for column in columns.values())] for kind in kinds]
    return ["ms of a step of 128 images", *columns], [
        *rows,
        ["all", *(f"{sum(c.values()):.0f}" for c in columns.values())],
    ]


def table(header: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows])


def main() -> None:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def keep(more: Iterator[Row]) -> None:
            for row in more:
                print(*row[:3], sep=" | ", flush=True)
                rows.append(row)

        keep(throughput(16))
        keep(throughput(64))
        data = json.dumps(FEW)
        wide = f"name: wide\nbase:\n  model: {{width: 64, depth: 34}}\n  data: {data}\n  recipe: {{epochs: 1}}\naxes:\n  model.shortcut: [identity, none]\n  recipe.lr: [0.05, 0.1]\nseeds: 2\n"
        keep(iter([grid_wall_clock("4 cells x 2 seeds, width 64, depth 34, 4 steps each", "at least 6", wide, folder)]))
        narrow = f"name: narrow\nbase:\n  model: {{width: 16}}\n  data: {json.dumps(FEW | {'train_size': 2560})}\n  recipe: {{epochs: 1}}\naxes:\n  model.depth: [10, 22, 34]\n  model.shortcut: [identity, none]\nseeds: 2\n"
        keep(
            iter([grid_wall_clock("12 runs of width 16, depth 10 to 34, 20 steps each", "at least 4", narrow, folder)])
        )
        keep(iter([outside_steps()]))
        keep(command_line(folder))
    shown = {str(width): profiles(width) for width in (16, 64)}
    where = provenance(place(CPU, cores(), "auto", 64))
    measured = [
        {
            "what": what,
            "goal": goal,
            "measured": told,
            "value": float(f"{value:.4g}") if value is not None and math.isfinite(value) else None,
        }
        for what, goal, told, value in rows
    ]
    kept: dict[str, Any] = {"goals": measured, "profiles": shown, "provenance": where}
    Path("results/goals.json").write_text(json.dumps(kept, indent=1) + "\n")
    parts = [
        "# Speed: goals and measurements",
        f"{where['device_name']}, {cores()} cores, {where['cpu_capability']}, torch {where['versions']['torch']}, {where['precision']}; revision {where['revision']}. Made by `make goals`.",
    ]
    parts.append(table(["what", "goal", "measured"], [list(row[:3]) for row in rows]))
    for width, (header, lines) in shown.items():
        parts += [f"## Profile of a training step, width {width}, depth 34", table(header, lines)]
    Path("reports/goals.md").write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
