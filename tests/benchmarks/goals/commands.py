"""How long one waits for a command."""

from __future__ import annotations

import json
import shlex
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.goals.row import Row
from benchmarks.goals.running import RESBENCH, spent, trained
from benchmarks.goals.studies import grid_file

from resbench.grid.reader import read_grid
from resbench.records.store import Store

_BFLOAT16 = ("avx512_bf16", "amx_bf16")
_TIMES = 5
_MANY: dict[str, list[object]] = {
    "model.shortcut": ["none", "identity", "projection"],
    "model.depth": [10, 16, 22, 34, 58, 100],
    "model.dropout": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
    "model.norm": ["batch", "group"],
    "recipe.lr": [0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
    "recipe.batch_size": [32, 64, 128, 256],
}


def quickstart(folder: Path) -> Iterator[Row]:
    """`make quickstart` when all is installed, into an empty folder."""
    command = [*RESBENCH, *made_by("quickstart")]
    took = spent([*command, "--results", str(folder / "r"), "--reports", str(folder / "p")])
    words = f"{took.seconds:.0f} s in {precision_of(folder / 'r')}"
    yield Row("`make quickstart` after the installation", took.seconds, words, most=45, goal="45 s")


def quickstart_without_bf16(folder: Path) -> Iterator[Row]:
    """The same where the processor seems to have no bfloat16: resbench asks /proc/cpuinfo, oneDNN its own variable."""
    hidden = folder / "cpuinfo"
    text = Path("/proc/cpuinfo").read_text()
    for flag in _BFLOAT16:
        text = text.replace(f" {flag}", "")
    hidden.write_text(text)
    inside = ["unshare", "-rm", "sh", "-c", 'mount --bind "$0" /proc/cpuinfo && exec "$@"', str(hidden)]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        print("bfloat16 cannot be hidden here: unshare may not mount; left out")
        return
    command = [
        *inside,
        *RESBENCH,
        *made_by("quickstart"),
        "--results",
        str(folder / "r"),
        "--reports",
        str(folder / "p"),
    ]
    seconds = spent(command, ONEDNN_MAX_CPU_ISA="AVX512_CORE").seconds
    used = precision_of(folder / "r")
    if used != "fp32":
        raise RuntimeError(f"the runs of a machine without bfloat16 are in {used}, not in fp32")
    what = "`make quickstart` after the installation, with bfloat16 hidden"
    yield Row(what, seconds, f"{seconds:.0f} s in {used}", most=45, goal="45 s")


def made_by(target: str) -> list[str]:
    """The words after `resbench` in a target of the Makefile, without the folders that it writes to."""
    recipe = Path("Makefile").read_text().split(f"\n{target}:")[1].splitlines()[1]
    words = shlex.split(recipe.partition("resbench ")[2])
    return words[: words.index("--results")]


def precision_of(results: Path) -> str:
    """In what the runs of the one study computed."""
    (study,) = results.iterdir()
    return ", ".join(sorted({str(record.provenance.facts["precision"]) for record in Store(study).records()}))


def small_study(folder: Path) -> Iterator[Row]:
    """Commands on a finished study of 8 runs, and on its grid before any of them."""
    file = folder / "small.json"
    claim = {"says": "shortcuts help", "compare": {"model.shortcut": "identity"}, "to": {"model.shortcut": "none"}}
    content = {
        "name": "small",
        "base": {
            "model": {"depth": 10, "width": 4},
            "data": {"name": "mnist-5k", "train_size": 256, "val_size": 64},
            "recipe": {"epochs": 1},
        },
        "axes": {"model.shortcut": ["identity", "none"]},
        "seeds": 4,
        "baseline": claim["to"],
        "claims": [claim | {"on": "test_error", "expect": "lower"}],
    }
    file.write_text(json.dumps(content))
    trained(file, folder)
    at = ["--results", str(folder / "r")]
    pages = ["--reports", str(folder / "p")]
    yield _waited("`resbench --help`", ["--help"], 0.3)
    yield _waited("`run` with nothing to do, 8 runs", ["run", str(file), *at, *pages], 0.8)
    yield _waited("`plan` of 8 runs", ["plan", str(file), "--results", str(folder / "none")], 1.0)
    yield _waited("`check` of 8 runs", ["check", "small", *at], 0.7, allowed=1)
    yield _waited("`status` of 8 runs", ["status", "small", *at], 0.5)
    yield _waited("`report` of 8 runs", ["report", "small", *at, *pages], 2.0)


def large_plan(folder: Path) -> Iterator[Row]:
    """A plan of 100,000 runs."""
    file = grid_file(folder / "many.json", _MANY, 20)
    runs = len(read_grid(file).runs())
    yield _waited(f"`plan` of {runs:,} runs", ["plan", str(file), "--results", str(folder / "none")], 10, 1)


def _waited(what: str, words: list[str], most: float, times: int = _TIMES, allowed: int = 0) -> Row:
    """The median of several calls after one that does not count; `check` ends with 1 where a claim is not supported."""
    if times > 1:
        spent([*RESBENCH, *words], allowed)
    took = [spent([*RESBENCH, *words], allowed) for _ in range(times)]
    seconds = statistics.median(one.seconds for one in took)
    told = f"{seconds:.2f} s, {max(one.peak for one in took):.0f} MiB"
    return Row(what, seconds, told, most=most, goal=f"{most:g} s")
