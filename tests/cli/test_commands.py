"""The command line as users meet it: in a process of its own, with real files and real training."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.commands import call, contents
from support.faults import ROOT, begin, end

import resbench

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


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the tiny grid has been run without disturbance."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.yaml").write_text(GRID)
    done = call("run", "tiny.yaml", cwd=folder)
    assert "page: reports/tiny/index.html" in done.stdout
    return folder


def test_a_run_leaves_records_a_table_and_a_page(study: Path) -> None:
    records = contents(study / "results" / "tiny")
    assert len(records) == 4 and all(record["status"] == "ok" for record in records.values())
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
    first = begin("run", "tiny.yaml", cwd=tmp_path)
    try:
        _wait_for_a_checkpoint(tmp_path, first)
    finally:
        end(first)
    begun = call("status", "tiny", cwd=tmp_path).stdout
    assert "epochs done" in begun and "resbench run tiny.yaml" in begun
    call("run", "tiny.yaml", cwd=tmp_path)
    assert contents(tmp_path / "results" / "tiny") == contents(study / "results" / "tiny")


def test_python_and_one_process_give_the_same_records(study: Path, tmp_path: Path) -> None:
    frame = resbench.run(study / "tiny.yaml", results=tmp_path)
    assert len(frame) == 4
    ours, theirs = contents(tmp_path / "tiny"), contents(study / "results" / "tiny")
    if set(frame["provenance.threads"]) == set(resbench.load(study / "results" / "tiny")["provenance.threads"]):
        assert ours == theirs
    else:
        assert ours.keys() == theirs.keys()


def test_two_commands_share_the_work(study: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(GRID)
    both = [begin("run", "tiny.yaml", "-j", "1", cwd=tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=400) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(contents(tmp_path / "results" / "tiny")) == 4


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
        said = call(command, "tiny.yaml", "recipe.epochs=1", cwd=study, check=2).stderr
        assert "recipe.epochs=1 would leave 4 runs that are done out of this study: add name=..." in said
    assert (study / "results" / "tiny" / "study.json").read_bytes() == before
    (study / "tiny.yaml").write_text(GRID.replace("seeds: 2", "seeds: 1"))
    said = call("run", "tiny.yaml", cwd=study).stderr
    assert "2 runs that are done are no longer in its grid; their records stay" in said
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


def test_a_damaged_study_and_a_foreign_index_stop_no_run(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path, dirs_exist_ok=True)
    (tmp_path / "results" / "tiny" / "study.json").write_text('{"half')
    words = ("run", "tiny.yaml", "recipe.epochs=1", "--only", "seed==0", "-j1")
    done = call(*words, "name=other", cwd=tmp_path)
    assert "page: reports/other/index.html" in done.stdout
    assert "results/tiny/study.json: damaged" in done.stderr
    assert "](<tiny/report.md>): Does it run?" in (tmp_path / "reports" / "README.md").read_text()
    (tmp_path / "README.md").write_text("# Mine\n")
    done = call(*words, "name=third", "--reports", ".", cwd=tmp_path)
    assert "page: third/index.html" in done.stdout and "README.md: not written by resbench" in done.stderr
    assert (tmp_path / "README.md").read_text() == "# Mine\n"


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(GRID.replace("epochs: 3", "epochs: 300"))
    process = begin("run", "tiny.yaml", cwd=tmp_path)
    _wait_for_a_checkpoint(tmp_path, process)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "to go on: resbench run tiny.yaml" in said and "Traceback" not in said


def test_reading_commands(study: Path) -> None:
    assert "4 done, 0 to do" in call("plan", "tiny.yaml", cwd=study).stdout
    assert (
        "1 cell, 1 run: 0 done"
        in call("run", "tiny.yaml", "-n", "seeds=1", "name=x", "model.shortcut=none", cwd=study).stdout
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
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code % words], cwd=study, env=env, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_lists_the_commands_in_the_order_of_use(tmp_path: Path) -> None:
    lines = call("--help", cwd=tmp_path).stdout.partition("Commands:")[2].splitlines()
    commands = [line.split()[0] for line in lines if line.strip()]
    assert commands[:11] == [
        "run", "plan", "status", "watch", "show", "report", "check", "compare", "tune", "bench", "inspect-init",
    ]  # fmt: skip
    assert commands[11:] == ["collect", "merge", "rm", "clean", "doctor", "ls"]


@pytest.mark.parametrize("name", ["inspect-init", "signal"])
def test_the_signals_of_untrained_networks(name: str, study: Path, tmp_path: Path) -> None:
    done = call(name, study / "tiny.yaml", "model.norm=none", cwd=tmp_path)
    assert "gradient_ratio" in done.stdout and "model.shortcut=none" in done.stderr
    assert (tmp_path / "results" / "tiny" / "initialisation.csv").read_text().startswith("model.shortcut,")


def test_plans_for_many_machines(study: Path) -> None:
    said = call("plan", "tiny.yaml", "--executor", "ray", "--nodes", "2", "--mtbf", "12h", cwd=study).stdout
    assert "2 nodes with " in said and "a node fails every 12.0 h: about 0 runs lost" in said
    assert "--nodes 2: only with" in call("plan", "tiny.yaml", "--nodes", "2", cwd=study, check=2).stderr


def _wait_for_a_checkpoint(folder: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not list((folder / "results" / "tiny" / ".work").glob("*.ckpt")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
