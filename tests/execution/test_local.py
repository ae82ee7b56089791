"""Runs side by side on this machine: a card for each process, memory that runs out, and processes that stay."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from support.commands import contents, read_records
from support.faults import CUSTOM, ROOT, begin, end, environment
from support.inprocess import resbench
from support.nvidia_smi import A100S, EXCLUSIVE, UUIDS, install

from resbench.execution.child import Assignment, Place, work
from resbench.execution.task import DONE, Setting, Task
from resbench.training.run import RunConfig
from resbench.training.server import fork_server

PLUGINS = ROOT / "ablations" / "plugins"
# data.augment -> what it does in the middle of training, besides those of `faults`
MORE = (
    CUSTOM
    + """
import pathlib
def note(word):
    with open(os.environ["RESBENCH_COUNT"], "a", 1) as file:
        file.write(word + "\\n")
def needs_room():
    # out of memory while another run is on its way, and at its first try in any case
    note("try")
    first = not pathlib.Path("tried").exists()
    pathlib.Path("tried").touch()
    if first or len(list(pathlib.Path("results").glob("*/.work/*.running"))) > 1:
        raise MemoryError
def never_fits():
    note("try")
    raise MemoryError
AUGMENTS |= {
    "needs-room": augment(needs_room),
    "never-fits": augment(never_fits),
    "says-card": augment(lambda: note(os.environ.get("CUDA_VISIBLE_DEVICES", "none"))),
    "says-process": augment(lambda: note(str(os.getpid()))),
}
"""
)
BASE = """\
name: many
plugins: [faults.py]
base:
  model: {depth: 10, width: 4}
  data: {train_size: 64, val_size: 10}
  recipe: {epochs: 1, batch_size: 64}
"""
WITH_CARDS = """
import sys
from pathlib import Path
from resbench.core.cards import ask, visible
from resbench.execution.driver import Watcher, drive
from resbench.execution.local import Local
from resbench.execution.task import Setting
from resbench.grid.reader import read_grid

if __name__ == "__main__":
    program, jobs, seeds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    runs = read_grid("many.yaml", [f"seeds={seeds}"]).runs()
    cards = visible(ask(program).cards, None)[:2]
    local = Local(jobs, runs, cards)
    setting = Setting(Path("results/many"), Path("data"), "cpu", 1, (None, False))
    print(drive(runs, local, setting, Watcher()))
"""


def study(folder: Path, text: str) -> dict[str, str]:
    """A grid file; returns the environment of a command that has these augmentations."""
    (folder / "many.yaml").write_text(BASE + text)
    return environment(folder, MORE) | {"RESBENCH_COUNT": str(folder / "notes"), "OMP_NUM_THREADS": "1"}


def run(folder: Path, env: dict[str, str], *words: str) -> tuple[int, str]:
    process = begin("run", "many.yaml", "--threads", "1", "--no-report", *words, cwd=folder, env=env)
    try:
        _, said = process.communicate(timeout=120)
    finally:
        end(process)
    assert "Traceback" not in said, said
    return process.returncode, said


def notes(folder: Path) -> list[str]:
    return (folder / "notes").read_text().split()


@pytest.mark.parametrize(
    ("query", "jobs", "seeds", "expected"),
    [
        (A100S, 4, 4, {UUIDS[0]: 2, UUIDS[1]: 2}),
        (EXCLUSIVE, 4, 2, {UUIDS[0]: 1, UUIDS[1]: 1}),
    ],
)
def test_each_process_sees_one_card_and_all_cards_are_used(
    query: str, jobs: int, seeds: int, expected: dict[str, int], tmp_path: Path
) -> None:
    env = study(tmp_path, "").copy()
    (tmp_path / "many.yaml").write_text((BASE + "  # \n").replace("val_size: 10", "val_size: 10, augment: says-card"))
    (tmp_path / "drive.py").write_text(WITH_CARDS)
    program = install(tmp_path, query)
    words = [sys.executable, "drive.py", str(program), str(jobs), str(seeds)]
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.count("ok") == seeds, done.stdout + done.stderr
    assert Counter(notes(tmp_path)) == expected


def test_a_run_without_memory_next_to_others_is_tried_again_when_it_is_alone(tmp_path: Path) -> None:
    env = study(
        tmp_path, "zip:\n  - data.augment: [needs-room, none, none, none]\n    recipe.lr: [0.1, 0.11, 0.12, 0.13]\n"
    )
    code, said = run(tmp_path, env, "-j", "3")
    assert code == 0 and said.count("out of memory next to other runs; it is tried once more, alone") == 1
    assert {record.status for record in read_records(tmp_path / "results" / "many").values()} == {"ok"}
    assert len(notes(tmp_path)) == 2


def test_a_command_that_is_killed_before_the_second_try_leaves_no_record_of_the_first(tmp_path: Path) -> None:
    env = study(tmp_path, "zip:\n  - data.augment: [needs-room, hangs]\n    recipe.lr: [0.1, 0.11]\n")
    process = begin("run", "many.yaml", "-j", "2", "--threads", "1", cwd=tmp_path, env=env)
    try:
        assert process.stderr
        while "it is tried once more, alone" not in process.stderr.readline():
            assert process.poll() is None
    finally:
        end(process)
    assert not read_records(tmp_path / "results" / "many")
    code, said = run(tmp_path, env, "-j", "1", "--only", "data.augment==needs-room")
    assert code == 0 and [record.status for record in read_records(tmp_path / "results" / "many").values()] == ["ok"], (
        said
    )


@pytest.mark.parametrize(("jobs", "tries"), [("2", 2), ("1", 1)])
def test_a_run_without_memory_when_it_is_alone_is_recorded(jobs: str, tries: int, tmp_path: Path) -> None:
    env = study(tmp_path, "axes:\n  data.augment: [never-fits, none]\n")
    code, said = run(tmp_path, env, "-j", jobs)
    records = list(read_records(tmp_path / "results" / "many").values())
    errors = [record.error.kind for record in records if record.error]
    assert (code, errors, len(records)) == (1, ["out of memory"], 2), said
    assert len(notes(tmp_path)) == tries


def test_runs_of_processes_that_stay_have_the_records_of_fresh_ones(tmp_path: Path) -> None:
    text = BASE.replace("val_size: 10", "val_size: 10, augment: shift")
    text = text.replace("[faults.py]", str([str(PLUGINS / "learned_scale.py"), str(PLUGINS / "radam.py")]))
    axes = "axes:\n  model.shortcut: [none, learned_scale]\n  recipe.optimizer: [sgd, radam]\nprobes: [gradients]\nseeds: 2\n"
    (tmp_path / "many.yaml").write_text(text + axes)
    found = []
    for number, words in enumerate((["fresh"], ["stay"], ["stay", "--graph", "step"])):
        results = tmp_path / str(number)
        more = ["-j", 1, "--threads", 1, "--no-report", "--results", results, "--workers", *words]
        code, _, said = resbench("run", tmp_path / "many.yaml", *more)
        assert code == 0, said
        found.append(json.dumps(contents(results / "many"), sort_keys=True))
    assert found[0].count("weights_sha256") == 8 and found[0] == found[1] == found[2]


def test_a_process_that_stays_ends_with_the_first_run_that_fails(tmp_path: Path) -> None:
    env = study(tmp_path, "zip:\n  - data.augment: [says-process, fails, says-process, says-process, is-killed, says-process]\n"
                "    recipe.lr: [0.1, 0.11, 0.12, 0.13, 0.14, 0.15]\n")  # fmt: skip
    code, said = run(tmp_path, env, "-j", "1", "--workers", "stay")
    assert code == 1 and "2 runs failed" in said
    first, second, third, fourth = notes(tmp_path)
    assert len({first, second, fourth}) == 3 and second == third
    kinds = sorted(record.error.kind for record in read_records(tmp_path / "results" / "many").values() if record.error)
    assert kinds == ["RuntimeError", "process died"]


def test_the_limit_of_a_process_that_stays_is_that_of_each_run(tmp_path: Path) -> None:
    env = study(tmp_path, "zip:\n  - data.augment: [none, hangs, says-process]\n    recipe.lr: [0.1, 0.11, 0.12]\n")
    code, said = run(tmp_path, env, "-j", "1", "--workers", "stay", "--timeout", "8")
    records = read_records(tmp_path / "results" / "many").values()
    assert code == 1 and sorted(record.status for record in records) == ["failed", "ok", "ok"], said
    assert [record.error.kind for record in records if record.error] == ["timeout"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["stay", "--executor", "serial"], "--workers stay: only with --executor local, not serial\n"),
        (["stray"], "--workers stray: use one of fresh, stay (did you mean 'stay'?)\n"),
    ],
)
def test_processes_stay_only_on_this_machine(words: list[str], expected: str, tmp_path: Path) -> None:
    study(tmp_path, "")
    results = tmp_path / "results"
    said = resbench("run", tmp_path / "many.yaml", "--results", results, "--workers", *words)
    assert said == (2, "", expected) and not results.exists()


def test_progress_is_told_ten_times_a_second_and_at_the_end_of_each_epoch(tmp_path: Path) -> None:
    values = {"model": {"depth": 10, "width": 4}, "data": {"train_size": 300}, "recipe": {"epochs": 2, "batch_size": 2}}
    task = Task(RunConfig.model_validate(values), Setting(tmp_path, tmp_path, "cpu", 1, (None, False)))
    context = fork_server()
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(Assignment(task, True), theirs, Place(None, None, False)))
    began = time.monotonic()
    process.start()
    theirs.close()
    told: list[float] = []
    with contextlib.suppress(EOFError):
        while True:
            told.append(ours.recv())
    process.join()
    assert process.exitcode == DONE and told == sorted(told)
    assert told[-1] == 2.0 and 1.0 in told
    assert len(told) <= 10 * (time.monotonic() - began) + 3  # of 300 steps
