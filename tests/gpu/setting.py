"""Where a check runs, and the command line as it uses it: uninstalled, from the checkout."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from resbench.core.processes import import_variables
from resbench.records.record import Record
from resbench.records.store import Store

ROOT = Path(__file__).resolve().parents[2]
RESBENCH = (sys.executable, "-m", "resbench")


@dataclass(frozen=True)
class Setting:
    """What a check is given.

    Attributes:
        device: torch device.
        small: the sizes for a test on a CPU, within seconds.
        out: what is kept.
        work: what is not.
        seconds: after which the check is ended.
    """

    device: str
    small: bool
    out: Path
    work: Path
    seconds: float
    began: float = field(default_factory=time.monotonic)

    @property
    def on_card(self) -> bool:
        return self.device == "cuda"

    @property
    def left(self) -> float:
        """Seconds until the check is ended."""
        return self.began + self.seconds - time.monotonic()

    def grid(self, name: str, text: str) -> Path:
        """A grid file of this name."""
        path = self.work / f"{name}.yaml"
        path.write_text(f"name: {name}\n{text}")
        return path

    def run(self, grid: Path, results: str, *options: str) -> subprocess.CompletedProcess[str]:
        """`resbench run` on the device, with results in a folder of this name."""
        return resbench(*self.run_words(grid, results, *options))

    def run_words(self, grid: Path, results: str, *options: str) -> list[str]:
        """The words of `resbench run`."""
        places = ["--results", str(self.work / results), "--no-report"]
        return ["run", str(grid), "--device", self.device, *places, *options]

    def store(self, grid: Path, results: str) -> Store:
        return Store(self.work / results / grid.stem)


def environment(**changes: str) -> dict[str, str]:
    """Of a command that imports what this process imports; a checkout is not written to.

    Threads that wait sleep, as the cores of the host may have other work.
    """
    ours = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    return os.environ | import_variables() | ours | changes


def resbench(*words: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command line, to its end."""
    command, env = [*RESBENCH, *words], environment(**variables or {})
    print("$", *words, flush=True)
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, sep="\n", flush=True)
    return done


@contextmanager
def started(*words: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command line in a group of its own, which does not outlive the body."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            [*RESBENCH, *words], env=environment(), stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a command said at its end."""
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}, and no word"


def contents(store: Store) -> dict[str, object]:
    """Id -> what must be equal for two passes of the same run."""
    return {record.id: record.content() for record in store.records()}


def differences(left: Mapping[str, object], right: Mapping[str, object]) -> list[str]:
    """Ids of the runs that differ, or that one side lacks."""
    return sorted(run for run in left.keys() | right.keys() if left.get(run) != right.get(run))


def statuses(records: list[Record]) -> str:
    """`4 ok, 1 failed (out of memory)`."""
    kinds = [record.status + (f" ({record.error.kind})" if record.error else "") for record in records]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "no record"
