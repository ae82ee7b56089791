"""Runs through job arrays of a real Slurm, which these tests start: disturbed in every way, and left alone."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import contents, read_records
from support.faults import ROOT
from support.slurm_cluster import cluster, missing, until

from resbench.core.errors import UserError
from resbench.core.json_reader import Json
from resbench.execution.executors import engine
from resbench.execution.slurm.options import parsed
from resbench.execution.slurm.queue import JobState, judge, states
from resbench.records.record import Record, RunError

GRID = """\
# Question: does it run on a cluster?
name: tiny
plugins: [odd.py]
base:
  model: {depth: 10, width: 4}
  data: {train_size: 64, val_size: 40, augment: gate}
  recipe: {epochs: 2, batch_size: 16}
axes:
  model.shortcut: [identity]
seeds: 1
"""
STEPS = 8  # of a run
# What misbehaves here is a value of a plug-in, which every process of a test loads.
ODD = '''\
import os, signal, time
from pathlib import Path

folder = Path(__file__).parent

def gate(images, generator):
    """Leaves a line for each step; in the third and sixth waits to be let through."""
    with (folder / "steps").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    step = len((folder / "steps").read_text().splitlines())
    if step in (3, 6):
        (folder / f"reached-{step}").touch()
        while not (folder / f"open-{step}").exists():
            time.sleep(0.01)
    return images

def kill(images, generator):
    os.kill(os.getpid(), signal.SIGKILL)

def hang(images, generator):
    while True:
        time.sleep(1)

AUGMENTS = {"gate": gate, "kill": kill, "hang": hang}
'''


@pytest.fixture(scope="session")
def slurm() -> Iterator[Path]:
    """slurm.conf of a cluster that is there while the tests run."""
    if reason := missing():
        pytest.skip(reason)
    pytest.importorskip("submitit")
    with cluster() as conf:
        yield conf


class Place:
    """A folder with a grid, and the cluster that its commands use."""

    def __init__(self, folder: Path, conf: Path | None) -> None:
        self.folder = folder
        self.work = folder / "results" / "tiny" / ".work"
        (folder / "odd.py").write_text(ODD)
        (folder / "tiny.yaml").write_text(GRID)
        self.env = os.environ | {"PYTHONPATH": str(ROOT)}
        self.env["OMP_WAIT_POLICY"] = "passive"  # where cores are shared, waiting threads would take them from others
        self.env |= {"SLURM_CONF": str(conf)} if conf else {}
        self._started: list[subprocess.Popen[str]] = []

    def close(self) -> None:
        """End what a failed test has left."""
        self.open(3)
        self.open(6)
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "resbench", *words]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=self.folder, env=self.env, stdout=pipe, stderr=pipe, text=True)
        self._started.append(process)
        return process

    def call(self, *words: str, check: int = 0) -> str:
        """Both streams of a command."""
        return self.ended(self.start(*words), check)

    def ended(self, process: subprocess.Popen[str], check: int = 0) -> str:
        said = "".join(process.communicate(timeout=120))
        assert process.returncode == check, said
        assert "Traceback" not in said
        return said

    def run(self, *words: str, check: int = 0) -> str:
        return self.call("run", "tiny.yaml", *words, check=check)

    def slurm(self, *command: str) -> str:
        return subprocess.run(command, env=self.env, check=True, capture_output=True, text=True).stdout.strip()

    def resumed(self, node: str) -> bool:
        """Take a node back into service, which Slurm may do by itself as soon as it hears of it."""
        command = ["scontrol", "update", f"nodename={node}", "state=resume"]
        subprocess.run(command, env=self.env, capture_output=True)
        return "down" not in self.slurm("sinfo", "--noheader", "--format=%t")

    def jobs(self) -> list[str]:
        return self.slurm("squeue", "--noheader", "--array", "--format=%i", "--name=resbench-tiny").split()

    def records(self) -> dict[str, Record]:
        return read_records(self.folder / "results" / "tiny")

    def contents(self) -> dict[str, dict[str, Json]]:
        return contents(self.folder / "results" / "tiny")

    def errors(self) -> dict[str, RunError]:
        """By kind of augmentation, of the runs that failed."""
        return {record.settings["data.augment"]: record.error for record in self.records().values() if record.error}

    def reached(self, step: int) -> None:
        until((self.folder / f"reached-{step}").exists, f"step {step}")

    def open(self, step: int) -> None:
        (self.folder / f"open-{step}").touch()

    def steps(self) -> list[str]:
        """The process of each training step so far."""
        return (self.folder / "steps").read_text().split()


@pytest.fixture
def place(tmp_path: Path, slurm: Path) -> Iterator[Place]:
    made = Place(tmp_path, slurm)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Two runs, one of them with a gate that is open, carried out by `serial`."""
    place = Place(tmp_path_factory.mktemp("serial"), None)
    place.open(3)
    place.open(6)
    place.run("--executor", "serial", "--threads", "2", "--no-report", "data.augment=[none,gate]")
    return place


def is_one_of(place: Place, undisturbed: Place) -> bool:
    """Whether there is one record, and it is what `serial` wrote."""
    ours = place.contents()
    return len(ours) == 1 and ours.items() <= undisturbed.contents().items()


GATE = ["--executor", "slurm", "--threads", "2", "--no-report"]


def test_cancelled_in_the_middle_the_same_command_continues(place: Place, undisturbed: Place) -> None:
    process = place.start("run", "tiny.yaml", *GATE)
    place.reached(3)
    process.send_signal(signal.SIGINT)
    place.open(3)
    said = place.ended(process, check=130)
    assert "to go on: resbench run tiny.yaml --executor slurm" in said and not place.records()
    assert not place.jobs() and len(place.steps()) == 3
    process = place.start("run", "tiny.yaml", *GATE)
    place.reached(6)
    place.slurm("scancel", *place.jobs())
    place.open(6)
    said = place.ended(process, check=1)
    assert place.errors()["gate"].kind == "slurm: CANCELLED", said
    assert len(place.steps()) == 6
    place.run(*GATE)
    assert len(place.steps()) == STEPS and len(set(place.steps())) == 3, "no step twice"
    assert is_one_of(place, undisturbed)


def test_requeued_in_the_middle_it_continues(place: Place, undisturbed: Place) -> None:
    """By an administrator; and by itself on the signal that Slurm sends before the time is up."""
    process = place.start("run", "tiny.yaml", *GATE)
    place.reached(3)
    (job,) = place.jobs()
    place.slurm("scontrol", "requeue", job)
    place.open(3)
    place.reached(6)
    place.slurm("scancel", "--signal=USR2", job)
    place.open(6)
    said = place.ended(process)
    assert said.count("[1/1]") == 1 and len(re.findall("^job ", said, re.M)) == 1, "one job, one record"
    assert len(place.steps()) == STEPS and len(set(place.steps())) == 3, "no step twice"
    assert is_one_of(place, undisturbed)


def test_a_run_goes_on_elsewhere_when_its_node_fails(place: Place, undisturbed: Place) -> None:
    place.open(6)
    process = place.start("run", "tiny.yaml", *GATE, "--slurm", "no-requeue")
    place.reached(3)
    node = place.slurm("sinfo", "--noheader", "--format=%N")
    place.slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    place.open(3)
    until(lambda: place.resumed(node), "the node to be back")
    said = place.ended(process)
    assert len(re.findall("^job ", said, re.M)) == 2, "submitted again"
    assert is_one_of(place, undisturbed)


def test_each_that_dies_is_recorded_as_what_it_was(place: Place) -> None:
    said = place.run("--executor", "slurm", "--no-report", "data.augment=[hang,kill]", "--timeout", "6s", check=1)
    assert "2 runs failed" in said
    errors = place.errors()
    assert errors["hang"].kind == "timeout" and "6 s" in errors["hang"].message
    assert errors["kill"].kind == "slurm: FAILED" and "killed by SIGKILL" in errors["kill"].message
    assert "srun: error" in errors["kill"].message, "the end of its log"


def test_detach_status_and_collect_give_the_records_of_serial(place: Place, undisturbed: Place) -> None:
    place.open(6)
    words = ["--executor", "slurm", "--threads", "2", "data.augment=[gate,none,kill]"]
    said = place.run(*words, "--detach")
    assert re.findall(r"^job \d+: (\d) runs$", said, re.M) == ["2", "1"], "no array may have more than 2 here"
    assert "tiny: 3 runs submitted" in said and "resbench collect tiny" in said
    assert stat.S_IMODE((place.work / "slurm").stat().st_mode) == 0o700
    place.reached(3)
    assert "tiny: 0 runs submitted, 3 were so already" in place.run(*words, "--detach"), "no run is submitted twice"
    assert re.search(r"queued \(\w+\), 1 running", place.call("status", "tiny"))
    place.open(3)
    until(lambda: not place.jobs(), "the end")
    said = place.call("collect", "tiny", check=1)
    assert "3 runs have ended" in said and "1 run failed" in said and "page: reports/tiny/index.html" in said
    error = place.errors()["kill"]
    assert error.kind == "slurm: FAILED" and "SIGKILL" in error.message
    whole = {key: content for key, content in place.contents().items() if content["status"] != "failed"}
    assert whole == undisturbed.contents()
    assert {record.provenance.threads for record in place.records().values()} == {2}
    left = {path.suffix for path in (place.work / "slurm").iterdir()}
    assert left == {".lock", ".out", ".err"}, "of what has been taken in there is only the log of the one that died"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--executor", "slurm", "--slurm", "partition=nosuch"], "Slurm refuses the runs: invalid partition"),
        (["--executor", "slurm", "--slurm", "nosuch=1"], "Slurm refuses the runs: unrecognized option"),
    ],
)
def test_what_slurm_refuses_is_one_line(words: list[str], part: str, place: Place) -> None:
    said = place.run(*words, check=2)
    assert part in said.splitlines()[-1] and not place.jobs()
    assert not [path for path in place.work.glob("slurm/*") if path.suffix in (".pkl", ".sh", ".json")]


def test_options_of_slurm_are_for_slurm(tmp_path: Path) -> None:
    place = Place(tmp_path, None)
    place.env["PYTHONPATH"] = str(ROOT)
    for words in (["--slurm", "partition=main"], ["--detach"]):
        assert place.run(*words, check=2) == "--slurm and --detach: only with --executor slurm\n"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        UserError, match="--executor slurm: this machine has no sbatch, squeue and srun: use a login node"
    ):
        engine("slurm")
    for name in ("resbench.execution.slurm.engine", "resbench.execution.slurm.job"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=re.escape("--executor slurm: needs submitit: pip install 'resbench[slurm]'")):
        engine("slurm")


def test_a_job_that_an_earlier_version_submitted_fails_and_says_why(tmp_path: Path) -> None:
    """Its pickle names modules that have moved: the run is recorded as failed, and the same command does it again."""
    pytest.importorskip("submitit")
    gone = b"cresbench.execute.slurm.job\nElement\n."
    (tmp_path / "7_submitted.pkl").write_bytes(gone)
    env = os.environ | {"PYTHONPATH": str(ROOT), "SUBMITIT_EXECUTOR": "slurm", "SLURM_JOB_ID": "7", "SLURM_NTASKS": "1"}
    env |= dict.fromkeys(("SLURM_NODEID", "SLURM_PROCID", "SLURM_LOCALID"), "0") | {"SLURM_JOB_NUM_NODES": "1"}
    command = [sys.executable, "-m", "submitit.core._submit", str(tmp_path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    (tmp_path / "7_0_log.err").write_text(done.stderr)
    end = judge("7", JobState("FAILED", 1), None, tmp_path)
    assert end.status == "died" and "No module named 'resbench.execute'" in end.message


def test_options_of_sbatch() -> None:
    found = parsed(["partition=gpu", "time=120", "mem-per-cpu=2G", "exclusive"])
    assert found == {"partition": "gpu", "time": 120, "mem_per_cpu": "2G", "exclusive": True}
    for wrong in ["", "=1", "partition=", "Partition=x", "a b=1", "mem=1\n#SBATCH --x", "time=0", "array=0-9", "time"]:
        with pytest.raises(UserError, match="--slurm"):
            parsed([wrong])


def test_jobs_that_the_controller_has_forgotten_are_looked_up(
    slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the accounts, of which this cluster has none: a program in the place of sacct prints what another's printed."""
    monkeypatch.setenv("SLURM_CONF", str(slurm))
    jobs = [f"900000_{number}" for number in range(4)]
    assert {state.name for state in states("resbench-x", jobs).values()} == {"UNKNOWN"}
    lines = ["900000_0|COMPLETED|0:0", "900000_1|CANCELLED by 1000|0:15", "900000_2|OUT_OF_MEMORY|0:125"]
    sacct = tmp_path / "sacct"
    sacct.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
    sacct.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = states("resbench-x", jobs)
    assert [found[job].name for job in jobs] == ["COMPLETED", "CANCELLED", "OUT_OF_MEMORY", "UNKNOWN"]
    assert not any(state.live for state in found.values())


@pytest.mark.parametrize(
    ("state", "status", "part"),
    [
        (JobState("COMPLETED"), "done", ""),
        (JobState("FAILED", 75), "busy", ""),
        (JobState("FAILED", 73), "unwritable", "disk quota"),
        (JobState("FAILED", 70), "died", "exit code 70"),
        (JobState("NODE_FAIL"), "lost", "NODE_FAIL"),
        (JobState("PREEMPTED"), "lost", "PREEMPTED"),
        (JobState("OUT_OF_MEMORY", 128 + 9), "died", "OUT_OF_MEMORY, killed by SIGKILL"),
        (JobState("TIMEOUT"), "died", "TIMEOUT"),
        (JobState("FAILED", 1), "died", "exit code 1"),
        (JobState("FAILED", 128 + signal.SIGALRM), "died", "--timeout"),
        (JobState("UNKNOWN"), "died", "no longer knows"),
    ],
)
def test_what_the_end_of_a_job_means(state: JobState, status: str, part: str, tmp_path: Path) -> None:
    (tmp_path / "7_1_0_log.err").write_text(
        "x\n" * 40 + json.dumps([122, "disk quota exceeded", "/r"]) + "\nsrun: bye\n"
    )
    found = judge("7_1", state, 60.0, tmp_path)
    assert found.status == status and part in found.message
    if status == "died" and found.kind != "timeout":
        assert found.kind == f"slurm: {state.name}" and found.message.endswith("srun: bye")
        assert len(found.message.splitlines()) <= 20
