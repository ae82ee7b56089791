"""The command line as users meet it: with real files and real training, and in processes of its own where those matter."""

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
from support.inprocess import resbench as command

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
RUN = ("run", "tiny.yaml", "--threads", "1")  # the number of threads is a part of what is computed


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the tiny grid has been run without disturbance."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.yaml").write_text(GRID)
    done = call(*RUN, cwd=folder)
    assert "page: reports/tiny/index.html" in done.stdout
    return folder


@pytest.fixture
def there(study: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder as the working folder, of which a test leaves the grid file and its records as they were."""
    monkeypatch.chdir(study)
    return study


def said_by(*words: object, code: int = 0) -> str:
    """All that a command prints, which must end with this exit code."""
    ended, out, err = command(*words)
    assert ended == code, out + err
    return out + err


def test_a_run_leaves_records_a_table_and_a_page(study: Path) -> None:
    records = contents(study / "results" / "tiny")
    assert len(records) == 4 and all(record["status"] == "ok" for record in records.values())
    assert (study / "reports" / "tiny" / "index.html").exists()
    assert not list((study / "results" / "tiny" / ".work").glob("*.ckpt"))
    frame = resbench.load(study / "results" / "tiny")
    assert sorted(frame["seed"]) == [0, 0, 1, 1]


def test_the_same_command_again_does_nothing_and_says_so(there: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (there / "results" / "tiny").glob("*.json")}
    assert "nothing to do: all 4 runs" in said_by("run", "tiny.yaml")
    assert before == {path: path.stat().st_mtime_ns for path in (there / "results" / "tiny").glob("*.json")}


def test_killed_and_continued_gives_the_records_of_an_undisturbed_pass(study: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(GRID)
    first = begin(*RUN, cwd=tmp_path)
    try:
        _wait_for_a_checkpoint(tmp_path, first)
    finally:
        end(first)
    begun = said_by("status", "tiny", "--results", tmp_path / "results")
    assert "epochs done" in begun and "resbench run tiny.yaml" in begun
    call(*RUN, "--no-report", cwd=tmp_path)
    assert contents(tmp_path / "results" / "tiny") == contents(study / "results" / "tiny")


def test_python_and_one_process_give_the_same_records(study: Path, tmp_path: Path) -> None:
    frame = resbench.run(study / "tiny.yaml", results=tmp_path, threads=1)
    assert len(frame) == 4
    assert contents(tmp_path / "tiny") == contents(study / "results" / "tiny")


def test_two_commands_share_the_work(study: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(GRID)
    engines = (["-j", "1"], ["--executor", "serial"])
    both = [begin(*RUN, *words, cwd=tmp_path) for words in engines]
    said = [process.communicate(timeout=400) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert contents(tmp_path / "results" / "tiny") == contents(study / "results" / "tiny")


def test_overrides_only_and_fresh(there: Path) -> None:
    short = [*RUN, "recipe.epochs=1", "seeds=1", "name=short", "-j1", "--no-report"]
    assert "1 run to do" in said_by(*short, "--only", "model.shortcut==none")
    assert "1 run to do, 1 done" in said_by(*short)
    again = said_by(*short, "--fresh")
    assert "forgot 2 records" in again and "2 runs to do, 0 done" in again


def test_overrides_do_not_take_finished_runs_out_of_a_study(there: Path) -> None:
    before = (there / "results" / "tiny" / "study.json").read_bytes()
    for name in ("run", "bench"):
        said = said_by(name, "tiny.yaml", "recipe.epochs=1", code=2)
        assert "recipe.epochs=1 would leave 4 runs that are done out of this study: add name=..." in said
    assert (there / "results" / "tiny" / "study.json").read_bytes() == before
    (there / "tiny.yaml").write_text(GRID.replace("seeds: 2", "seeds: 1"))
    said = said_by("run", "tiny.yaml")
    assert "2 runs that are done are no longer in its grid; their records stay" in said
    (there / "tiny.yaml").write_text(GRID)
    said_by("run", "tiny.yaml")


def test_five_mistakes_are_five_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text(
        "name: bad\nbase:\n  model: {shortcut: identty}\n  recipe: {epochs: '3', lr: fast}\n"
        "axes:\n  model.detph: [10]\nseeds: none\nrepeats: 3\n"
    )
    lines = said_by("run", "bad.yaml", code=2).splitlines()
    assert [re.match(r"bad\.yaml:(\d+): ", line)[1] for line in lines] == ["3", "4", "4", "6", "7", "8"]  # type: ignore[index]
    assert not Path("results").exists()


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
def test_mistakes_on_the_command_line_exit_2_with_a_line(words: list[str], part: str, there: Path) -> None:
    code, _, err = command(*words)
    assert code == 2 and part in err


def test_a_damaged_study_and_a_foreign_index_stop_no_run(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(study, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    Path("results/tiny/study.json").write_text('{"half')
    words = (*RUN, "recipe.epochs=1", "--only", "seed==0", "-j1")
    code, out, err = command(*words, "name=other")
    assert code == 0 and "page: reports/other/index.html" in out
    assert "results/tiny/study.json: damaged" in err
    assert "](<tiny/report.md>): Does it run?" in Path("reports/README.md").read_text()
    Path("README.md").write_text("# Mine\n")
    code, out, err = command(*words, "name=third", "--reports", ".")
    assert code == 0 and "page: third/index.html" in out and "README.md: not written by resbench" in err
    assert Path("README.md").read_text() == "# Mine\n"


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(GRID.replace("epochs: 3", "epochs: 300"))
    process = begin("run", "tiny.yaml", cwd=tmp_path)
    _wait_for_a_checkpoint(tmp_path, process)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "to go on: resbench run tiny.yaml" in said and "Traceback" not in said


def test_reading_commands(there: Path) -> None:
    assert "4 done, 0 to do" in said_by("plan", "tiny.yaml")
    assert "1 cell, 1 run: 0 done" in said_by("run", "tiny.yaml", "-n", "seeds=1", "name=x", "model.shortcut=none")
    assert "tiny: 4 runs: 4 ok" in said_by("status")
    assert "exclusive_gate" in said_by("ls", "axes")
    assert "mnist-5k" in said_by("ls", "datasets")
    assert "tiny" in said_by("ls", "studies")
    assert "torch" in said_by("doctor")
    assert re.match(rf"resbench {re.escape(resbench.__version__)}, revision [\w:]{{16,}}", said_by("--version"))


@pytest.mark.parametrize(
    ("words", "loaded"), [(["--help"], []), (["run", "--help"], []), (["ls", "studies"], []), (["status"], [])]
)
def test_what_trains_nothing_does_not_wait_for_heavy_imports(words: list[str], loaded: list[str], study: Path) -> None:
    code = (
        "import sys; sys.argv[1:] = %r\n"
        "from resbench.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'pandas', 'optuna', 'matplotlib'} & set(sys.modules)))"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code % words], cwd=study, env=env, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == str(loaded)


@pytest.mark.parametrize("name", ["inspect-init", "signal"])
def test_the_signals_of_untrained_networks(
    name: str, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = command(name, study / "tiny.yaml", "model.norm=none")
    assert code == 0 and "gradient_ratio" in out and "model.shortcut=none" in err
    assert Path("results/tiny/initialisation.csv").read_text().startswith("model.shortcut,")


def test_plans_for_many_machines(there: Path) -> None:
    said = said_by("plan", "tiny.yaml", "--executor", "ray", "--nodes", "2", "--mtbf", "12h")
    assert "2 nodes with " in said and "a node fails every 12.0 h: about 0 runs lost" in said
    assert "--nodes 2: only with" in said_by("plan", "tiny.yaml", "--nodes", "2", code=2)


def _wait_for_a_checkpoint(folder: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not list((folder / "results" / "tiny" / ".work").glob("*.ckpt")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
