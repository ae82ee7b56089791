"""Stores: a record is whole or absent, the first writer wins, and damage is named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from resbench.core.errors import UserError
from resbench.records.record import Provenance, Record, Status
from resbench.records.store import Store, load
from resbench.records.study_file import StudyFile, StudyRun
from resbench.training.run import RunConfig
from resbench.training.train import empty_record

HOLD = """
import os, sys
from pathlib import Path
from resbench.core import locks
from resbench.records.store import Store
locks.LEASE_SECONDS = float(sys.argv[2])
with Store(Path(sys.argv[1])).claim("a" * 16) as held:
    print(bool(held), flush=True)
    sys.stdin.readline()
    print(held.lost.wait(10), flush=True)
"""


def record(seed: int = 0, status: Status = "ok", accuracy: float = 0.9, **fields: Any) -> Record:
    made = empty_record(RunConfig(seed=seed), status, Provenance({"device": "cpu", "threads": 1}))
    made.metrics = {"test_accuracy": accuracy, "train_seconds": 1.0}
    made.history = [{"epoch": 1, "train_loss": 0.5, "seconds": 2.0}]
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def holder(folder: Path, lease_seconds: float = 120.0) -> subprocess.Popen[str]:
    """Another process that holds the run `a...a` until a line comes, then says whether it has lost it."""
    words = [sys.executable, "-c", HOLD, str(folder), str(lease_seconds)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "True\n"
    return process


def test_round_trip_and_frame(tmp_path: Path) -> None:
    store = Store(tmp_path / "study")
    for seed in range(3):
        assert store.add(record(seed))
    assert [store.read(run_id) for run_id in sorted(store.ids())] == store.records()
    frame = load(tmp_path / "study")
    assert len(frame) == 3 and set(frame["seed"]) == {0, 1, 2}
    assert {"model.depth", "status", "metrics.test_accuracy", "provenance.threads"} <= set(frame.columns)
    with pytest.raises(UserError, match="no such folder of records"):
        load(tmp_path / "other")


def test_the_first_writer_wins_but_a_failure_is_replaced(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.add(record(status="failed"))
    assert store.done() == set()
    assert store.add(record(accuracy=0.8))
    assert not store.add(record(accuracy=0.7)) and not store.add(record(status="failed"))
    [kept] = store.records()
    assert kept.metrics["test_accuracy"] == 0.8
    assert not list(store.work.glob("*.tmp"))


def test_a_record_is_replaced_by_one_with_probes_that_it_lacks(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(record())
    assert store.done() and not store.done(["gradients"])
    assert store.add(record(probes={"gradients": {"images": 8}}))
    assert store.done(["gradients"])
    assert not store.add(record()) and not store.add(record(probes={"gradients": None}))


def test_a_record_cut_at_any_byte_is_named_and_not_done(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(record())
    [run_id] = store.ids()
    whole = store.path(run_id).read_bytes()
    for length in range(len(whole) - 1):  # without its last newline a record is still whole
        store.path(run_id).write_bytes(whole[:length])
        assert store.done() == set()
        assert store.damaged.pop().startswith(f"{store.path(run_id)}: a damaged record (")
    assert store.add(record())
    assert store.done() == {run_id}


def test_a_record_with_line_ends_of_windows_is_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(record())
    [run_id] = store.ids()
    store.path(run_id).write_bytes(store.path(run_id).read_bytes().replace(b"\n", b"\r\n"))
    assert store.done() == {run_id}


@pytest.mark.parametrize(
    "run_id", ["../../../x", "/etc/passwd", "0" * 15, "G" * 16, "0" * 300, "", 3, None, "0" * 15 + "\n", ["x"]]
)
def test_a_record_that_says_it_is_another_run_is_damaged(run_id: Any, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    store.path("0" * 16).write_text(record(id=run_id).to_json())
    assert store.read("0" * 16) is None and "that says it is" in store.damaged[0]


@pytest.mark.parametrize("locks", ["kernel", "lease"])
def test_a_claim_excludes_other_processes_and_dies_with_its_holder(
    tmp_path: Path, locks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESBENCH_LOCKS", locks)
    store = Store(tmp_path)
    other = holder(tmp_path)
    with store.claim("a" * 16) as held:
        assert held is None
    assert not store.free("a" * 16) and store.free("b" * 16)
    other.kill()
    other.wait()
    assert store.free("a" * 16)
    with store.claim("a" * 16) as held:
        assert held and not held.lost.is_set()


def test_a_lease_that_is_not_kept_fresh_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if its holder were on another machine, which this one cannot ask: only the clock of the one who looks counts."""
    monkeypatch.setattr("resbench.core.locks.LEASE_SECONDS", 0.5)
    monkeypatch.setenv("RESBENCH_LOCKS", "lease")
    store = Store(tmp_path)
    other = holder(tmp_path, 0.5)
    assert not store.free("a" * 16)
    other.send_signal(signal.SIGSTOP)  # frozen, not dead: the process is there
    until = time.monotonic() + 20
    while not store.free("a" * 16):
        assert time.monotonic() < until
    with store.claim("a" * 16) as held:
        assert held
        other.send_signal(signal.SIGCONT)
        assert other.communicate("\n", timeout=20)[0] == "True\n"  # it finds that it has lost the run
        assert not held.lost.is_set()


def test_sweeping_leaves_what_may_be_in_use(tmp_path: Path) -> None:
    store = Store(tmp_path)
    done = record()
    store.add(done)
    young, old = store.work / "young.tmp", store.work / "old.tmp"
    for path in (young, old, store.checkpoint(done.id), store.checkpoint("f" * 16)):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    os.utime(store.checkpoint(done.id), (0, 0))
    store.sweep()
    assert young.exists() and not old.exists()
    assert store.checkpoint("f" * 16).exists() and not store.checkpoint(done.id).exists()
    store.checkpoint(done.id).write_bytes(b"of a run that is done again for its probes")
    future = time.time() + 10
    os.utime(store.checkpoint(done.id), (future, future))
    store.sweep()
    assert store.checkpoint(done.id).exists()


def unstated(store: Store) -> StudyFile:
    """The study file without the times at which its parts were stated."""
    return StudyFile.from_json(
        {key: value for key, value in json.loads(store.study_path.read_text()).items() if key != "stated"}
    )


def test_a_study_file_is_written_when_it_is_new(tmp_path: Path) -> None:
    store = Store(tmp_path)
    study = StudyFile(schema=1, name="some", runs=[StudyRun(id=record().id, cell={"model.depth": 10}, seed=0)])
    assert store.study() is None and store.finished_outside(study) == 0
    assert store.write_study(study) and not store.write_study(study)
    assert unstated(store) == study
    other = StudyFile(schema=1, name="some", runs=[])
    assert store.finished_outside(other) == 0
    store.add(record())
    assert store.finished_outside(other) == 1 and store.finished_outside(study) == 0
    assert store.write_study(other) and unstated(store) == other


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"runs": 3}'])
def test_a_damaged_study_file_is_named_and_written_again(content: bytes, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    (tmp_path / "study.json").write_bytes(content)
    with pytest.raises(UserError, match=r"study\.json: damaged \(.+\): run the grid again"):
        store.study()
    study = StudyFile(schema=1, runs=[])
    assert store.finished_outside(study) == 0 and store.write_study(study)
    assert unstated(store) == study


def test_a_folder_of_studies_is_not_a_study(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "study.json").write_text("{}")
    with pytest.raises(UserError, match="name one of a, b in it"):
        load(tmp_path)
