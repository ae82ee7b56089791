"""Commands that are killed, and runs that go wrong in every way: by the augmentations of a plug-in, as a user would write it."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import resbench

ROOT = Path(resbench.__file__).parents[1]

# all that `resbench run` imports
_PRELOAD = ["torch._dynamo", "support.faults"]
_PRELOAD += [f"resbench.{name}" for name in ("cli", "training.train", "report", "probes.observer")]
_PRELOAD += [f"resbench.execution.{name}" for name in ("executors", "notebook", "selection", "stage_sessions", "task")]

# data.augment -> what it does in the middle of training
CUSTOM = """
import ctypes, os, signal, sys

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

AUGMENTS = {
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
    """Of a command; the folder of its grid file gets the plug-in, `faults.py`."""
    (folder / "faults.py").write_text(custom)
    return os.environ | {"PYTHONPATH": str(ROOT)}


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "resbench", *map(str, words)]


def begin(
    *words: object, cwd: Path, env: dict[str, str] | None = None, output: Path | None = None
) -> subprocess.Popen[str]:
    """A command in a process group of its own, which `end` kills; what it prints goes into pipes, or a file."""
    env = env or os.environ | {"PYTHONPATH": str(ROOT)}
    with output.open("w") if output else contextlib.nullcontext(subprocess.PIPE) as out:
        return subprocess.Popen(
            command(*words), cwd=cwd, env=env, stdout=out, stderr=out, text=True, start_new_session=True
        )


def end(process: subprocess.Popen[str]) -> None:
    """Kill -9 of the whole group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def warm(*words: object, cwd: Path, crash_at: int = 0) -> Any:
    """The same as `begin`, in a process forked from one that has imported everything: begins within milliseconds.

    Args:
        crash_at: number of the operation on a file under `results` at which the process kills itself; 0 for never.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    process = context.Process(target=_command, args=([str(word) for word in words], str(cwd), crash_at))
    process.start()
    return process


def _command(words: list[str], cwd: str, crash_at: int) -> None:
    os.setsid()
    os.chdir(cwd)
    with open("log", "a") as log:  # noqa: PTH123
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    from resbench.cli import main

    sys.argv = ["resbench", *words]
    if crash_at:
        _crash(crash_at)
    main()


def _crash(limit: int) -> None:
    """Kill this process at its n-th operation on a file, whatever the operation.

    Python tells hooks of opening, renaming, linking, making and removing; of fsync it does not, so that this is counted
    where it is called.
    """
    seen = 0

    def count(path: object) -> None:
        nonlocal seen
        if "results" in str(path):
            seen += 1
            if seen == limit:
                os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or event in (
            "os.rename",
            "os.link",
            "os.remove",
            "os.mkdir",
        ):
            count(arguments[0])

    sync = os.fsync

    def counted(descriptor: int) -> None:
        count(Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)

    os.fsync = counted  # type: ignore[assignment]
    sys.addaudithook(hook)
