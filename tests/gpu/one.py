"""One check, in this process: `python -m tests.gpu.one NAME ...`, which `acceptance` calls."""

from __future__ import annotations

import argparse
import gc
import signal
import sys
from importlib import import_module
from pathlib import Path

from .plan import CHECKS
from .rows import append_row
from .setting import Setting


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--device")
    parser.add_argument("--small", action="store_true")
    for folder in ("--out", "--work", "--rows"):
        parser.add_argument(folder, type=Path)
    parser.add_argument("--seconds", type=float)
    options = parser.parse_args()
    # asked to end, a check ends what it started
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    [check] = [each for each in CHECKS if each.name == options.name]
    setting = Setting(options.device, options.small, options.out, options.work, options.seconds)
    module = import_module(f"{__package__}.checks.{check.module}")
    gc.collect()
    gc.freeze()  # as in the processes of runs
    for row in module.check(setting):
        print(row, flush=True)
        append_row(options.rows, row)


if __name__ == "__main__":
    main()
