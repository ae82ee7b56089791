"""Runs that go wrong in every way, without a change to the program: a `sitecustomize.py` that adds augmentations to it.

Python imports that module at the start of every process, of the command and of each run's, as it would a user's own.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import resbench

ROOT = Path(resbench.__file__).parents[1]

# data.augment -> what it does in the middle of training
CUSTOM = """
import ctypes, os, signal, sys, time
sys.path.insert(0, os.environ["RESBENCH_ROOT"])
from resbench.augment import AUGMENTS

def augment(do):
    def change(images, generator):
        do()
        return images
    return change

def fail(): raise RuntimeError("a mistake in someone's own code")
def allocate():
    import torch
    torch.empty(2**50)
def out_of_memory(): raise MemoryError
def count():
    # a byte for every batch, in a file that all processes of all commands append to
    with open(os.environ["RESBENCH_COUNT"], "ab", 0) as file:
        file.write(b".")
def hang():
    while True: signal.pause()

AUGMENTS |= {
    "fails": augment(fail),
    "allocates": augment(allocate),
    "memory-error": augment(out_of_memory),
    "segfaults": augment(lambda: ctypes.string_at(0)),
    "is-killed": augment(lambda: os.kill(os.getpid(), signal.SIGKILL)),
    "aborts": augment(os.abort),
    "exits": augment(lambda: os._exit(3)),
    "quits": augment(lambda: sys.exit(0)),
    "interrupts": augment(lambda: exec("raise KeyboardInterrupt")),
    "hangs": augment(hang),
    "counts": augment(count),
}
"""


def environment(folder: Path, custom: str = CUSTOM) -> dict[str, str]:
    """For a command that has these augmentations; `folder` gets the module."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(custom)
    return os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "RESBENCH_ROOT": str(ROOT)}


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "resbench", *map(str, words)]


def begin(
    *words: object, cwd: Path, env: dict[str, str] | None = None, told: Path | None = None
) -> subprocess.Popen[str]:
    """A command in a process group of its own, which `end` kills; what it prints goes into pipes, or a file."""
    env = env or os.environ | {"PYTHONPATH": str(ROOT)}
    with told.open("w") if told else contextlib.nullcontext(subprocess.PIPE) as out:
        return subprocess.Popen(
            command(*words), cwd=cwd, env=env, stdout=out, stderr=out, text=True, start_new_session=True
        )


def end(process: subprocess.Popen[str]) -> None:
    """Kill -9 of the whole group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
