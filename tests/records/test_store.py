"""Records: whole or absent, the first writer wins, and damage is named."""

import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from resbench.core.locks import file_system, mounted
from resbench.execution.task import BUSY, DONE, STOPPED, Setting, Task, carry_out
from resbench.records import record as records
from resbench.records.record import content, dump, errors, pack, parse
from resbench.records.store import Store, load
from resbench.training.epoch import Stopped
from resbench.training.run import RunConfig
from resbench.training.train import empty


def record(seed: int = 0, status: str = "ok", accuracy: float = 0.9) -> records.Record:
    made = empty(RunConfig(seed=seed), status, {"device": "cpu", "threads": 1}, None)
    return made | {
        "metrics": {"test_accuracy": accuracy, "train_seconds": 1.0},
        "history": [{"epoch": 1, "train_loss": 0.5, "seconds": 2.0}],
    }


def test_round_trip_and_frame(tmp_path: Path) -> None:
    store = Store(tmp_path / "study")
    for seed in range(3):
        assert store.add(record(seed))
    assert [store.read(run_id) for run_id in sorted(store.ids())] == store.records()
    frame = load(tmp_path / "study")
    assert len(frame) == 3 and set(frame["seed"]) == {0, 1, 2}
    assert {"model.depth", "status", "metrics.test_accuracy", "provenance.threads"} <= set(frame.columns)


def test_the_first_writer_wins_but_a_failure_is_replaced(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.add(record(status="failed"))
    assert store.done() == set()
    assert store.add(record(accuracy=0.8))
    assert not store.add(record(accuracy=0.7))
    [kept] = store.records()
    assert kept["metrics"]["test_accuracy"] == 0.8
    assert not list(store.work.glob("*.tmp"))


def test_a_record_cut_at_any_byte_is_named_and_not_done(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(record())
    [run_id] = store.ids()
    whole = store.path(run_id).read_bytes()
    for length in range(len(whole) - 1):  # without its last newline a record is still whole
        store.path(run_id).write_bytes(whole[:length])
        assert store.done() == set()
        assert store.damaged.pop().startswith(str(store.path(run_id)))
    assert store.add(record())
    assert store.done() == {run_id}


@pytest.mark.parametrize("locks", ["kernel", "lease"])
def test_a_claim_excludes_other_processes_and_dies_with_its_holder(
    tmp_path: Path, locks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESBENCH_LOCKS", locks)
    store = Store(tmp_path)
    hold = "import sys; from pathlib import Path; from resbench.records.store import Store\n"
    hold += "with Store(Path(sys.argv[1])).claim('a' * 16) as held: print(bool(held), flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline() == "True\n"
    with store.claim("a" * 16) as held:
        assert held is None
    assert not store.free("a" * 16) and store.free("b" * 16)
    other.kill()
    other.wait()
    assert store.free("a" * 16)
    with store.claim("a" * 16) as held:
        assert held and not held.lost.is_set()


def test_a_lease_that_nobody_keeps_fresh_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if its holder were on another machine, which this one cannot ask: only the clock of the one who looks counts."""
    monkeypatch.setattr("resbench.core.locks.LEASE_SECONDS", 0.5)
    monkeypatch.setenv("RESBENCH_LOCKS", "lease")
    store = Store(tmp_path)
    hold = "import os, signal, sys; import resbench.core.locks as l; from pathlib import Path; l.LEASE_SECONDS = 0.5\n"
    hold += "from resbench.records.store import Store\n"
    hold += "with Store(Path(sys.argv[1])).claim('a' * 16) as held:\n"
    hold += "    print(flush=True); sys.stdin.readline(); print(held.lost.wait(10), flush=True)"
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout and other.stdin
    other.stdout.readline()
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


def test_the_type_of_a_file_system_is_known(tmp_path: Path) -> None:
    assert file_system(Path("/proc/self")) == "proc"
    assert file_system(tmp_path) not in ("", "proc")
    line = r"36 35 98:0 / /mnt/les\040donn\303\251es rw,noatime master:1 - nfs4 there:/x rw"
    assert mounted(line) == (Path("/mnt/les données"), "nfs4")
    assert mounted(line.replace(r"\303\251", "é")) == (Path("/mnt/les données"), "nfs4")


class Thief:
    """Takes a run over in the middle, as another machine would that saw no sign of life, and trains on."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.stolen = False

    def __call__(self, done: float) -> None:
        (lease,) = self.store.work.glob("*.lease")
        if not self.stolen:
            text = lease.read_text()
            lease.unlink()
            lease.write_text(re.sub("[0-9a-f]{8,}", lambda found: "f" * len(found[0]), text))
            self.stolen = True
        time.sleep(0.01)  # of training, until the next sign of life finds it out


def test_a_run_that_was_taken_over_is_left_to_the_other_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resbench.core.locks.LEASE_SECONDS", 2.0)
    monkeypatch.setenv("RESBENCH_LOCKS", "lease")
    run = RunConfig.model_validate(
        {"model": {"width": 2, "depth": 10}, "data": {"train_size": 40, "val_size": 0}, "recipe": {"epochs": 10_000}}
    )
    setting = Setting(tmp_path, tmp_path, "cpu", 1, (None, False))
    store = Store(tmp_path)
    assert carry_out(Task(run, setting), Thief(store)) == BUSY
    assert not store.ids()


def test_a_run_that_is_done_again_for_its_probes_keeps_its_checkpoint(tmp_path: Path) -> None:
    run = RunConfig.model_validate(
        {"model": {"width": 2, "depth": 10}, "data": {"train_size": 40, "val_size": 0}, "recipe": {"epochs": 3}}
    )
    setting = Setting(tmp_path, tmp_path, "cpu", 1, (None, False))
    store = Store(tmp_path)
    assert carry_out(Task(run, setting)) == DONE
    old = store.checkpoint(run.id)
    old.write_bytes(b"left by a crash")
    os.utime(old, (0, 0))
    store.sweep()
    assert not old.exists()

    def stop(done: float) -> None:
        if done >= 2:
            raise Stopped

    probed = dataclasses.replace(setting, probes=("gradients",))
    assert carry_out(Task(run, probed), stop) == STOPPED
    store.sweep()
    assert store.checkpoint(run.id).exists()


def test_predictions_keep_every_error_and_stay_small() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 10_000)
    predicted = np.where(rng.random(10_000) < 0.01, (labels + 1) % 10, labels)
    packed = pack(predicted, labels)
    assert (errors(packed) == (predicted != labels)).all()
    whole = record() | {"predictions": packed, "history": [{"epoch": n, "train_loss": 0.123456789} for n in range(30)]}
    assert len(dump(whole)) < 20_000
    assert parse(dump(whole)) == whole


def test_content_leaves_out_the_clock_alone() -> None:
    slow = record()
    slow["metrics"]["train_seconds"] = 9.0
    slow["history"][0]["seconds"] = 9.0
    assert content(slow) == content(record())
    slow["history"][0]["train_loss"] = 0.4
    assert content(slow) != content(record())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 99}', "null", "NaN"])
def test_what_is_not_a_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"without|not a record|Expecting"):
        parse(text)
