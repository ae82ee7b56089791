"""Everything that a card must show, in one command: `make gpu`, or `python -m tests.gpu.acceptance --out DIR`.

Each check has a process of its own and a time limit; what fails, or takes too long, does not end the rest. One line for
each as it ends; `DIR/acceptance.json` is rewritten after each, and `DIR/report.md` has all of it as a table. Needs the
checkout, torch and a few packages, no installation and no network; writes to DIR and a temporary folder only. MNIST is
looked for where RESBENCH_DATA says. With `--device cpu --small` the same checks run without a card, as far as that goes.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .plan import CHECKS, Check, limit_of
from .rows import Acceptance, Outcome, Status, read_rows
from .setting import environment
from .table import machine_facts, write_report

_GRACE = 5.0  # seconds between the request to end and the end
FILE = "acceptance.json"
_under_way: list[subprocess.Popen[bytes]] = []


def main() -> int:
    """Returns 1 if a check failed or took too long."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # then the check that is under way is ended, too
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = [check for check in CHECKS if not options.checks or check.name in options.checks]
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    acceptance = Acceptance(options.device, options.small, options.budget, now)
    began = time.monotonic()

    def outcome_of(check: Check) -> Outcome:
        left = options.budget - (time.monotonic() - began)
        return _outcome(check, limit_of(check, chosen, left, options.budget, options.small), options, Path(folder))

    with (
        tempfile.TemporaryDirectory(prefix="resbench-gpu-", ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(options.at_once or (2 if options.small else 1)) as pool,
        _ended_at_last(pool),
    ):
        for outcome in pool.map(outcome_of, chosen):
            print(outcome.line(), flush=True)
            acceptance.outcomes.append(outcome)
            acceptance.seconds = round(time.monotonic() - began, 1)
            acceptance.machine = acceptance.machine or machine_facts(outcome)
            _write(options.out / FILE, acceptance.to_json())
    print(write_report(acceptance, options.out))
    return int(any(outcome.status in ("failed", "timeout") for outcome in acceptance.outcomes))


@contextlib.contextmanager
def _ended_at_last(pool: ThreadPoolExecutor) -> Iterator[None]:
    """Begin no more checks, and end those that are under way, when this is left."""
    try:
        yield
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list(_under_way):
            _end(process)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.acceptance", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for table, JSON, logs and records")
    parser.add_argument("--budget", type=float, default=560.0, help="seconds for everything")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--small", action="store_true", help="sizes for a test on a CPU")
    parser.add_argument(
        "--at-once", type=int, help="checks at a time: 1, or 2 small ones, whose times count for nothing"
    )
    parser.add_argument("--check", action="append", dest="checks", choices=[check.name for check in CHECKS])
    options = parser.parse_args()
    options.out = options.out.resolve()
    if options.device == "cuda":  # one card: all ratios are between what that one does
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    return options


def _outcome(check: Check, limit: float | None, options: argparse.Namespace, work: Path) -> Outcome:
    """Do a check in a process of its own."""
    if limit is None:
        return Outcome(check.code, check.name, "skipped", 0.0, error="the budget is spent")
    rows, log = (options.out / part / f"{check.name}.{end}" for part, end in (("rows", "jsonl"), ("logs", "txt")))
    for path in (rows, log):
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
    folder = work / check.name
    folder.mkdir()
    command = [sys.executable, "-m", f"{__package__}.one", check.name, "--device", options.device]
    command += ["--out", str(options.out), "--work", str(folder), "--seconds", f"{limit:.1f}", "--rows", str(rows)]
    began = time.monotonic()
    status = _status(command + ["--small"] * options.small, limit, log)
    outcome = Outcome(check.code, check.name, status, round(time.monotonic() - began, 1), read_rows(rows))
    if status != "ok":
        ended = f"ended after {limit:.0f} s, with what it had" if status == "timeout" else _last(log)
        outcome.error = "" if any(row.ok is False for row in outcome.rows) and status == "failed" else ended
    elif any(row.ok is False for row in outcome.rows):
        outcome.status = "failed"
    return outcome


def _status(command: list[str], limit: float, log: Path) -> Status:
    """Run the process of a check, and end it and all that it started when its time is over."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment(), stdout=file, stderr=file, start_new_session=True)
    _under_way.append(process)
    try:
        return "failed" if process.wait(limit) else "ok"
    except subprocess.TimeoutExpired:
        return "timeout"
    finally:
        _end(process)
        _under_way.remove(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the group of a process, which is ours alone."""
    if process.poll() is None:
        process.terminate()  # it ends what it started, such as a daemon of MPS
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # what it left: a fork server, loaders


def _last(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "no word"


def _write(path: Path, text: str) -> None:
    """The whole file or the one before, whenever this is killed."""
    partial = path.with_suffix(".part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
