"""The command line as users meet it: in a process of its own, with real files and real training."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import resbench
from resbench.records.record import content, parse

GRID = """\
# Question: does it run?
name: tiny
base:
  model: {depth: 10, width: 8}
  data: {train_size: 512, augment: shift}
  recipe: {epochs: 3}
axes:
  model.shortcut: [identity, none]
seeds: 2
baseline: {model.shortcut: none}
"""


def call(*words: object, cwd: Path, check: int | None = 0) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(Path(resbench.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "resbench", *map(str, words)], cwd=cwd, env=env, capture_output=True, text=True
    )
    if check is not None:
        assert done.returncode == check, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def records(folder: Path) -> dict[str, dict[str, object]]:
    """Contents of all records without what the clock put there."""
    return {path.stem: content(parse(path.read_text())) for path in folder.glob("*.json") if path.name != "study.json"}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the tiny grid has been run without disturbance."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.yaml").write_text(GRID)
    done = call("run", "tiny.yaml", cwd=folder)
    assert "page: reports/tiny/index.html" in done.stdout
    return folder


def test_a_run_leaves_records_a_table_and_a_page(study: Path) -> None:
    found = records(study / "results" / "tiny")
    assert len(found) == 4 and all(record["status"] == "ok" for record in found.values())
    assert (study / "reports" / "tiny" / "index.html").exists()
    assert not list((study / "results" / "tiny" / ".work").glob("*.ckpt"))
    frame = resbench.load(study / "results" / "tiny")
    assert sorted(frame["seed"]) == [0, 0, 1, 1]


def test_the_same_command_again_does_nothing_and_says_so(study: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (study / "results" / "tiny").glob("*.json")}
    assert "nothing to do: all 4 runs" in call("run", "tiny.yaml", cwd=study).stdout
    assert before == {path: path.stat().st_mtime_ns for path in (study / "results" / "tiny").glob("*.json")}


def test_killed_and_continued_gives_the_records_of_an_undisturbed_pass(study: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(GRID)
    env = os.environ | {"PYTHONPATH": str(Path(resbench.__file__).parents[1])}
    command = [sys.executable, "-m", "resbench", "run", "tiny.yaml"]
    work = tmp_path / "results" / "tiny" / ".work"
    first = subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(work.glob("*.ckpt")):
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    begun = call("status", "tiny", cwd=tmp_path).stdout
    assert "epochs done" in begun and "resbench run tiny.yaml" in begun
    call("run", "tiny.yaml", cwd=tmp_path)
    assert records(tmp_path / "results" / "tiny") == records(study / "results" / "tiny")


def test_python_and_one_process_give_the_same_records(study: Path, tmp_path: Path) -> None:
    frame = resbench.run(study / "tiny.yaml", results=tmp_path)
    assert len(frame) == 4
    ours, theirs = records(tmp_path / "tiny"), records(study / "results" / "tiny")
    if set(frame["provenance.threads"]) == set(resbench.load(study / "results" / "tiny")["provenance.threads"]):
        assert ours == theirs
    else:
        assert ours.keys() == theirs.keys()


def test_two_commands_share_the_work(study: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(GRID)
    env = os.environ | {"PYTHONPATH": str(Path(resbench.__file__).parents[1])}
    command = [sys.executable, "-m", "resbench", "run", "tiny.yaml", "-j", "1"]
    both = [
        subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=400) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert len(records(tmp_path / "results" / "tiny")) == 4


def test_overrides_only_and_fresh(study: Path) -> None:
    short = ["run", "tiny.yaml", "recipe.epochs=1", "seeds=1", "name=short"]
    one = call(*short, "--only", "model.shortcut==none", cwd=study)
    assert "1 runs to do" in one.stderr
    assert "1 runs to do, 1 done" in call(*short, cwd=study).stderr
    again = call(*short, "--fresh", cwd=study)
    assert "forgot 2 records" in again.stderr and "2 runs to do, 0 done" in again.stderr


def test_overrides_do_not_take_finished_runs_out_of_a_study(study: Path) -> None:
    before = (study / "results" / "tiny" / "study.json").read_bytes()
    for command in ("run", "bench"):
        told = call(command, "tiny.yaml", "recipe.epochs=1", cwd=study, check=2).stderr
        assert "recipe.epochs=1 would leave 4 runs that are done out of this study: add name=..." in told
    assert (study / "results" / "tiny" / "study.json").read_bytes() == before
    (study / "tiny.yaml").write_text(GRID.replace("seeds: 2", "seeds: 1"))
    told = call("run", "tiny.yaml", cwd=study).stderr
    assert "2 runs that are done are no longer in its grid; their records stay" in told
    (study / "tiny.yaml").write_text(GRID)
    call("run", "tiny.yaml", cwd=study)


def test_five_mistakes_are_five_lines(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(
        "name: bad\nbase:\n  model: {shortcut: identty}\n  recipe: {epochs: '3', lr: fast}\n"
        "axes:\n  model.detph: [10]\nseeds: none\nrepeats: 3\n"
    )
    lines = call("run", "bad.yaml", cwd=tmp_path, check=2).stderr.splitlines()
    assert [re.match(r"bad\.yaml:(\d+): ", line)[1] for line in lines] == ["3", "4", "4", "6", "7", "8"]  # type: ignore[index]
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["run", "nothere.yaml"], "nothere.yaml: cannot be read"),
        (["run", "tiny.yaml", "recipe.epoch=1"], "did you mean 'recipe.epochs'?"),
        (["run", "tiny.yaml", "model.depth=33"], "the nearest are 28 and 34"),
        (["run", "tiny.yaml", "epochs"], "not of the form path=value"),
        (["run", "tiny.yaml", "-j", "many"], "use a number"),
        (["run", "tiny.yaml", "--only", "model.depht==3"], "unknown field"),
        (["run", "tiny.yaml", "--device", "tpu"], "not available"),
        (["run", "tiny.yaml", "name=../out"], "is not a name"),
        (["report", "nosuch"], "nosuch"),
        (["status", "nosuch"], "no such study"),
        (["runn"], "No such command"),
    ],
)
def test_mistakes_on_the_command_line_exit_2_with_a_line(words: list[str], part: str, study: Path) -> None:
    assert part in call(*words, cwd=study, check=2).stderr


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(GRID.replace("epochs: 3", "epochs: 300"))
    env = os.environ | {"PYTHONPATH": str(Path(resbench.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-m", "resbench", "run", "tiny.yaml"],
        cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    work = tmp_path / "results" / "tiny" / ".work"
    deadline = time.monotonic() + 120
    while not list(work.glob("*.ckpt")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "to go on: resbench run tiny.yaml" in told and "Traceback" not in told


def test_reading_commands(study: Path) -> None:
    assert "4 done, 0 to do" in call("plan", "tiny.yaml", cwd=study).stdout
    assert (
        "1 runs: 0 done" in call("run", "tiny.yaml", "-n", "seeds=1", "name=x", "model.shortcut=none", cwd=study).stdout
    )
    assert "tiny: 4 runs: 4 ok" in call("status", cwd=study).stdout
    assert "exclusive_gate" in call("ls", "axes", cwd=study).stdout
    assert "mnist-5k" in call("ls", "datasets", cwd=study).stdout
    assert "tiny" in call("ls", "studies", cwd=study).stdout
    assert "torch" in call("doctor", cwd=study).stdout
    assert resbench.__version__ in call("--version", cwd=study).stdout


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["ls", "studies"]])
def test_help_does_not_wait_for_heavy_imports(words: list[str], study: Path) -> None:
    code = (
        "import sys; sys.argv[1:] = %r\n"
        "from resbench.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'pandas', 'optuna', 'matplotlib'} & set(sys.modules)))"
    )
    env = os.environ | {"PYTHONPATH": str(Path(resbench.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code % words], cwd=study, env=env, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
