"""Commands that measure networks without training them: bench, inspect-init."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from resbench.cli.options import DataDir, Device, GridFile, Only, Overrides, Reports, Results, TakeOver, write_page


def bench(
    grid: GridFile,
    overrides: Overrides = None,
    device: Device = "auto",
    threads: Annotated[int, typer.Option(min=0, help="Of torch; 0 for one on each core.")] = 0,
    seconds: Annotated[float, typer.Option(min=0.0, help="For each quantity of each cell.")] = 5.0,
    against: Annotated[str, typer.Option(help="plain: time the plain training loop in turn with ours.")] = "none",
    known: Annotated[bool, typer.Option("--known", help="Measure ResNet-18 of torchvision and timm too.")] = False,
    data_dir: DataDir = None,
    results: Results = Path("results"),
    reports: Reports = None,
    only: Only = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again what has been measured here.")] = False,
    take_over: TakeOver = False,
) -> None:
    """Speed, latency, memory and share of the peak of each cell.

    Of training and of inference, on images that are made up; nothing is trained.

    \b
    Examples:
      resbench bench my-question.yaml
      resbench bench throughput --only 'model.depth<=34' --against plain
    """
    from resbench.execution.bench import bench_protocol, measurements
    from resbench.execution.selection import open_grid, select_runs
    from resbench.report import costs

    protocol = bench_protocol(device, threads, seconds, against, data_dir)
    opened = open_grid(grid, overrides or [], data_dir=data_dir)
    runs = select_runs(opened, only or [])
    for line in measurements(opened, runs, results, protocol, known, fresh, take_over):
        print(line, file=sys.stderr, flush=True)
    lines = write_page(results, reports, opened.name)
    print(costs(results, opened.name))
    for line in lines:
        print(line)


def inspect_init(
    grid: GridFile,
    overrides: Overrides = None,
    device: Device = "auto",
    results: Results = Path("results"),
    only: Only = None,
) -> None:
    """Activations and gradients of each cell, before training.

    Their correlations too; seconds for a cell, to look before a night of training.

    \b
    Examples:
      resbench inspect-init my-question.yaml 'model.depth=[10,100,1000]'
    """
    from resbench.execution.selection import open_grid, select_runs
    from resbench.probes.initialisation import format_signals, inspect, save_signals
    from resbench.training.device import choose

    opened = open_grid(grid, overrides or [])
    rows = []
    for row in inspect(select_runs(opened, only or []), choose(device)):
        rows.append(row)
        print(f"{len(rows)}: {row.label}", file=sys.stderr, flush=True)
    print(format_signals(rows))
    print(f"as CSV: {save_signals(rows, results / opened.name / 'initialisation.csv')}")
