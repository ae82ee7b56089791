"""What resbench promises about speed, measured: `make goals`.

Each line is a ratio of two things run in turn on this machine, or a time of the command line. Writes
`results/goals.json` (what was measured, where, and profiles of a training step as the plain loop computes it and as
resbench does), and from it `reports/goals/`. Takes about twenty minutes on two cores, which must have nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from benchmarks.row import Row
from benchmarks.scheduling import scheduling

from resbench.benchmark.measure import PLAIN_LOOP, measure
from resbench.execution.packing import combined_rate
from resbench.grid.reader import read_grid
from resbench.records.record import Predictions, Record
from resbench.records.record import Row as HistoryRow
from resbench.records.store import Store
from resbench.report import write_index
from resbench.training.device import Placement, apply_placement, cores, resolve_placement
from resbench.training.provenance import provenance
from resbench.training.run import RunConfig
from resbench.training.step import initial, placement_of, stepper
from resbench.training.timing import Protocol
from resbench.training.train import empty_record

RESBENCH = [sys.executable, "-m", "resbench"]
CPU = torch.device("cpu")
FEW = {"name": "mnist-5k", "train_size": 512, "val_size": 128}
MANY: dict[str, list[object]] = {
    "model.depth": [10, 16, 22, 34, 58, 100],
    "model.shortcut": ["identity", "projection", "none"],
    "model.dropout": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
    "model.norm": ["batch", "group"],
    "recipe.lr": [0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
    "recipe.batch_size": [32, 64, 128, 256],
}
SOME: dict[str, list[object]] = {
    "model.depth": [10, 16, 22, 34, 58],
    "model.shortcut": ["identity", "none"],
    "recipe.lr": [0.05, 0.1],
}


def throughput(width: int) -> Iterator[Row]:
    """One run of 34 layers against the plain loop, and runs side by side."""
    run = RunConfig.model_validate({"model": {"width": width, "depth": 34}, "data": {"name": "mnist-5k"}})
    seconds = 20.0 if width > 32 else 10.0
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        metrics = numbers(fresh.submit(measure, run, Protocol("cpu", cores(), seconds, plain=Path())).result())
    ours, plain = metrics["train_images_per_second"], metrics["plain_images_per_second"]
    limit = metrics["peak_flops_per_second"] / (metrics["flops_per_second"] * plain / ours)
    words = f"{metrics['speedup']:.2f} ({ours:.1f} : {plain:.1f} images/s; at the peak of the machine it would be {limit:.1f})"
    what = f"training throughput of one run, width {width}, depth 34, against the plain loop"
    yield Row(what, metrics["speedup"], words, least=3.0, goal="at least 3")
    sums = {jobs: combined_rate(run, "cpu", jobs, seconds) for jobs in (1, cores())}
    best = max(sums.values())
    words = ", ".join(f"{jobs} side by side {rate:.1f} images/s" for jobs, rate in sums.items())
    yield Row(f"the same, runs side by side, width {width}", best / plain, f"{best / plain:.2f} ({words})")
    words = (
        f"{100 * metrics['share_of_peak']:.0f} % ({metrics['flops_per_second'] / 1e9:.0f} of "
        f"{metrics['peak_flops_per_second'] / 1e9:.0f} GFLOP/s)"
    )
    what = f"model FLOP/s over the measured peak of all cores in {run_precision(run)}, width {width}"
    least, goal = (0.6, "at least 60 %") if width == 64 else (None, "–")
    yield Row(what, metrics["share_of_peak"], words, least=least, goal=goal)


def numbers(record: Record) -> dict[str, float]:
    """The metrics of a record that are finite."""
    return {name: value for name, value in record.metrics.items() if value is not None}


def run_precision(run: RunConfig) -> str:
    return "bf16" if placement_of(run, CPU, cores()).bf16 else "fp32 (bf16 would be emulated here)"


def grid_wall_clock(title: str, least: float, text: str, folder: Path) -> Row:
    """`resbench run` against the plain loop over the same runs, both with their tests."""
    file = folder / "grid.yaml"
    file.write_text(text)
    configs = [run.config.model_dump_json() for run in read_grid(file).runs()]
    ours = spent([*RESBENCH, "run", str(file), "--results", str(folder / "r"), "--reports", str(folder / "p")])
    plain = spent([*PLAIN_LOOP, *configs])
    what = f"wall clock of {title}, against the plain loop"
    words = f"{plain / ours:.2f} ({plain:.0f} s : {ours:.0f} s)"
    return Row(what, plain / ours, words, least=least, goal=f"at least {least:g}")


def outside_steps(folder: Path) -> Iterator[Row]:
    """Data, validation, checkpoints and the test, in a run of ten epochs by `resbench run`."""
    for val_size in ("auto", "0"):
        name = f"outside-{val_size}"
        file = folder / f"{name}.yaml"
        file.write_text(
            f"name: {name}\nbase:\n  model: {{width: 16, depth: 34}}\n  data: {{val_size: {val_size}}}\n  recipe: {{epochs: 10}}\n"
        )
        spent([*RESBENCH, "run", str(file), "--results", str(folder / "r"), "--reports", str(folder / "p")])
        metrics = numbers(Store(folder / "r" / name).records()[0])
        share = 1 - metrics["train_seconds"] / metrics["run_seconds"]
        words = f"{100 * share:.1f} % of {metrics['run_seconds']:.0f} s"
        what = "time outside training steps in a run of 10 epochs (width 16, depth 34, mnist-5k)"
        if val_size == "auto":
            yield Row(f"{what}, validation of a tenth included", share, words, most=0.03, goal="at most 3 %")
        else:
            yield Row(f"{what}, without validation", share, words)


def command_line(folder: Path) -> Iterator[Row]:
    """Start, planning of 100,000 runs, and 10,000 records."""
    spent([*RESBENCH, "--help"])
    seconds = statistics.median(spent([*RESBENCH, "--help"]) for _ in range(5))
    yield Row("`resbench --help`", seconds, f"{seconds:.2f} s", most=0.3, goal="0.3 s")
    file = folder / "many.yaml"
    grid_file(file, MANY, 20)
    plan = len(read_grid(file).runs())
    seconds = spent([*RESBENCH, "plan", str(file), "--results", str(folder / "none")])
    yield Row(f"`plan` of {plan:,} runs", seconds, f"{seconds:.1f} s", most=10, goal="10 s")
    peaks = {}
    for count in (1000, 10_000):
        made(folder, count)
        # the peak of the address space since exec; getrusage would give that of this process, before exec
        loading = (
            f"import resbench; resbench.load({str(folder / 'r' / 'some')!r}); print(open('/proc/self/status').read())"
        )
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", loading], capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - began
        peaks[count] = int(done.stdout.split("VmHWM:")[1].split()[0]) / 1024
    importing = spent([sys.executable, "-c", "import resbench; resbench.load"])
    yield Row(
        "`load` of 10,000 records", seconds, f"{seconds:.1f} s, {importing:.1f} s of them imports", most=3, goal="3 s"
    )
    grown = (peaks[10_000] - peaks[1000]) / 9000 * 1024
    memory_words = f"{grown:.1f} KiB each ({peaks[1000]:.0f} MiB at 1,000, {peaks[10_000]:.0f} MiB at 10,000)"
    yield Row("memory of `load` per record", grown, memory_words, goal="grows no faster than the records")
    seconds = spent([*RESBENCH, "run", str(folder / "some.yaml"), "--results", str(folder / "r")])
    yield Row("`run` with nothing to do over 10,000 records", seconds, f"{seconds:.1f} s", most=5, goal="5 s")


def grid_file(path: Path, axes: Mapping[str, Sequence[object]], seeds: int) -> None:
    baseline = {"model.shortcut": "none"}
    path.write_text(json.dumps({"base": {"model": {"width": 8}}, "axes": axes, "seeds": seeds, "baseline": baseline}))


def made(folder: Path, count: int) -> None:
    """A study of `count` records of a plausible size; made up, to be read by `command_line` only."""
    file = folder / "some.yaml"
    grid_file(file, SOME, count // 20)
    grid = read_grid(file)
    assert len(grid.runs()) == count
    rows: list[HistoryRow] = [
        {"epoch": n, "lr": 0.1, "train_loss": 0.1, "train_accuracy": 0.9, "seconds": 1.0} for n in range(1, 11)
    ]
    facts = provenance(resolve_placement(CPU, 1, "fp32", 8))
    draw = torch.Generator().manual_seed(0)
    store = Store(folder / "r" / "some")
    for run in grid.runs():
        wrong = (torch.rand(1000, generator=draw) < 0.02).long()
        record = empty_record(run.config, "ok", facts, None)
        record.history = rows
        record.metrics = {"test_accuracy": 1 - float(wrong.float().mean()), "train_seconds": 1.0}
        record.predictions = Predictions.of(wrong.numpy(), torch.zeros(1000, dtype=torch.int64).numpy())
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
    apply_placement(chosen)
    state = initial(run, chosen)
    state.network.train()
    step = stepper(state, run, chosen)
    inputs, labels = torch.randn(128, 1, 28, 28), torch.randint(0, 10, (128,))
    steps = 5
    for _ in range(3):
        step(inputs, labels)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiled:
        for _ in range(steps):
            step(inputs, labels)
    out = dict.fromkeys([*KINDS.values(), "the rest"], 0.0)
    for event in profiled.key_averages():
        kind = next((KINDS[part] for part in KINDS if part in event.key and event.key.startswith("aten::")), "the rest")
        out[kind] += event.self_cpu_time_total / 1e3 / steps
    return out


def profiles(width: int) -> dict[str, dict[str, float]]:
    """Milliseconds of a step by kind of operation, as the plain loop computes and as resbench does."""
    run = RunConfig.model_validate({"model": {"width": width}})
    placements = {
        "plain: fp32, default layout": Placement(CPU, cores(), False, False),
        "resbench": placement_of(run, CPU, cores()),
        "resbench, 1 thread": placement_of(run, CPU, 1),
    }
    columns = {}
    for name, placement in placements.items():
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            columns[name] = fresh.submit(profile, width, placement).result()
    return {name: {kind: round(value, 1) for kind, value in column.items()} for name, column in columns.items()}


def wide_grid(folder: Path) -> Iterator[Row]:
    text = f"name: wide\nbase:\n  model: {{width: 64, depth: 34}}\n  data: {json.dumps(FEW)}\n  recipe: {{epochs: 1}}\naxes:\n  model.shortcut: [identity, none]\n  recipe.lr: [0.05, 0.1]\nseeds: 2\n"
    yield grid_wall_clock("4 cells x 2 seeds, width 64, depth 34, 4 steps each", 6, text, folder)


def narrow_grid(folder: Path) -> Iterator[Row]:
    text = f"name: narrow\nbase:\n  model: {{width: 16}}\n  data: {json.dumps(FEW | {'train_size': 2560})}\n  recipe: {{epochs: 1}}\naxes:\n  model.depth: [10, 22, 34]\n  model.shortcut: [identity, none]\nseeds: 2\n"
    yield grid_wall_clock("12 runs of width 16, depth 10 to 34, 20 steps each", 4, text, folder)


SECTIONS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "width-16": lambda folder: throughput(16),
    "width-64": lambda folder: throughput(64),
    "grid-of-width-64": wide_grid,
    "grid-of-width-16": narrow_grid,
    "outside-steps": outside_steps,
    "command-line": command_line,
    "scheduling": scheduling,
}


def main() -> None:
    """Measure all sections, or those named, and keep the others as they were measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    words = f"{', '.join(SECTIONS)}, profiles; all by default"
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, "profiles", []], metavar="SECTION", help=words)
    wanted = parser.parse_args().sections or [*SECTIONS, "profiles"]
    path = Path("results/goals.json")
    kept: dict[str, Any] = (
        json.loads(path.read_text()) if path.exists() else {"schema": 1, "sections": {}, "profiles": {}}
    )
    facts = provenance(resolve_placement(CPU, cores(), "auto", 64)).with_facts(cores=cores())
    for name in [one for one in SECTIONS if one in wanted]:
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            for row in SECTIONS[name](Path(folder)):
                print(row.what, row.goal, row.told, sep=" | ", flush=True)
                rows.append(asdict(row) | {"value": float(f"{row.value:.4g}")})
        kept["sections"][name] = {"rows": rows, "provenance": dict(facts.facts)}
    if "profiles" in wanted:
        kept["profiles"] = {str(width): profiles(width) for width in (16, 64)}
    path.write_text(json.dumps(kept, indent=1, allow_nan=False) + "\n")
    print(write_index(Path("results"), Path("reports")))


if __name__ == "__main__":
    main()
