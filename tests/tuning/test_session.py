"""Searches on real Optuna and real storages: mistakes, budgets, kills, and what becomes of the winners."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

import resbench
from resbench.core.errors import UserError
from resbench.execution.session import Setting
from resbench.grid.grid import Grid
from resbench.records.store import Store
from resbench.report import write
from resbench.training import train as train_module
from resbench.training.train import train
from resbench.tuning.export import export
from resbench.tuning.journal import JournalLock
from resbench.tuning.search import Search
from resbench.tuning.session import _why
from resbench.tuning.storage import JOURNAL, Studies, surplus
from resbench.tuning.trial import Lost, Task
from resbench.tuning.trials_file import keep
from resbench.tuning.winners import best, confirmation
from resbench.tuning.worker import Worker
from resbench.tuning.workers import _next, work

SEARCH = """\
# Question: does it tune?
name: tiny
base:
  model: {depth: 10, width: 4}
  data: {train_size: 64, val_size: 40}
  recipe: {epochs: 2, batch_size: 32}
arms: {model.shortcut: [identity, none]}
search:
  recipe.lr: {low: 0.01, high: 1.0, log: true}
  model.dropout: {choices: [0.0, 0.3]}
trials: 3
seeds: {search: 1, confirm: 2}
sampler: random
pruner: none
claims:
  - says: shortcuts help when both arms are tuned
    compare: {model.shortcut: identity}
    to: {model.shortcut: none}
    expect: lower
"""
KEPT = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(resbench.__file__).parents[1]), *sys.path])}


def loaded(folder: Path, text: str = SEARCH, *overrides: str) -> Search:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.yaml").write_text(text)
    return Search.load(folder / "tiny.yaml", list(overrides))


def setting(folder: Path, name: str = "tiny") -> Setting:
    return Setting(folder / "results" / name, folder, "cpu", 1, (None, False))


def call(*words: object, cwd: Path, check: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "resbench", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, env=KEPT, capture_output=True, text=True)
    assert done.returncode == check, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


# Reading


@pytest.mark.parametrize(
    ("old", "new", "line", "part"),
    [
        ("recipe.lr: {low", "recipe.lrr: {low", 9, "recipe.lrr: unknown field (did you mean 'recipe.lr'?)"),
        ("low: 0.01, high: 1.0", "low: 1.0, high: 0.01", 9, "low 1.0 is above high 0.01"),
        ("low: 0.01, high: 1.0", "low: 0.01, high: 0.01", 9, "empty of choice: low and high are both 0.01"),
        ("recipe.lr: {low: 0.01", "recipe.weight_decay: {low: 0.0", 9, "a log range has to begin above 0, and low is 0"),
        ("low: 0.01, high: 1.0", "low: 0.01, high: 5000.0", 9, "recipe.lr: 5000.0 is not allowed"),
        ("low: 0.01, high: 1.0", "low: fast, high: 1.0", 9, "low: 'fast' should be a number"),
        ("log: true", "log: true, step: 0.1", 9, "a log range has no steps"),
        ("log: true", "logg: true", 9, "logg: unknown key; allowed are low, high, log, step or choices"),
        ("recipe.lr: {low: 0.01, high: 1.0, log: true}", "recipe.lr: 0.1", 9, "should be {low: ..., high: ...}"),
        ("[0.0, 0.3]", "[0.0, 1.5]", 10, "model.dropout: 1.5 is not allowed"),
        ("[0.0, 0.3]", "[0.3, 0.3]", 10, "0.3 is listed twice"),
        ("[0.0, 0.3]", "[]", 10, "should be a list of two values or more"),
        ("model.dropout: {choices: [0.0, 0.3]}", "model.depth: {low: 10, high: 22}", 10, "not a depth of the family"),
        ("model.dropout: {choices: [0.0, 0.3]}", "model.drop_path: {choices: [0.0, 0.3]}", 10, "needs a shortcut"),
        ("[0.0, 0.3]}", "[0.0, 0.3]}\n  model.shortcut: {choices: [none, identity]}", 11, "stands in arms and in base"),
        ("model.dropout: {choices: [0.0, 0.3]}", "data.val_size: {low: 1, high: 9}", 10, "cannot be searched"),
        ("val_size: 40", "val_size: 0", 5, "leaves no validation images"),
        ("trials: 3", "trials: 0", 11, "trials: 0 should be from 1 to 100000"),
        ("seeds: {search: 1, confirm: 2}", "seeds: 5", 12, "should be {search: 1, confirm: 5}"),
        ("sampler: random", "sampler: randm", 13, "did you mean 'random'?"),
        ("sampler: random", "sampler: grid", 9, "the sampler grid needs choices, or a range with a step"),
        ("pruner: none", "prune: none", 14, "prune: unknown key"),
        ("to: {model.shortcut: none}", "to: {model.shortcut: nne}", 18, "'nne' is not one of"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_nothing_runs(old: str, new: str, line: int, part: str, tmp_path: Path) -> None:
    assert old in SEARCH
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, SEARCH.replace(old, new))
    told = [text for text in caught.value.lines if part in text]
    assert len(told) == 1 and told[0].startswith(f"{tmp_path / 'tiny.yaml'}:{line}: "), caught.value.lines
    assert "\n" not in told[0] and not (tmp_path / "results").exists()


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = SEARCH.replace("high: 1.0", "high: 0.001").replace("[0.0, 0.3]", "[0.0, x]").replace("tpe", "tp")
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, text.replace("trials: 3", "trials: many"))
    assert [int(line.split(":")[1]) for line in caught.value.lines] == [9, 10, 11]


def test_overrides_fix_a_searched_field_and_change_the_budget(tmp_path: Path) -> None:
    search = loaded(tmp_path, SEARCH, "recipe.lr=0.05", "trials=7", "seeds.confirm=1", "sampler=tpe", "name=other")
    assert list(search.space) == ["model.dropout"] and search.base["recipe.lr"] == 0.05
    assert (search.name, search.trials, search.confirm, search.sampler) == ("other", 7, 1, "tpe")
    assert len(loaded(tmp_path, SEARCH, "model.shortcut=none").points()) == 1


def test_any_field_can_be_searched_and_a_grid_is_its_points(tmp_path: Path) -> None:
    text = SEARCH.replace("recipe.lr: {low: 0.01, high: 1.0, log: true}", "model.depth: {low: 10, high: 22, step: 6}")
    search = loaded(tmp_path, text.replace("sampler: random", "sampler: grid"), "trials=50")
    assert [point["model.depth"] for point in search.grid() or []] == [10, 10, 16, 16, 22, 22]
    assert search.budget == 6
    with pytest.raises(UserError, match="the grid has 6 points, more than 5 trials"):
        loaded(tmp_path, text.replace("sampler: random", "sampler: grid"), "trials=5")


def test_the_shipped_search_meets_its_promise() -> None:
    search = Search.load("ablations/tune-shortcut.yaml")
    assert search.trials >= 20 and search.confirm >= 5 and search.about.startswith("Question")
    assert all(
        search.config(arm).model.depth >= 34 and search.config(arm).data.name == "mnist-5k" for arm in search.points()
    )


# Trials


def test_a_trial_never_sees_the_test_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def poisoned(*_: Any) -> None:
        raise AssertionError("a trial asked for test images")

    monkeypatch.setattr(train_module, "load_test", poisoned)
    search = loaded(tmp_path, SEARCH, "trials=1", "model.shortcut=none")
    assert work(search, None, setting(tmp_path))
    studies = Studies(search, None, Store(tmp_path / "results" / "tiny"))
    [trial] = studies.trials(0)
    assert trial.state == TrialState.COMPLETE, trial.user_attrs
    assert sorted(trial.intermediate_values) == [1, 2]
    assert trial.value == trial.intermediate_values[2]  # the weights of the last epoch are what is chosen
    record = train(search.config({"model.shortcut": "none"}), tmp_path)  # but a run does ask
    assert record["status"] == "failed" and "asked for test images" in record["error"]["message"]


def test_a_diverged_trial_counts_and_stays_visible(tmp_path: Path) -> None:
    text = SEARCH.replace("low: 0.01, high: 1.0", "low: 900.0, high: 1000.0").replace(
        "width: 4", "width: 4, norm: none"
    )
    search = loaded(tmp_path, text, "model.shortcut=identity", "trials=2")
    assert work(search, None, setting(tmp_path))
    store = Store(tmp_path / "results" / "tiny")
    studies = Studies(search, None, store)
    assert [(t.state, t.value) for t in studies.trials(0)] == [(TrialState.COMPLETE, 1.0)] * 2
    assert best(studies.trials(0)) is None
    told = keep(studies, store)
    assert [row["state"] for row in told["rows"]] == ["diverged"] * 2 and "not finite" in told["rows"][0]["message"]
    assert [cell for cell, _ in confirmation(search, {}).cells] == [{"model.shortcut": "identity", "tuning": "untuned"}]


def test_several_seeds_are_averaged_and_a_bad_trial_is_pruned(tmp_path: Path) -> None:
    search = loaded(tmp_path, SEARCH, "model.shortcut=identity", "trials=1", "seeds.search=2")
    assert work(search, None, setting(tmp_path))
    store = Store(tmp_path / "results" / "tiny")
    [trial] = Studies(search, None, store).trials(0)
    assert sorted(trial.intermediate_values) == [1, 2, 3, 4] and trial.user_attrs["epochs"] == 4
    finals = [
        train(search.config({"model.shortcut": "identity"}, trial.params, seed), tmp_path, threads=1) for seed in (0, 1)
    ]
    assert trial.value == pytest.approx(sum(1 - record["metrics"]["val_accuracy"] for record in finals) / 2)
    assert not list(store.work.glob("*.ckpt"))


def test_pruning_is_told_to_optuna_with_what_was_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "resbench.tuning.storage._pruner", lambda search, arm: optuna.pruners.ThresholdPruner(upper=0.0)
    )
    search = loaded(tmp_path, SEARCH, "model.shortcut=identity", "trials=1")
    assert work(search, None, setting(tmp_path))
    store = Store(tmp_path / "results" / "tiny")
    [trial] = Studies(search, None, store).trials(0)
    assert trial.state == TrialState.PRUNED and trial.user_attrs["epochs"] == 1
    assert not list(store.work.glob("*.ckpt"))


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "cmaes", "gp"])
@pytest.mark.parametrize("pruner", ["none", "median", "hyperband"])
def test_samplers_and_pruners_give_each_arm_the_same_budget(
    sampler: str, pruner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every sampler with every pruner, with a made-up error in place of training."""
    if sampler == "cmaes":
        pytest.importorskip("cmaes")

    def quick(self: Task) -> None:
        lr = float(self.now().params["recipe.lr"])
        if lr > 0.9:
            self.trial.set_user_attr("diverged", True)
            return self._tell(1.0, TrialState.COMPLETE)
        for step in (1, 2):
            self.trial.report(lr / step, step)
            if self.trial.should_prune():
                return self._tell(None, TrialState.PRUNED)
        return self._tell(lr / 2, TrialState.COMPLETE)

    monkeypatch.setattr(Task, "_train", quick)
    budget = 12 if sampler == "gp" else 24  # it fits a model before each trial
    text = SEARCH.replace("log: true", "step: 0.09" if sampler == "grid" else "log: true")
    search = loaded(tmp_path, text, f"sampler={sampler}", f"pruner={pruner}", f"trials={budget}")
    assert work(search, None, setting(tmp_path))
    studies = Studies(search, None, Store(tmp_path / "results" / "tiny"))
    for arm in (0, 1):
        trials = studies.trials(arm)
        assert len(trials) == search.budget == budget and all(t.state.is_finished() for t in trials)
        assert all(t.state != TrialState.FAIL for t in trials)
        points = {tuple(sorted(t.params.items())) for t in trials}
        assert len(points) == budget if sampler in ("random", "grid") else len(points) > budget / 2


# Storages


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of its own, as Debian's package installs it."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if not initdb:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    programs = Path(initdb).resolve().parent
    folder = Path("/tmp") / f"resbench-postgres-{os.getpid()}"  # PostgreSQL's user must reach it, and tmp_path is ours
    folder.mkdir(mode=0o755)
    as_user = []
    if os.getuid() == 0:  # it refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    quiet = {"check": True, "capture_output": True, "cwd": folder}
    subprocess.run([*as_user, initdb, "-D", data, "-U", "tuner", "-A", "trust", "--no-sync"], **quiet)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    control = [*as_user, programs / "pg_ctl", "-D", data, "-w"]
    subprocess.run(
        [*control, "-o", options, "-l", folder / "log", "start"], check=True, cwd=folder, stdout=subprocess.DEVNULL
    )
    try:
        yield f"postgresql+psycopg://tuner@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, cwd=folder, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["journal", "sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    if request.param == "journal":
        return None
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'trials.db'}"
    return str(request.getfixturevalue("postgres"))


LONG = 80  # epochs: trials must outlast the time by which one command may start later than the other


def running(studies: Studies) -> list[FrozenTrial]:
    return [t for arm in (0, 1) for t in studies.trials(arm) if t.state == TrialState.RUNNING and reported(t)]


def reported(trial: FrozenTrial) -> bool:
    """It is neither just begun nor about to end."""
    return 0 < len(trial.intermediate_values) < LONG - 20 and "worker" in trial.user_attrs


def parent(process: int) -> int:
    """0 if the process is gone, or a zombie that nobody has waited for."""
    try:
        state, found = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:2]
    except FileNotFoundError:
        return 0
    return 0 if state == "Z" else int(found)


def worker_of(trial: FrozenTrial) -> int:
    return int(trial.user_attrs["worker"]["process"])


def of(command: subprocess.Popen[str], trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that a command's workers have: children of its fork server, or itself if it is a worker alone."""
    return [one for one in trials if command.pid in (worker_of(one), parent(parent(worker_of(one))))]


ALONE = """\
import sys
from pathlib import Path
from resbench.execution.session import Setting
from resbench.tuning.search import Search
from resbench.tuning.workers import work
search = Search.load("tiny.yaml", sys.argv[2:])
assert work(search, sys.argv[1], Setting(Path("results") / search.name, Path(), "cpu", 1, (None, False)))
"""


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_of_two_commands_at_once_one_is_killed_and_nothing_is_lost(storage: str | None, tmp_path: Path) -> None:
    """Kill -9 of one alone: its workers go with it, and the other takes up their trials under their numbers.

    On the journal both are `resbench tune`; on the other storages they are workers alone, which is quicker.
    """
    name = f"killed-{time.monotonic_ns()}"  # the server outlives one test
    words = [f"name={name}", f"recipe.epochs={LONG}", "data.train_size=200", "trials=3", "seeds.confirm=1"]
    search = loaded(tmp_path, SEARCH, *words)
    store = Store(tmp_path / "results" / name)
    studies = Studies(search, storage, store)
    way = ["-c", ALONE, storage] if storage else ["-m", "resbench", "tune", "tiny.yaml", "-j", "2"]
    line = [sys.executable, *way, *words]
    first, other = (
        subprocess.Popen(line, cwd=tmp_path, env=KEPT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    )
    until(lambda: all(of(one, running(studies)) for one in (first, other)), 120)
    taken = {trial._trial_id: trial for trial in of(first, running(studies))}
    first.kill()
    until(lambda: not any(parent(worker_of(trial)) for trial in taken.values()), 60)
    told = other.communicate(timeout=240)[1]
    first.communicate()
    assert other.returncode == 0 and "6/6" in told, told
    every = [studies.trials(arm) for arm in (0, 1)]
    assert [len(trials) for trials in every] == [3, 3]
    assert all(t.state == TrialState.COMPLETE for trials in every for t in trials), told
    ended = [(taken[t._trial_id], t) for trials in every for t in trials if t._trial_id in taken]
    finished = next(after for before, after in ended if worker_of(before) != worker_of(after))
    assert all(before.params == after.params for before, after in ended)
    arm = search.points()[next(a for a in (0, 1) if finished in every[a])]
    alone = train(search.config(arm, finished.params), tmp_path, threads=1, tested=False)
    assert finished.value == 1 - alone["metrics"]["val_accuracy"]  # as if nothing had happened
    assert len(finished.intermediate_values) == LONG
    assert not list(store.work.glob("trial-*.ckpt")) and not list(store.work.glob("worker-*"))
    assert storage or len(resbench.load(store.folder)) == 4


def test_the_command_replaces_a_worker_that_is_killed(tmp_path: Path) -> None:
    words = ["tiny.yaml", "trials=1", "seeds.confirm=1", "recipe.epochs=40", "data.train_size=400", "-j", "2"]
    search = loaded(tmp_path, SEARCH, *words[1:5])
    store = Store(tmp_path / "results" / "tiny")
    command = subprocess.Popen(
        [sys.executable, "-m", "resbench", "tune", *words],
        cwd=tmp_path, env=KEPT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    running: list[Any] = []
    while not running:
        assert command.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
        if list(store.work.glob("trial-*.ckpt")):
            trials = [trial for arm in (0, 1) for trial in Studies(search, None, store).trials(arm)]
            running = [one for one in trials if one.state == TrialState.RUNNING and "worker" in one.user_attrs]
    os.kill(int(running[0].user_attrs["worker"]["process"]), signal.SIGKILL)
    _, told = command.communicate(timeout=240)
    assert command.returncode == 0 and "another takes up its trial" in told and "2/2" in told, told
    assert [len(Studies(search, None, store).trials(arm)) for arm in (0, 1)] == [1, 1]
    assert len(resbench.load(store.folder)) == 4


def test_a_worker_whose_trials_fail_gives_up_and_another_pass_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise MemoryError("no room")

    search = loaded(tmp_path, SEARCH, "model.shortcut=identity", "trials=1", "recipe.epochs=1")
    studies = Studies(search, None, Store(tmp_path / "results" / "tiny"))
    with monkeypatch.context() as patched:
        patched.setattr(train_module, "load_train", broken)
        assert not work(search, None, setting(tmp_path))
    assert [t.state for t in studies.trials(0)] == [TrialState.FAIL] * 3
    assert _why(studies) == ["model.shortcut=identity: 3 trials failed, the last (number 2): out of memory: no room"]
    assert work(search, None, setting(tmp_path))
    assert [t.state for t in studies.trials(0)][3:] == [TrialState.COMPLETE]


def test_more_trials_later_go_on_and_another_search_of_the_name_is_refused(tmp_path: Path) -> None:
    search = loaded(tmp_path, SEARCH, "model.shortcut=identity", "trials=1", "recipe.epochs=1")
    assert work(search, None, setting(tmp_path))
    more = loaded(tmp_path, SEARCH, "model.shortcut=identity", "trials=2", "recipe.epochs=1")
    store = Store(tmp_path / "results" / "tiny")
    before = Studies(more, None, store).trials(0)
    assert work(more, None, setting(tmp_path)) and work(more, None, setting(tmp_path))
    after = Studies(more, None, store).trials(0)
    assert len(after) == 2 and after[0].params == before[0].params
    with pytest.raises(UserError, match="with another base and pruner: a search goes on as it began"):
        Studies(loaded(tmp_path, SEARCH, "model.shortcut=identity", "pruner=median"), None, store)


def test_a_live_worker_keeps_its_trial_and_a_frozen_one_of_another_machine_loses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = loaded(tmp_path, SEARCH, "model.shortcut=identity", "trials=1")
    store = Store(tmp_path / "results" / "tiny")
    with Worker(store) as here, Worker(store) as there:
        studies = Studies(search, None, store)
        task, _ = _next(studies, here, setting(tmp_path))
        assert task is not None
        assert _next(Studies(search, None, store), there, setting(tmp_path)) == (None, True)
        monkeypatch.setattr("resbench.tuning.worker._machine", lambda: "another")
        assert _next(studies, there, setting(tmp_path)) == (None, True)  # it looks for the first time
        monkeypatch.setattr("resbench.tuning.worker.LEASE", -1.0)
        taken, _ = _next(studies, there, setting(tmp_path))
        assert taken is not None and taken.number == task.number
        assert not here.owns(task.now()) and there.owns(task.now())
        monkeypatch.setattr("resbench.tuning.worker._machine", lambda: "first")
        assert "validation error" in taken.run()
        with pytest.raises(Lost):  # the first one wakes up
            task.run()
    [trial] = studies.trials(0)
    assert trial.state == TrialState.COMPLETE


def test_of_two_that_asked_at_once_the_later_is_one_too_many(tmp_path: Path) -> None:
    search = loaded(tmp_path, SEARCH, "model.shortcut=identity", "trials=2")
    studies = Studies(search, None, Store(tmp_path / "results" / "tiny"))
    for _ in range(3):
        studies.ask(0)
    trials = studies.trials(0)
    assert [surplus(trials, number, 2) for number in range(3)] == [False, False, True]
    studies.studies[0].tell(0, state=TrialState.FAIL)
    assert not surplus(studies.trials(0), 2, 2)  # a failed one leaves its place


def test_a_journal_cut_at_any_byte_of_its_last_record_goes_on(tmp_path: Path) -> None:
    search = loaded(tmp_path, SEARCH, "model.shortcut=identity")
    store = Store(tmp_path / "results" / "tiny")
    studies = Studies(search, None, store)
    studies.ask(0)
    path = store.folder / JOURNAL
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for end in range(last + 1, len(whole), 7):
        path.write_bytes(whole[:end])
        again = Studies(search, None, store)
        again.ask(0)
        assert len(again.trials(0)) == 2
        assert all(json.loads(line) for line in path.read_text().splitlines())


def test_the_lock_of_a_killed_process_does_not_stop_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    path.touch()
    lock = JournalLock(path)
    Path(f"{path}.lock").touch()  # what Optuna's own lock leaves behind
    began = time.monotonic()
    lock.acquire()
    lock.release()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("ftp://there/x", "use a file name, or one of sqlite, postgresql"),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/none", "cannot be opened"),
        ("sqlite:////nowhere/at/all.db", "cannot be opened"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_a_line_without_its_password(url: str, part: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        Studies(loaded(tmp_path), url, Store(tmp_path / "results" / "tiny"))
    assert len(caught.value.lines) == 1 and part in caught.value.lines[0] and "secret" not in caught.value.lines[0]


# The whole


def test_the_winners_become_an_ordinary_study(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SEARCH)
    planned = call("tune", "tiny.yaml", "-n", cwd=tmp_path).stdout
    assert "model.shortcut=none: 0 of 3 trials done" in planned and not (tmp_path / "results").exists()
    done = call("tune", "tiny.yaml", "-j", "2", "--export", "winners.yaml", cwd=tmp_path)
    assert "6/6" in done.stderr and "page: reports/tiny/index.html" in done.stdout
    folder = tmp_path / "results" / "tiny"
    told = json.loads((folder / "trials.json").read_text())
    assert [row["state"] for row in told["rows"]] == ["complete"] * 6
    frame = resbench.load(folder)
    assert len(frame) == 8 and set(frame["seed"]) == {1, 2} and (frame["status"] == "ok").all()
    for arm in told["arms"]:
        tuned = frame[
            (frame["model.shortcut"] == arm["arm"]["model.shortcut"])
            & (frame["recipe.lr"] == arm["tuned"]["recipe.lr"])
        ]
        assert len(tuned) == 2
    verdicts = json.loads((tmp_path / "reports" / "tiny" / "report.json").read_text())
    assert "shortcuts help when both arms are tuned" in json.dumps(verdicts)
    page = (tmp_path / "reports" / "tiny" / "report.md").read_text()
    assert "## Tuning" in page and "tuning untuned" in page
    csv = (tmp_path / "reports" / "tiny" / "tables" / "trials.csv").read_text().splitlines()
    assert len(csv) == 7 and csv[0].startswith("arm,trial,state,val_error")
    assert call("tune", "tiny.yaml", "-j", "2", cwd=tmp_path).stderr == ""  # nothing is left to do
    grid = Grid.load(tmp_path / "winners.yaml")
    ids = {run.id for run in grid.runs()}
    assert len(ids) == 4 and ids <= Store(folder).ids() and len(grid.claims) == 1


def test_the_page_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    """From trials of every kind, without Optuna's storage."""
    search = loaded(tmp_path)
    store = Store(tmp_path / "results" / "tiny")
    studies = Studies(search, None, store)
    for arm in (0, 1):
        for number in range(12):
            trial = studies.ask(arm)
            trial.report(0.9, 1)
            if number == 4:
                trial.set_user_attr("diverged", True)
                studies.studies[arm].tell(trial, 1.0)
            elif number == 7:
                studies.studies[arm].tell(trial, state=TrialState.PRUNED)
            else:
                studies.studies[arm].tell(trial, 0.05 + trial.params["recipe.lr"] / 3)
    told = keep(studies, store)
    assert told["arms"][0]["importance"]["recipe.lr"] > told["arms"][0]["importance"]["model.dropout"]
    store.write_study(confirmation(search, {one["label"]: one["tuned"] for one in told["arms"]}).study())
    (store.folder / JOURNAL).unlink()
    pages = []
    for name in ("one", "two"):
        write(tmp_path / "results", tmp_path / name, "tiny")
        folder = tmp_path / name / "tiny"
        pages.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
        for figure in ("best-so-far", "slices", "importance"):
            assert (folder / "figures" / f"{figure}.svg").stat().st_size > 5000
    assert pages[0] == pages[1]
    assert b"resbench tune" in pages[0][Path("report.md")]  # what is outstanding, and how to go on
    assert b"PED-ANOVA" in pages[0][Path("report.md")]


def test_an_exported_grid_trains_what_the_search_found(tmp_path: Path) -> None:
    search = loaded(tmp_path)
    winners = {"model.shortcut=identity": {"recipe.lr": 0.123456789012345, "model.dropout": 0.3}}
    winners |= {"model.shortcut=none": {"recipe.lr": 1e-2, "model.dropout": 0.0}}
    (tmp_path / "g.yaml").write_text(export(search, winners))
    ours = {run.id for run in confirmation(search, winners).runs() if run.cell["tuning"] == "tuned"}
    assert {run.id for run in Grid.load(tmp_path / "g.yaml").runs()} == ours


def test_no_seed_of_a_trial_is_one_of_its_confirmation(tmp_path: Path) -> None:
    search = loaded(tmp_path, SEARCH, "seeds.search=3", "seeds.confirm=4")
    assert confirmation(search, {}).seeds == [3, 4, 5, 6]
