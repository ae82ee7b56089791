"""What a machine of a cluster does for the command that sits on another one: look around, and carry out a run.

A run has a process of its own beside the one that an engine has started here. That one only waits, and so it can always
tell how the run ended; if it cannot even do that, its machine or its engine has failed and not the run.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
from pathlib import Path
from types import FrameType

import resbench
from resbench.execution.driver import Ending, Watcher
from resbench.execution.local import Local
from resbench.execution.task import Task
from resbench.grid.grid import Planned
from resbench.training.device import revision

_POLL_SECONDS = 0.5


def around(token: str) -> str:
    """What there is on this machine, as JSON: its name, the text of the token file if it is here, and the program.

    Args:
        token: path of a file that the command has written beside the records.
    """
    here = {"node": platform.node(), "token": _text(token), "version": resbench.__version__, "code": revision()[0]}
    return json.dumps(here)


def _text(token: str) -> str:
    try:
        return Path(token).read_text(encoding="utf-8")
    except OSError:
        return ""


def apart(text: str, token: str, secret: str) -> str:
    """Carry out a run in a process of its own; SIGINT or SIGTERM lets it end its step and keep its state.

    Args:
        text: the task.
        token, secret: path of the token file and its text, without which records would go where nobody looks for them.

    Returns:
        How it ended, as JSON: `how`, `message` and `kind` of the `Ending`; or `unshared` with the machine's name.
    """
    if _text(token) != secret:
        return json.dumps(["unshared", platform.node(), ""])
    task = Task.parse(text)
    # before torch reads them: engines and site profiles set their own, and results depend on them
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(task.setting.threads)))
    vars(sys.modules["__main__"]).pop("__file__", None)  # else the new process would run the engine's program again
    asked_to_stop = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    run = Planned(task.config, {}, task.config.seed, task.config.id)
    local = Local(1, [run])
    try:
        local.submit(run, task)
        while not asked_to_stop:
            for ending in local.wait(_POLL_SECONDS, Watcher()):
                return json.dumps([ending.how, ending.message, ending.kind])
        return json.dumps(["lost", "it was asked to stop", Ending.kind])
    finally:
        local.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
