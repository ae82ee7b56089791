"""2,000 runs in one command: neither memory nor open files nor processes grow with their number.

RESBENCH_SOAK sets another number, for where time is short.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from support.faults import begin, end

GRID = """\
# Question: does anything pile up?
name: soak
base:
  model: {depth: 10, width: 8}
  data: {train_size: 10, val_size: 0}
  recipe: {epochs: 1}
seeds: RUNS
"""
RUNS = int(os.environ.get("RESBENCH_SOAK", "2000"))


@dataclass
class Sample:
    """Of the processes of the command: resident memory in MiB and open files by process, and their number."""

    memory: dict[int, float]
    files: dict[int, int]
    processes: int


def test_nothing_grows_with_the_number_of_runs(tmp_path: Path) -> None:
    (tmp_path / "soak.yaml").write_text(GRID.replace("RUNS", str(RUNS)))
    log = tmp_path / "log"
    process = begin("run", "soak.yaml", "-j", "2", "--no-report", cwd=tmp_path, output=log)
    samples: list[Sample] = []
    try:
        for part in (0.1, 0.9):
            _wait(process, tmp_path / "results" / "soak", int(part * RUNS))
            samples.append(_largest(process.pid))
        process.wait(timeout=900)
    finally:
        end(process)
    assert process.returncode == 0, log.read_text()[-2000:]
    first, last = samples
    lasting = first.memory.keys() & last.memory.keys()  # the command, its fork server, its resource tracker
    assert len(lasting) >= 2
    grown = max(last.memory[pid] - first.memory[pid] for pid in lasting)
    more = max(last.files[pid] - first.files[pid] for pid in lasting)
    print(f"{RUNS} runs: memory grew by {grown:.1f} MiB, open files by {more}, {last.processes} processes")
    assert grown < max(5, 0.01 * RUNS)  # 10 KiB a run: less than a record
    assert more <= 8  # the pipes of two runs that go on or just end
    assert last.processes <= first.processes + 1


def _wait(process, folder: Path, count: int) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 1200
    while len(list(folder.glob("*.json"))) <= count:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)


def _largest(group: int) -> Sample:
    """The largest number of processes of some samples, as runs come and go; the rest of the last."""
    found = [_sample(group) for _ in range(20)]
    return Sample(found[-1].memory, found[-1].files, max(one.processes for one in found))


def _sample(group: int) -> Sample:
    memory, files = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, pgrp = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(pgrp) != group or state == "Z":
                continue
            pages = int((folder / "statm").read_text().split()[1])
            opened = len(list((folder / "fd").iterdir()))
        except (FileNotFoundError, ProcessLookupError):
            continue
        memory[int(folder.name)] = pages * 4096 / 2**20
        files[int(folder.name)] = opened
    return Sample(memory, files, len(memory))
