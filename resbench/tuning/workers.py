"""Workers side by side, of this command and of others on the same storage, until every arm has had its trials."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing.connection
import os
import signal
import sys
import time
import traceback
from multiprocessing.context import ForkServerContext, ForkServerProcess

import optuna
from optuna.trial import TrialState

from resbench.core.cards import VARIABLE, Card, see
from resbench.core.errors import Stopped, Unwritable, UserError
from resbench.core.processes import end_with_parent
from resbench.core.terminal import prepare_output
from resbench.execution.task import Setting
from resbench.records.store import Store
from resbench.training.cards import cards
from resbench.training.server import fork_server
from resbench.tuning import trials_file
from resbench.tuning.search import Search
from resbench.tuning.storage import Studies, in_budget, reachable, surplus
from resbench.tuning.trial import Lost, RunningTrial
from resbench.tuning.worker import Worker

_POLL_SECONDS = 0.5
_MAX_FAILURES = 3  # in a row, after which a worker asks for no more trials
_MAX_DEATHS = 10  # of workers of one command, in whose places others start
_UNABLE = 74  # exit code of a worker whose trials fail (EX_IOERR)


def run_workers(search: Search, url: str | None, setting: Setting, jobs: int) -> None:
    """Work until no arm lacks a trial, or every worker has given up: the storage says which.

    Args:
        url: of the storage, None for the journal next to the study.
        jobs: workers side by side in this command.
    """
    context = fork_server((search.config(arm) for arm in search.points()), ["resbench.tuning.trial"])
    found = cards(setting.device) or [None]
    deaths = 0
    live: dict[ForkServerProcess, Card | None] = {}
    count = min(jobs, search.budget * len(search.points()))
    try:
        for number in range(count):
            card = found[number % len(found)]
            live[_start(context, search, url, setting, card)] = card
        while live:
            multiprocessing.connection.wait([child.sentinel for child in live], timeout=_POLL_SECONDS)
            for child in [child for child in live if not child.is_alive()]:
                child.join()
                card = live.pop(child)
                if child.exitcode in (0, _UNABLE):  # one that gave up leaves the rest to the others
                    continue
                deaths += 1
                if deaths <= _MAX_DEATHS:
                    text = f"a worker died (exit code {child.exitcode}): another takes up its trial"
                    print(text, file=sys.stderr, flush=True)
                    live[_start(context, search, url, setting, card)] = card
    finally:
        for child in live:
            child.kill()  # its trial is taken up again from its last epoch
        for child in live:
            child.join()


def _start(
    context: ForkServerContext, search: Search, url: str | None, setting: Setting, card: Card | None
) -> ForkServerProcess:
    if card:  # the only one that the process sees
        setting = dataclasses.replace(setting, device=setting.device.partition(":")[0])
    visible = os.environ.get(VARIABLE)  # the fork server knows only what it was when it started
    child = context.Process(target=_child, args=(search, url, setting, card, visible), daemon=True)
    child.start()
    return child


def _child(search: Search, url: str | None, setting: Setting, card: Card | None, visible: str | None) -> None:
    """Take one trial after the other, in a process of its own."""
    see(card, visible)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C goes to the whole group; the parent decides
    end_with_parent()
    prepare_output()
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
    worker = Worker(store)
    failures = 0
    while failures < _MAX_FAILURES:
        with contextlib.ExitStack() as claims:  # of one trial
            with reachable():
                trial, waiting = next_trial(studies, worker, setting, claims)
            if trial:
                with contextlib.suppress(Lost):
                    with reachable():
                        line = trial.run()
                        failures = failures + 1 if trial.now().state == TrialState.FAIL else 0
                        print(f"[{_progress(studies)}] {line}", file=sys.stderr, flush=True)
                    trials_file.write_meanwhile(studies, store)
                continue
        if not waiting:
            return True
        time.sleep(_POLL_SECONDS)  # others are at work, and may yet be killed
    return False


def next_trial(
    studies: Studies, worker: Worker, setting: Setting, claims: contextlib.ExitStack
) -> tuple[RunningTrial | None, bool]:
    """A trial that was left unfinished, else a new one for the arm with the fewest; and whether others are running.

    To check, ask, claim and sign is one step under admission: every process that is admitted sees only trials that are
    claimed or whose worker is gone, and no arm goes beyond its budget. Machines that share a storage but no results
    folder share no lock: there `surplus` takes back what was asked for too much.

    Args:
        claims: gets the claim of the trial, and ends with it.
    """

    def take(arm: int, trial: optuna.Trial) -> RunningTrial | None:
        claim = claims.enter_context(worker.store.claim(studies.claim_name(arm, trial.number)))
        if claim is None:
            return None
        taken = RunningTrial(studies, arm, trial, worker, claim, setting)
        taken.sign()
        return taken

    budget = studies.search.budget
    with studies.admission():
        arms = [studies.trials(arm) for arm in range(len(studies.arms))]
        running = [(arm, t) for arm, trials in enumerate(arms) for t in trials if t.state == TrialState.RUNNING]
        for arm, unfinished in running:
            if worker.abandoned(studies.claim_name(arm, unfinished.number), unfinished):
                return take(arm, studies.adopt(arm, unfinished.number)), True
        # one that waits was queued and never taken: the next to ask gets it
        counts = [sum(in_budget(t) and t.state != TrialState.WAITING for t in trials) for trials in arms]
        arm = min(range(len(arms)), key=lambda index: (counts[index], index))
        if counts[arm] >= budget:
            return None, bool(running)
        trial = take(arm, studies.ask(arm))
        if trial and surplus(studies.trials(arm), trial.number, budget):
            trial.fail("one too many: another machine asked at the same moment")
            return None, True
        return trial, True


def _progress(studies: Studies) -> str:
    """`12/60`."""
    arms = range(len(studies.arms))
    done = sum(t.state.is_finished() and in_budget(t) for arm in arms for t in studies.trials(arm))
    return f"{done}/{studies.search.budget * len(studies.arms)}"
