"""What one element of a Slurm job array does on its node: execute the run whose task it was given as text.

submitit unpickles an `Element` and calls it. Nothing comes back but the exit code; the store has the rest.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import traceback
from typing import NoReturn

from submitit.core.job_environment import JobEnvironment
from submitit.helpers import DelayedSubmission

from resbench.core.errors import Unwritable, UserError
from resbench.core.locks import LEASE_SECONDS
from resbench.core.own_code import ChangedCode
from resbench.execution.process import StopSignals
from resbench.execution.task import BUSY, DONE, RAISED, STOPPED, UNWRITABLE, Task, execute_run
from resbench.records.store import Store


class Element:
    """Called with `Task.to_json()`; asked to leave (cancelled, preempted, out of time), it saves the run's state first."""

    def __call__(self, text: str) -> None:
        try:
            task = Task.from_json(text)
        except UserError as error:  # a file of the user's own that this machine does not have
            _leave(RAISED, [ChangedCode.__name__, str(error)])
        # comes before the time is up, and before preemption where Slurm is set so
        notice = signal.Signals[f"SIG{JobEnvironment.USR_SIG}"]
        requeue = signal.getsignal(notice)
        signals = StopSignals(signal.SIGTERM, notice)
        if task.setting.timeout:
            # the kernel ends the process, however it hangs, and the exit code says why
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, task.setting.timeout)
        try:
            code = _execute(task, signals)
        except Unwritable as error:
            _leave(UNWRITABLE, [error.errno, error.strerror, error.filename])
        except BaseException as error:  # of a user's own code, which may end the process in its own way; or ours
            traceback.print_exc()
            _leave(RAISED, [type(error).__name__, str(error)])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if code == STOPPED and notice in signals.received and callable(requeue):
            requeue(notice, None)  # submitit's: calls `checkpoint`, puts the job back into the queue, and exits
        if code != DONE:
            sys.exit(code)

    def checkpoint(self, text: str) -> DelayedSubmission:
        """What to do after a requeue: the same, which goes on from the run's own checkpoint."""
        return DelayedSubmission(self, text)


def _execute(task: Task, signals: StopSignals) -> int:
    """As `execute_run`; a job that follows one that died hard waits until that one's lease is over."""
    store = Store(task.setting.folder)
    until = time.monotonic() + LEASE_SECONDS + 30
    while (code := execute_run(task, lambda epochs: signals.check())) == BUSY and time.monotonic() < until:
        while not store.free(task.config.id) and time.monotonic() < until and not signals.received:
            time.sleep(1)
        if signals.received:
            return STOPPED
    return code


def _leave(code: int, words: list[object]) -> NoReturn:
    """End, with words for `queue.judge` in the log."""
    print(json.dumps(words), file=sys.stderr, flush=True)
    sys.exit(code)
