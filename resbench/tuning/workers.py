"""Workers side by side, of this command and of others on the same storage, until every arm has had its trials."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import time
import traceback
from typing import Any

from optuna.trial import TrialState

from resbench.core.config import UserError
from resbench.core.errors import Unwritable
from resbench.data.loading import DATASETS
from resbench.execution.follow import end_with_parent
from resbench.execution.local import PRELOAD
from resbench.execution.session import Setting
from resbench.records.store import Store
from resbench.training.epoch import Stopped
from resbench.tuning.search import Search
from resbench.tuning.storage import Studies, counts, reachable, surplus
from resbench.tuning.trial import Lost, Task
from resbench.tuning.worker import Worker

_POLL_SECONDS = 0.5
_FAILURES = 3  # in a row, after which a worker asks for no more trials
_DEATHS = 10  # of workers of one command, in whose places others start
_UNABLE = 74  # exit code of a worker whose trials fail (EX_IOERR)


def search_through(search: Search, url: str | None, setting: Setting, jobs: int) -> None:
    """Work until no arm lacks a trial, or every worker has given up: the storage says which.

    Args:
        url: of the storage, None for the journal beside the study.
        jobs: workers side by side in this command.
    """
    context = multiprocessing.get_context("forkserver")
    remote = any(DATASETS[search.config(arm).data.name].remote for arm in search.points())
    context.set_forkserver_preload([PRELOAD, "resbench.tuning.trial", *(["torchvision"] if remote else [])])
    deaths = 0
    live: list[Any] = []
    wanted = min(jobs, search.budget * len(search.points()))
    try:
        live += [_start(context, search, url, setting) for _ in range(wanted)]
        while live:
            multiprocessing.connection.wait([child.sentinel for child in live], timeout=_POLL_SECONDS)
            for child in [child for child in live if not child.is_alive()]:
                child.join()
                live.remove(child)
                if child.exitcode in (0, _UNABLE):  # one that gave up leaves the rest to the others
                    continue
                deaths += 1
                if deaths <= _DEATHS:
                    told = f"a worker died (exit code {child.exitcode}): another takes up its trial"
                    print(told, file=sys.stderr, flush=True)
                    live.append(_start(context, search, url, setting))
    finally:
        for child in live:
            child.kill()  # its trial is taken up again from its last epoch
        for child in live:
            child.join()


def _start(context: Any, search: Search, url: str | None, setting: Setting) -> Any:
    child = context.Process(target=_child, args=(search, url, setting), daemon=True)
    child.start()
    return child


def _child(search: Search, url: str | None, setting: Setting) -> None:
    """Take one trial after the other, in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C goes to the whole group; the parent decides
    end_with_parent()
    code = 0
    try:
        if not work(search, url, setting):
            code = _UNABLE
    except Stopped as stopped:
        print(*stopped.args, sep="\n", file=sys.stderr, flush=True)
        code = 1
    except UserError as error:
        print(*error.lines, sep="\n", file=sys.stderr, flush=True)
        code = _UNABLE
    except Unwritable as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr, flush=True)
        code = _UNABLE
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)


def work(search: Search, url: str | None, setting: Setting) -> bool:
    """One worker, until no arm lacks a trial; False if its trials fail one after the other.

    Raises:
        Stopped: the storage did not answer, or the command is gone; another worker takes up the trial.
        UserError: the storage cannot be opened.
        Unwritable: the disk that the checkpoints are on is full.
    """
    store = Store(setting.folder)
    with reachable():
        studies = Studies(search, url, store)
    failures = 0
    with Worker(store) as worker:
        while True:
            with reachable():
                task, waiting = _next(studies, worker, setting)
            if task:
                try:
                    with reachable():
                        line = task.run()
                        failures = failures + 1 if task.now().state == TrialState.FAIL else 0
                        print(f"[{_done(studies)}] {line}", file=sys.stderr, flush=True)
                except Lost:
                    continue
                if failures >= _FAILURES:
                    return False
            elif waiting:  # others are at work, and may yet be killed
                time.sleep(_POLL_SECONDS)
            else:
                return True


def _next(studies: Studies, worker: Worker, setting: Setting) -> tuple[Task | None, bool]:
    """A trial that was left unfinished, else a new one for the arm with the fewest; and whether others are running.

    To ask and to sign are one step under the admission lock, and so is to look: whoever holds the lock sees only trials
    that are signed or whose worker was killed between the two, and no arm goes beyond its budget. Machines that share a
    storage but no results folder share no lock either: there `surplus` takes back what was asked for too much.
    """
    budget = studies.search.budget
    with studies.admission:
        found = [studies.trials(arm) for arm in range(len(studies.arms))]
        for arm, trials in enumerate(found):
            for trial in trials:
                if trial.state == TrialState.RUNNING and worker.abandoned(arm, trial):
                    task = Task(studies, arm, studies.adopt(arm, trial.number), worker, setting)
                    task.sign()
                    return task, True
        # one that waits was queued and never taken: the next to ask gets it
        taken = [sum(counts(t) and t.state != TrialState.WAITING for t in trials) for trials in found]
        arm = min(range(len(found)), key=lambda one: (taken[one], one))
        if taken[arm] < budget:
            task = Task(studies, arm, studies.ask(arm), worker, setting)
            task.sign()
            if not surplus(studies.trials(arm), task.number, budget):
                return task, True
            task.fail("one too many: another machine asked at the same moment")
            return None, True
        return None, any(t.state == TrialState.RUNNING for trials in found for t in trials)


def _done(studies: Studies) -> str:
    """`12/60`."""
    ready = sum(t.state.is_finished() and counts(t) for arm in range(len(studies.arms)) for t in studies.trials(arm))
    return f"{ready}/{studies.search.budget * len(studies.arms)}"
