"""A search of which a worker, or a whole command, is killed: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState
from support.faults import command
from support.searches import ENVIRONMENT, SEARCH, load, store_of, studies_of, wait_until

import resbench
from resbench.training.train import train
from resbench.tuning.storage import Studies

LONG = 80  # epochs: trials must outlast the time by which one command may start later than the other


def running(studies: Studies) -> list[FrozenTrial]:
    """Trials that are neither just begun nor about to end."""
    trials = [t for arm in (0, 1) for t in studies.trials(arm) if t.state == TrialState.RUNNING]
    return [t for t in trials if 0 < len(t.intermediate_values) < LONG - 20 and "worker" in t.user_attrs]


def parent(process: int) -> int:
    """0 if the process is gone, or a zombie that no process has waited for."""
    try:
        state, number = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:2]
    except FileNotFoundError:
        return 0
    return 0 if state == "Z" else int(number)


def worker_of(trial: FrozenTrial) -> int:
    return int(trial.user_attrs["worker"]["process"])


def trials_of(process: subprocess.Popen[str], trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Those that a command's workers have: children of its fork server, or itself if it is a worker alone."""
    return [t for t in trials if process.pid in (worker_of(t), parent(parent(worker_of(t))))]


ONE_WORKER = """\
import sys
from pathlib import Path
from resbench.execution.task import Setting
from resbench.tuning.reader import load_search
from resbench.tuning.workers import work
search = load_search("tiny.yaml", sys.argv[2:])
assert work(search, sys.argv[1], Setting(Path("results") / search.name, Path(), "cpu", 1, (None, False)))
"""


def test_of_two_commands_at_once_one_is_killed_and_nothing_is_lost(storage: str | None, tmp_path: Path) -> None:
    """Kill -9 of one alone: its workers go with it, and the other takes up their trials under their numbers.

    On the journal both are `resbench tune`; on the other storages they are workers alone, which is quicker.
    """
    name = f"killed-{time.monotonic_ns()}"  # the server outlives one test
    words = [f"name={name}", f"recipe.epochs={LONG}", "data.train_size=200", "trials=3", "seeds.confirm=1"]
    search = load(tmp_path, SEARCH, *words)
    studies = studies_of(search, tmp_path, storage)
    line = [sys.executable, "-c", ONE_WORKER, storage] if storage else command("tune", "tiny.yaml", "-j", "2")
    first, other = (
        subprocess.Popen(
            [*line, *words], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    )
    wait_until(lambda: all(trials_of(process, running(studies)) for process in (first, other)))
    taken = {trial._trial_id: trial for trial in trials_of(first, running(studies))}
    first.kill()
    wait_until(lambda: not any(parent(worker_of(trial)) for trial in taken.values()), 60)
    output = other.communicate(timeout=240)[1]
    first.communicate()
    assert other.returncode == 0 and "6/6" in output, output
    arms = [studies.trials(arm) for arm in (0, 1)]
    assert [len(trials) for trials in arms] == [3, 3]
    assert all(t.state == TrialState.COMPLETE for trials in arms for t in trials), output
    ended = [(taken[t._trial_id], t) for trials in arms for t in trials if t._trial_id in taken]
    finished = next(after for before, after in ended if worker_of(before) != worker_of(after))
    assert all(before.params == after.params for before, after in ended)
    arm = search.points()[next(index for index in (0, 1) if finished in arms[index])]
    alone = train(search.config(arm, finished.params), tmp_path, threads=1, tested=False)
    assert finished.value == 1 - (alone.metrics["val_accuracy"] or 0.0)  # as if nothing had happened
    assert len(finished.intermediate_values) == LONG
    store = store_of(tmp_path, name)
    assert not list(store.work.glob("trial-*.ckpt"))
    assert storage or len(resbench.load(store.folder)) == 4


def test_the_command_replaces_a_worker_that_is_killed(tmp_path: Path) -> None:
    words = ["trials=1", "seeds.confirm=1", "recipe.epochs=40", "data.train_size=400"]
    search = load(tmp_path, SEARCH, *words)
    store = store_of(tmp_path)
    with subprocess.Popen(
        command("tune", "tiny.yaml", *words, "-j", "2"),
        cwd=tmp_path,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until(lambda: process.poll() is None and bool(list(store.work.glob("trial-*.ckpt"))))
        studies = studies_of(search, tmp_path)
        wait_until(lambda: bool(running(studies)))
        os.kill(worker_of(running(studies)[0]), signal.SIGKILL)
        output = process.communicate(timeout=240)[1]
    assert process.returncode == 0 and "another takes up its trial" in output and "2/2" in output, output
    assert [len(studies_of(search, tmp_path).trials(arm)) for arm in (0, 1)] == [1, 1]
    assert len(resbench.load(store.folder)) == 4
