"""C7: what must fail does so in good order, and harms nothing else."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator

from ..rows import Row, not_checked
from ..setting import RESBENCH, Setting, environment, last_line, resbench

# On a card, a batch of which no card holds the activations; on a CPU one beyond what the command may have.
_LARGE = {"cuda": (100, 128), "cpu": (10, 256)}  # depth, width; 300 GB on a card
_RUNS = """base:
  data: {{name: mnist-5k, val_size: 0}}
  recipe: {{epochs: 1, precision: fp32}}
  model: {{depth: {depth}}}
zip:
  - recipe.batch_size: [65536, 64]
    data.train_size: [all, 128]
    model.width: [{width}, 4]
"""
_MEMORY = 12 * 2**30  # bytes of addresses: torch takes some, and the first activation of all images 3.6 GB


def check(setting: Setting) -> Iterator[Row]:
    yield from _out_of_memory(setting)
    done = resbench("run", str(setting.grid("none", "")), "--device", "cuda", variables={"CUDA_VISIBLE_DEVICES": ""})
    lines = done.stderr.strip().splitlines()
    told = f"exit code {done.returncode}: {' / '.join(lines)[:200]}"
    yield Row("no card to be seen, and one asked for", told, ok=done.returncode == 2 and len(lines) == 1)
    if not setting.on_card:
        yield not_checked("the memory of a card: here the addresses of the command were limited")


def _out_of_memory(setting: Setting) -> Iterator[Row]:
    depth, width = _LARGE[setting.device]
    grid = setting.grid("memory", _RUNS.format(depth=depth, width=width))
    words = setting.run_words(grid, "memory", "-j", "1", "--threads", "1")
    command = [*RESBENCH, *words]
    limit = None if setting.on_card else _limit_addresses
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=False, preexec_fn=limit, cwd=os.sep
    )
    print(done.stdout, done.stderr, flush=True)
    records = {record.settings["model.width"]: record for record in setting.store(grid, "memory").records()}
    small = records.pop(4, None)
    failed = next(iter(records.values()), None)
    error = failed.error if failed else None
    told = f"{error.kind}: {error.message[:120]}" if error else f"no such record: {last_line(done)}"
    yield Row("a run too large for the memory", told, ok=bool(error and error.kind == "out of memory"))
    yield Row("the next run", small.status if small else "no record", ok=bool(small and small.status == "ok"))


def _limit_addresses() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
