"""A user's training code as a command: started in a folder of its own, watched, and ended with all that it has started."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resbench.records.study_folder import FILES
from resbench.training import guard
from resbench.training.command_line import words
from resbench.training.run import RunConfig
from resbench.training.trainer import STDOUT

_POLL_SECONDS = 0.1
_TAIL_LINES = 30  # of its output, in the record of one that failed
_TAIL_BYTES = 20_000
_OUT, _ERR = "stdout.txt", "stderr.txt"
Report = Callable[[float, Mapping[str, Any]], None]  # (epochs done, metrics)


class CommandFailed(Exception):
    """The command failed, or left no metrics.

    Attributes:
        output: the end of what it said.
    """

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


def folder_of(saved: Path) -> Path:
    """Where a command of a run works: next to where its checkpoint would be."""
    return saved.with_suffix(FILES)


def call(run: RunConfig, device: str, saved: Path | None, report: Report, keep: bool = True) -> dict[str, Any]:
    """Run the command; returns the metrics that it leaves.

    Lines of JSON with an `epoch` that it prints are reports.

    Args:
        saved: where a checkpoint would be: the command has a folder next to it, and finds there what an earlier start of the
            same run has left.
        keep: whether the folder stays when the command has ended well.

    Raises:
        CommandFailed: it did, or left no metrics.
    """
    folder = folder_of(saved) if saved else Path(tempfile.mkdtemp(prefix="resbench-"))
    folder.mkdir(parents=True, exist_ok=True)
    trainer = run.trainer
    if trainer.metrics != STDOUT:  # of an earlier start
        (folder / trainer.metrics).unlink(missing_ok=True)
    output = _Output(folder / _OUT)
    values = run.trainer_values | {"device": device}
    code = _run(_found(words(trainer.command, values)), folder, output, report)
    if code:
        tail = _tail(folder / _ERR) or _tail(folder / _OUT)
        last = tail.splitlines()[-1].strip() if tail else "it said nothing"
        raise CommandFailed(f"the command ended with exit code {code}: {last}", f"{tail}\nIts folder: {folder}")
    metrics = output.last if trainer.metrics == STDOUT else _read(folder / trainer.metrics)
    if not isinstance(metrics, dict):
        where = (
            "its output has no line of JSON" if trainer.metrics == STDOUT else f"{folder / trainer.metrics}: no JSON"
        )
        form = 'such as {"test_accuracy": 0.97}'
        raise CommandFailed(f"the command left no metrics: {where}, {form}", _tail(folder / _OUT))
    if not (keep and saved):
        shutil.rmtree(folder, ignore_errors=True)
    return metrics


def _found(command: list[str]) -> list[str]:
    """Outside of an environment that the shell has activated, `python` is the one that runs resbench."""
    if command and command[0] in ("python", "python3") and not {"VIRTUAL_ENV", "CONDA_PREFIX"} & os.environ.keys():
        return [sys.executable, *command[1:]]
    return command


def _run(command: list[str], folder: Path, output: _Output, report: Report) -> int:
    """The exit code of a command; whatever ends this process ends it too, with all its processes."""
    start = [sys.executable, "-I", "-S", guard.__file__, *command]
    with (folder / _OUT).open("wb") as out, (folder / _ERR).open("wb") as err:
        process = subprocess.Popen(
            start, cwd=folder, stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True
        )
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(_POLL_SECONDS)
                output.follow(report, ended=True)
                return code
            output.follow(report)
            report(output.epochs, {})  # which ends the run if it is asked to stop
    finally:
        if process.stdin:
            process.stdin.close()
        process.wait()


@dataclass
class _Output:
    """What a command prints, while it does.

    Attributes:
        last: the last line that is a mapping in JSON.
        epochs: that are done, as far as it said so.
    """

    path: Path
    last: dict[str, Any] | None = None
    epochs: float = 0.0
    _read: int = 0
    _rest: bytes = field(default=b"")

    def follow(self, report: Report, ended: bool = False) -> None:
        """Read on, and pass on what is reported.

        Args:
            ended: whether nothing comes any more, so that the last line is whole.
        """
        for values in self._lines(ended):
            self.last = values
            epoch = values.get("epoch")
            if isinstance(epoch, int | float):
                self.epochs = float(epoch)
                rest = {name: value for name, value in values.items() if name != "epoch"}
                report(epoch, {name: value for name, value in rest.items() if isinstance(value, int | float)})

    def _lines(self, ended: bool) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        *whole, self._rest = (self._rest + new).split(b"\n")
        for line in [*whole, self._rest] if ended else whole:
            if isinstance(values := _json(line), dict):
                yield values


def _json(line: bytes) -> Any:
    try:
        return json.loads(line) if line.lstrip().startswith(b"{") else None
    except (ValueError, RecursionError):
        return None


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _tail(path: Path) -> str:
    """The last lines of a file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-_TAIL_LINES:])
