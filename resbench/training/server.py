"""Where processes that train and measure come from: one fork server, which has imported what they need.

A process has one fork server, and what it imports is settled when it starts: who starts it first starts it for all.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any, TypeVar

from resbench.core import processes
from resbench.training.run import RunConfig

PRELOAD = "resbench.training.preload"
T = TypeVar("T")


class Failed(Exception):
    """What was to be measured in processes of its own could not be, and why, in a few words."""


def fork_server(configs: Iterable[RunConfig] = (), modules: Sequence[str] = ()) -> ForkServerContext:
    """The context of processes that train.

    Args:
        configs: of the runs to come.
        modules: to import too, if the server has not started yet.
    """
    return processes.fork_server(_imports(configs, modules))


def start_fork_server(configs: Iterable[RunConfig], modules: Sequence[str]) -> None:
    """Start the server, as `fork_server` would at its first process: it imports while this process does something else."""
    processes.start_fork_server(_imports(configs, modules))


def _imports(configs: Iterable[RunConfig], modules: Sequence[str]) -> list[str]:
    remote = any(config.data.dataset.remote for config in configs)
    # the preload comes last: what is imported by then is frozen for the collector of cycles
    return [*modules, *(["torchvision"] if remote else []), PRELOAD]


def fresh_processes() -> ProcessPoolExecutor:
    """A pool in which each task has a fresh process, one at a time."""
    return ProcessPoolExecutor(
        1, mp_context=fork_server(), initializer=_begin, initargs=(_visible(),), max_tasks_per_child=1
    )


def in_processes(count: int, patience: float, function: Callable[..., T], *words: object) -> list[T]:
    """What a function returns in each of so many fresh processes, at the same time.

    Its last argument is a barrier of them all. They end as soon as one fails, for which the others may be waiting, and
    with this process.

    Args:
        patience: seconds until all must be done.

    Raises:
        Failed: one raised an error, or died, or time was up.
    """
    context, until = fork_server(), time.monotonic() + patience
    task = (_visible(), function, (*words, context.Barrier(count)))
    live: dict[Connection, ForkServerProcess] = {}
    results: list[T] = []
    try:
        for _ in range(count):
            ours, theirs = context.Pipe(duplex=False)
            live[ours] = context.Process(target=_answer, args=(theirs, *task), daemon=True)
            live[ours].start()
            theirs.close()
        waiting = dict(live)
        while waiting:
            ready = wait(list(waiting), max(0.0, until - time.monotonic()))
            if not ready:
                raise Failed(f"not ready after {patience:g} s")
            results += [_received(pipe, waiting.pop(pipe)) for pipe in live if pipe in ready]
    finally:
        for pipe, process in live.items():
            if process.pid is not None:
                process.kill()
                process.join()
            pipe.close()
    return results


def _received(pipe: Connection, process: ForkServerProcess) -> Any:
    """What it returned.

    Raises:
        Failed: it raised an error, or died.
    """
    try:
        error, result = pipe.recv()
    except (EOFError, OSError):
        process.join()
        raise Failed(f"a process died (exit code {process.exitcode})") from None
    if error:
        raise Failed(error)
    return result


def _answer(pipe: Connection, devices: str | None, function: Callable[..., Any], words: tuple[object, ...]) -> None:
    """Send what a function returns, or what it raises in a line."""
    _begin(devices)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C goes to the whole group; the parent ends this process
    try:
        answer = "", function(*words)
    except Exception as error:
        first = str(error).partition("\n")[0]
        answer = f"{type(error).__name__}: {first}" if first else type(error).__name__, None
    pipe.send(answer)


def _visible() -> str | None:
    """The devices that are visible now; the fork server knows only those of when it started."""
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def _begin(devices: str | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the server ignores it, and a pool ends processes by it
    if devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices
    processes.end_with_parent()
