"""Ray with several real nodes: the records of one process, whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.commands import contents, read_records
from support.faults import ROOT, begin

from resbench.core.json_reader import Json
from resbench.execution.api import run
from resbench.execution.remote import run_isolated
from resbench.execution.task import Setting, Task
from resbench.training.checkpoint import load
from resbench.training.run import RunConfig

pytest.importorskip("ray", reason="Ray is not installed: pip install 'resbench[ray]'")

GRID = f"""\
name: tiny
plugins: [{ROOT}/ablations/plugins/learned_scale.py]
base:
  model: {{depth: 10, width: 8, shortcut: learned_scale}}
  data: {{train_size: 512, val_size: 64, augment: shift}}
  recipe: {{epochs: 8}}
seeds: 4
"""
LONG = GRID.replace("epochs: 8", "epochs: 1000").replace("seeds: 4", "seeds: 2")
SECONDS = 180.0  # after which something hangs


def start(*words: object, cwd: Path) -> subprocess.Popen[str]:
    return begin("run", "tiny.yaml", *words, cwd=cwd)


def end(process: subprocess.Popen[str], code: int) -> str:
    """What it said, once it has ended with this code."""
    try:
        out, said = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert process.returncode == code, out + said
    assert "Traceback" not in said and "(raylet)" not in out + said
    return said


def until(found: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something that the command does."""
    deadline = time.monotonic() + SECONDS
    while not found():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def checkpoints(folder: Path) -> list[Path]:
    return list((folder / "results" / "tiny" / ".work").glob("*.ckpt"))


def processes() -> dict[int, tuple[int, str]]:
    """pid -> parent, title."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            title = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            found[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1]), title
        except OSError:
            continue
    return found


def waiting_for(run_id: str) -> int | None:
    """pid of Ray's process that waits for a run."""
    return next((pid for pid, (_, title) in processes().items() if title == f"ray::tiny {run_id}"), None)


def training(run_id: str) -> int | None:
    """pid of the process that trains a run: a child of the fork server of the one that waits for it."""
    above = {pid: parent for pid, (parent, _) in processes().items()}
    waits = waiting_for(run_id)
    return next((pid for pid, parent in above.items() if waits and above.get(parent) == waits), None)


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Json]]:
    folder = tmp_path_factory.mktemp("serial")
    (folder / "tiny.yaml").write_text(GRID)
    run(folder / "tiny.yaml", results=folder / "results", threads=1)
    return contents(folder / "results" / "tiny")


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    """A head that takes no runs, and two nodes that take one each."""
    from ray.cluster_utils import Cluster

    args = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 80 * 2**20}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # the nodes carry out what is tested here
        made = Cluster(initialize_head=True, head_node_args=args)
        yield made
        made.shutdown()


def test_the_records_of_one_process_though_the_command_and_a_node_were_killed(
    cluster: object, serial: dict[str, dict[str, Json]], tmp_path: Path
) -> None:
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20) for _ in range(2)]  # type: ignore[attr-defined]
    (tmp_path / "tiny.yaml").write_text(GRID)
    words = ["--executor", "ray", "--address", cluster.address, "--threads", 1]  # type: ignore[attr-defined]
    first = start(*words, cwd=tmp_path)
    until(lambda: len(checkpoints(tmp_path)) > 1, first)
    first.send_signal(signal.SIGTERM)
    assert "to go on: resbench run tiny.yaml" in end(first, 143)
    kept = [load(path, path.stem)[0] for path in checkpoints(tmp_path)]
    assert any(state and state["part"] for state in kept)  # a step of an epoch, not only its end
    assert not [title for _, title in processes().values() if title.startswith("ray::tiny")]
    second = start(*words, cwd=tmp_path)
    until(lambda: any(training(path.stem) for path in checkpoints(tmp_path)), second)
    cluster.remove_node(nodes[0], allow_graceful=False)  # type: ignore[attr-defined]
    end(second, 0)
    assert contents(tmp_path / "results" / "tiny") == serial
    assert not list((tmp_path / "results" / "tiny" / ".work").glob("*.tmp"))


def test_a_run_that_is_killed_or_hangs_is_recorded_and_one_whose_waiting_process_is_killed_is_done_again(
    cluster: object, tmp_path: Path
) -> None:
    cluster.add_node(num_cpus=2, object_store_memory=80 * 2**20)  # type: ignore[attr-defined]
    (tmp_path / "tiny.yaml").write_text(LONG)
    address = cluster.address  # type: ignore[attr-defined]
    process = start("--executor", "ray", "--address", address, "--threads", 1, "--timeout", "30s", cwd=tmp_path)
    live: list[tuple[str, int, int]] = []

    def both() -> bool:
        """Whether two runs that have got somewhere are being trained now."""
        found = [(path.stem, training(path.stem), waiting_for(path.stem)) for path in checkpoints(tmp_path)]
        live[:] = [(run_id, child, waits) for run_id, child, waits in found if child and waits]
        return len(live) == 2

    until(both, process)
    (one, child, _), (other, _, before) = live
    os.kill(child, signal.SIGKILL)
    os.kill(before, signal.SIGKILL)
    until(lambda: waiting_for(other) not in (None, before), process)
    end(process, 1)
    errors = {key: record.error for key, record in read_records(tmp_path / "results" / "tiny").items() if record.error}
    assert "killed by SIGKILL" in errors[one].message
    assert errors[other].kind == "timeout"


def test_concurrent_runs_see_different_gpus(cluster: object, tmp_path: Path) -> None:
    """GPUs that the node only claims to have: what a run may see is Ray's doing, and what it asks for is ours."""
    import ray

    from resbench.execution.ray.tasks import needs

    cluster.add_node(num_cpus=2, num_gpus=2, object_store_memory=80 * 2**20)  # type: ignore[attr-defined]

    def visible(mine: Path, other: Path) -> str:
        mine.touch()
        while not other.exists():
            time.sleep(0.01)
        return os.environ["CUDA_VISIBLE_DEVICES"]

    setting = Setting(tmp_path, tmp_path, "cuda", 1, (None, False))
    ray.init(cluster.address, log_to_driver=False)  # type: ignore[attr-defined]
    try:
        task = ray.remote(max_retries=0)(visible).options(**needs(setting, 1.0))
        a, b = tmp_path / "a", tmp_path / "b"
        seen = ray.get([task.remote(a, b), task.remote(b, a)], timeout=SECONDS)
    finally:
        ray.shutdown()
    assert sorted(seen) == ["0", "1"]


def test_a_cluster_that_ends_is_told_in_a_line_and_leaves_the_state_of_its_runs_and_no_process(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(LONG)
    process = start("--executor", "ray", "-j", 2, cwd=tmp_path)
    until(lambda: len(checkpoints(tmp_path)) == 2, process)
    below = {pid: title for pid, (parent, title) in processes().items() if parent == process.pid}
    [head] = [pid for pid, title in below.items() if "/gcs_server" in title.split(" ")[0]]
    os.kill(head, signal.SIGKILL)
    said = end(process, 1)
    assert "the head of the Ray cluster at 127.0.0.1:" in said and "then the same command goes on" in said
    left = processes()
    assert not [title for pid, title in below.items() if pid in left and left[pid][1] == title]
    assert all(load(path, path.stem)[0] for path in checkpoints(tmp_path))


def test_a_node_that_does_not_see_the_results_writes_nothing(tmp_path: Path) -> None:
    task = Task(RunConfig(), Setting(tmp_path, tmp_path, "cpu", 1, (None, False)))
    assert '"unshared"' in run_isolated(task.to_json(), str(tmp_path / "token"), "secret")
    assert not list(tmp_path.iterdir())


def test_a_package_in_the_working_folder_does_not_come_into_the_workers(tmp_path: Path) -> None:
    (tmp_path / "resbench").mkdir()
    (tmp_path / "resbench" / "__init__.py").write_text("raise SystemExit('of the working folder')\n")
    (tmp_path / "tiny.yaml").write_text(GRID.replace("seeds: 4", "seeds: 1"))
    text = "import sys; del sys.path[0]; from resbench.cli import main; main()"
    command = [sys.executable, "-c", text, "run", "tiny.yaml", "--executor", "ray"]
    folder = tmp_path / ("t" * 80)
    folder.mkdir()
    env = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    end(subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True), 0)
    assert len(contents(tmp_path / "results" / "tiny")) == 1


def test_what_cannot_be_is_told_in_a_line(cluster: object, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(GRID)
    words = ["--executor", "ray", "--address"]
    assert "127.0.0.1:9: no answer there" in end(start(*words, "127.0.0.1:9", cwd=tmp_path), 2)
    assert "name the head as HOST:PORT" in end(start(*words, "ray://127.0.0.1:9", cwd=tmp_path), 2)
    said = end(start(*words, cluster.address, "--threads", 64, cwd=tmp_path), 2)  # type: ignore[attr-defined]
    assert "no node of the cluster has 64 CPU" in said
