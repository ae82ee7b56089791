"""C11: `ablations/seed-claims.yaml` as it stands; its records are kept, to be merged."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator

from resbench.data.directory import default_directory
from resbench.records.record import Record
from resbench.records.store import Store

from ..rows import Row, not_checked
from ..setting import ROOT, Setting, started, statuses

_RUNS = 20
_MOST = 360.0  # seconds for all of them
_END = 20.0  # seconds before the limit in which runs keep their state
_POINTS = 0.15  # that a mean may be off those of the CPU
_TRAINED = 0.9  # accuracy of a network that trains
_SIDE_BY_SIDE = ("-j", "4")  # as measuring how many pay would take a quarter of the time
_SMALL = (
    "data.name=mnist-5k",
    "data.train_size=128",
    "model.width=4",
    "--only",
    "model.depth==34 & seed==0",
    "-j",
    "1",
)


def check(setting: Setting) -> Iterator[Row]:
    if not setting.small and not (default_directory() / "MNIST" / "raw").is_dir():
        yield not_checked(f"seed-claims: no MNIST in {default_directory()}, where RESBENCH_DATA says")
        return
    results = setting.out / "results"
    store = Store(results / "seed-claims")
    before = len(store.ids())
    words = ["run", str(ROOT / "ablations" / "seed-claims.yaml"), "--device", setting.device, "--no-report"]
    words += ["--results", str(results), *(_SMALL if setting.small else _SIDE_BY_SIDE)]
    seconds, ended = _run(setting, words)
    records = store.records()
    told = f"{statuses(records)} in {seconds:.0f} s" + ("" if ended else ", and then the time was over")
    expected = 2 if setting.small else _RUNS
    bad = any(record.status != "ok" for record in records) or (ended and len(records) < expected)
    yield Row("seed-claims", told, ok=not bad and bool(records))
    if not setting.small and not before:
        whole = seconds if ended else seconds * _RUNS / max(1, len(records))
        yield Row("seed-claims, all 20 runs", f"{whole:.0f} s" + (", scaled" * (not ended)), whole, most=_MOST)
    yield from [] if setting.small else _accuracies(records)
    if setting.small:
        yield not_checked("the study itself: two runs of 128 images")


def _run(setting: Setting, words: list[str]) -> tuple[float, bool]:
    """Seconds of the command, and whether it ended by itself; if not, its runs keep their state."""
    began = time.monotonic()
    with started(*words, log=setting.out / "logs" / "seed-claims-run.txt") as process:
        try:
            process.wait(max(1.0, setting.left - _END))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(_END / 2)
            return time.monotonic() - began, False
    return time.monotonic() - began, True


def _accuracies(records: Iterable[Record]) -> Iterator[Row]:
    """Means by cell, next to those of the records in the repository, which a CPU computed."""
    known = _means(Store(ROOT / "results" / "seed-claims").records())
    for cell, mean in _means(records).items():
        told, ok = f"{100 * mean:.2f} %", None
        if cell in known:
            told += f", and {100 * known[cell]:.2f} % on a CPU"
            ok = abs(mean - known[cell]) <= _POINTS / 100 if known[cell] > _TRAINED else mean < _TRAINED
        yield Row(f"test accuracy, {cell}", told, ok=ok)


def _means(records: Iterable[Record]) -> dict[str, float]:
    """`34 layers, identity` -> mean test accuracy."""
    found: dict[str, list[float]] = defaultdict(list)
    for record in records:
        settings, accuracy = record.settings, record.metrics.get("test_accuracy")
        if accuracy is not None:
            found[f"{settings['model.depth']} layers, {settings['model.shortcut']}"].append(accuracy)
    return {cell: statistics.mean(values) for cell, values in found.items()}
