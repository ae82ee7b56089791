"""What a machine of a cluster does for the command on another machine: say what it has, and execute a run.

A run has a process of its own next to the one that an engine has started here. The engine's only waits, and so it can
always report how the run ended; if it cannot, its machine or its engine has failed and not the run.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
from pathlib import Path
from types import FrameType

from resbench.core.errors import UserError
from resbench.core.own_code import ChangedCode
from resbench.core.version import __version__, revision
from resbench.execution.driver import RunOutcome, Watcher
from resbench.execution.local import Local
from resbench.execution.task import Task
from resbench.grid.grid import PlannedRun

_POLL_SECONDS = 0.5


def node_info(token: str) -> str:
    """What this machine has, as JSON: its name, the text of the token file if it is here, and the program.

    Args:
        token: path of a file that the command has written next to the records.
    """
    return json.dumps({"node": platform.node(), "token": _text(token), "version": __version__, "code": revision()[0]})


def _text(token: str) -> str:
    try:
        return Path(token).read_text(encoding="utf-8")
    except OSError:
        return ""


def run_isolated(text: str, token: str, secret: str) -> str:
    """Execute a run in a process of its own; SIGINT or SIGTERM lets it end its step and save its state.

    Args:
        text: the task.
        token, secret: path of the token file and its text; a machine without it would write records to another disk.

    Returns:
        How it ended, as JSON: `status`, `message` and `kind` of the `RunOutcome`; or `unshared` and the machine's name.
    """
    if _text(token) != secret:
        return json.dumps(["unshared", platform.node(), ""])
    try:
        task = Task.from_json(text)
    except UserError as error:  # a file of the user's own that this machine does not have
        return json.dumps(["died", f"{platform.node()}: {error}", ChangedCode.__name__])
    # before torch reads them: engines and site profiles set their own, and results depend on them
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(task.setting.threads)))
    vars(sys.modules["__main__"]).pop("__file__", None)  # else the new process would run the engine's program again
    stopping = False
    run = PlannedRun.of(task.config)
    local = Local(1, [run])

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        local.ask_to_stop()  # now, and not at the end of a wait, when the run may be steps further

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        local.submit(run, task)
        while not stopping:
            for outcome in local.wait(_POLL_SECONDS, Watcher()):
                if not stopping:
                    return json.dumps([outcome.status, outcome.message, outcome.kind])
        return json.dumps(["lost", "it was asked to stop", RunOutcome.kind])
    finally:
        local.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
