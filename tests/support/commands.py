"""The command line in a process of its own, and what it left."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from resbench.core.json_reader import Json
from resbench.records.record import Record
from support.faults import ROOT, command


def call(*words: object, cwd: Path, check: int | None = 0, code: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A command, which must end with this exit code, or with any if it is None; `code` holds the package."""
    env = os.environ | {"PYTHONPATH": str(code)}
    done = subprocess.run(command(*words), cwd=cwd, env=env, capture_output=True, text=True)
    if check is not None:
        assert done.returncode == check, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def record_files(folder: Path) -> list[Path]:
    """The records of a study, as files."""
    return [
        path
        for path in folder.glob("*.json")
        if path.name not in ("study.json", "trials.json", "looks.json", "pictures.json")
    ]


def read_records(folder: Path) -> dict[str, Record]:
    """The records of a study by run id; each must be whole."""
    return {path.stem: Record.from_json(path.read_text()) for path in record_files(folder)}


def contents(folder: Path) -> dict[str, dict[str, Json]]:
    """The records of a study by run id, without what the clock and the machine put into them."""
    return {run_id: record.content() for run_id, record in read_records(folder).items()}
