"""Sums of the rates of runs side by side, in a process of its own: `python -m tests.gpu.rates cuda 34 16 3.0 1 2 4`.

Prints a line `jobs rate` for each number as it is known.
"""

from __future__ import annotations

import sys

from resbench.execution.packing import combined_rate

from .checks.throughput import cell


def main() -> None:
    device, depth, width, seconds, *jobs = sys.argv[1:]
    for number in jobs:
        print(number, combined_rate(cell(int(depth), int(width)), device, int(number), float(seconds)), flush=True)


if __name__ == "__main__":
    main()
