"""The one fork server: whatever process starts it, its processes have what runs need, and a SIGTERM to the group spares it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Barrier

import pytest
import torch
from support.faults import ROOT

from resbench.training.server import Failed, in_processes

FACTS = """
import os, sys

def facts(pipe):
    imported = {"resbench.training.preload", "resbench.execution.child"} <= sys.modules.keys()
    pipe.send((os.getppid(), imported))
"""
MEASURES_FIRST = """
import os, signal
from server_facts import facts

def child():
    context = fork_server()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=facts, args=(theirs,))
    process.start()
    theirs.close()
    said = ours.recv()
    process.join()
    return said

if __name__ == "__main__":
    from resbench.execution.packing import combined_rate
    from resbench.execution.local import prepare_processes
    from resbench.training.run import RunConfig
    from resbench.training.server import fork_server

    run = RunConfig.model_validate({"model": {"depth": 10, "width": 4}, "recipe": {"batch_size": 4}})
    prepare_processes([])
    assert combined_rate(run, "cpu", 2, 0.01) > 0
    server, prepared = child()
    signal.signal(signal.SIGTERM, lambda *_: None)
    os.killpg(os.getpgid(0), signal.SIGTERM)
    assert prepared and child() == (server, True)
"""


def test_after_runs_were_measured_side_by_side_a_signal_to_the_group_spares_the_server(tmp_path: Path) -> None:
    script = tmp_path / "measures.py"
    script.write_text(MEASURES_FIRST)
    (tmp_path / "server_facts.py").write_text(FACTS)
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True, start_new_session=True)
    assert done.returncode == 0, done.stderr


def die_second(code: int, start: Barrier) -> int:
    """One of two processes dies, and the other waits for it."""
    if start.wait() == 0:
        os._exit(code)
    return start.wait()


def run_out_of_memory(start: Barrier) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")


def wait_alone(start: Barrier) -> None:
    signal.pause()


def environment(name: str, start: Barrier) -> tuple[str | None, int]:
    return os.environ.get(name), os.getpid()


def test_a_process_that_dies_ends_those_that_wait_for_it() -> None:
    with pytest.raises(Failed, match=r"^a process died \(exit code 3\)$"):
        in_processes(2, 60.0, die_second, 3)


def test_an_error_and_a_lack_of_answer_are_failures_in_a_line() -> None:
    with pytest.raises(Failed, match=r"^OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.$"):
        in_processes(1, 60.0, run_out_of_memory)
    with pytest.raises(Failed, match=r"^not ready after 0.1 s$"):
        in_processes(1, 0.1, wait_alone)


def test_each_process_is_fresh_and_sees_the_devices_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "CUDA_VISIBLE_DEVICES"
    before = in_processes(2, 60.0, environment, name)
    monkeypatch.setenv(name, "GPU-5")  # after the server has started
    after = in_processes(1, 60.0, environment, name)
    assert after[0][0] == "GPU-5" and len({pid for _, pid in before + after}) == 3
