"""Runs with plug-ins, from the plan to the page: in this process, in processes of their own, and as text on another machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import read_records
from support.faults import ROOT
from support.inprocess import resbench

import resbench as package
from resbench.core.own_code import ChangedCode, digest_of
from resbench.core.tables import TABLES
from resbench.execution.driver import Watcher, drive
from resbench.execution.local import Local, Serial
from resbench.execution.task import Setting, Task
from resbench.grid.reader import read_grid

PLUGINS = ("learned_scale", "gem", "radam", "effective_rank")
GRID = f"""\
# Question: does it work?
name: own
plugins: {[f"{name}.py" for name in PLUGINS]}
base:
  model: {{depth: 10, width: 4}}
  data: {{train_size: 64, val_size: 10}}
  recipe: {{epochs: 1, batch_size: 32, lr: 0.003}}
zip:
  - model.shortcut: [identity, learned_scale]
    model.head: [gap, gem]
    recipe.optimizer: [adamw, radam]
probes: [effective_rank]
claims:
  - says: parts of one's own leave a higher rank
    compare: {{model.shortcut: learned_scale}}
    to: {{model.shortcut: identity}}
    on: probe.rank
    expect: higher
"""
HEAD = """\
from torch import nn

def mine(channels, size):
    return nn.Sequential(nn.AdaptiveAvgPool2d({side}), nn.Flatten()), {side}**2 * channels

HEADS = {{"mine": mine}}
"""
OWN_HEAD = """\
name: edited
plugins: mine.py
base:
  model: {depth: 10, width: 4, head: mine}
  data: {train_size: 32, val_size: 0}
  recipe: {epochs: 1, batch_size: 32}
"""


def forget() -> None:
    """As in a process that has loaded none."""
    for table in TABLES.values():
        table.forget(dict(table.origins))


def write_head(folder: Path, side: int) -> Path:
    (folder / "mine.py").write_text(HEAD.format(side=side))
    (folder / "edited.yaml").write_text(OWN_HEAD)
    return folder / "edited.yaml"


def test_a_study_with_plugins_whose_page_does_not_need_them(tmp_path: Path) -> None:
    for name in PLUGINS:
        shutil.copy(ROOT / "ablations" / "plugins" / f"{name}.py", tmp_path)
    (tmp_path / "own.yaml").write_text(GRID)
    places = ["--results", tmp_path / "results", "--reports", tmp_path / "reports"]
    serial = ["--executor", "serial", "--threads", 1, "-j", 1]
    code, out, err = resbench("run", tmp_path / "own.yaml", *serial, *places)
    assert code == 0, err
    records = {record.settings["model.head"]: record for record in read_records(tmp_path / "results" / "own").values()}
    digests = {f"{name}.py": digest_of(tmp_path / f"{name}.py") for name in PLUGINS}
    ranks = digests.pop("effective_rank.py")
    plain, own = records["gap"], records["gem"]
    assert "own_code" not in plain.config and "own_code" not in plain.provenance.facts
    assert own.config["own_code"] == sorted(digests.values()) and own.provenance.facts["own_code"] == digests
    assert own.provenance.text("probe_code") == f"effective_rank.py {ranks}"
    assert all(str(tmp_path) not in json.dumps(record.to_json()) for record in records.values())
    own.check_identity()
    for record in records.values():
        assert record.status == "ok" and 1 <= record.metrics["probe.rank"] <= 32  # type: ignore[operator]

    changed = "own: its grid file has changed since it was run: 1 new run, 1 no longer in it"
    assert changed not in resbench("check", "own", *places[:2])[2]
    with (tmp_path / "gem.py").open("a") as file:
        file.write("# better\n")
    assert changed in resbench("check", tmp_path / "own.yaml", *places[:2])[2]
    assert "own: its grid file, or code of its own that" in resbench("check", "own", *places[:2])[2]

    for name in PLUGINS:
        (tmp_path / f"{name}.py").unlink()
    forget()
    for words in (["report", "own", *places], ["status", "own", *places[:2]], ["show", "own", *places[:2]]):
        assert resbench(*words)[0] == 0, words
    code, out, _ = resbench("show", "own", own.id[:8], *places[:2])
    assert code == 0 and "own_code.radam.py" in out and digests["radam.py"] in out
    code, out, _ = resbench("check", "own", *places[:2])
    assert code == 1 and "parts of one's own leave a higher rank" in out
    page = (tmp_path / "reports" / "own" / "index.html").read_text()
    assert "effective rank of the last features" in page and "shortcut learned scale" in page
    code, _, err = resbench("plan", tmp_path / "own.yaml")
    assert code == 2 and f"{tmp_path}/learned_scale.py: cannot be read: No such file or directory" in err


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("def mine(channels, size):\n    return 1 / 0\nHEADS = {'mine': mine}\n", "mine.py:2", "ZeroDivisionError: division by zero"),
        ("from torch import nn\ndef mine(channels, size):\n    return nn.Flatten(), 5\nHEADS = {'mine': mine}\n", "mine.py", "RuntimeError: "),
    ],
)  # fmt: skip
def test_a_part_that_cannot_be_built_is_one_line_before_any_run(
    text: str, place: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "edited.yaml").write_text(OWN_HEAD)
    (tmp_path / "mine.py").write_text(text)
    for words in (["run", "--results", tmp_path / "results"], ["plan"], ["inspect-init"]):
        code, _, err = resbench(words[0], tmp_path / "edited.yaml", *words[1:])
        assert code == 2 and f"{tmp_path}/{place}: with head mine: {said}" in err and len(err.splitlines()) == 1
    assert not (tmp_path / "results").exists() or not read_records(tmp_path / "results" / "edited")


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_edited_plugin_is_another_run_in_the_same_process(jobs: int, tmp_path: Path) -> None:
    """In this process, and in those of one fork server: of the first version neither has an import, nor a count."""
    found = []
    for side in (1, 2):  # as long, and as new
        path, results = write_head(tmp_path, side), tmp_path / "results"
        frame = package.run(path, results=results, jobs=jobs, threads=1, progress=False)
        found.append(frame.set_index("id")["metrics.parameters"])
    (first,), (second,) = found[0].items(), found[1].items()
    assert first[0] != second[0] and second[1] - first[1] == 3 * 32 * 10
    assert len(read_records(tmp_path / "results" / "edited")) == 2


@pytest.mark.parametrize("engine", [Serial, Local])
def test_a_plugin_that_is_edited_after_the_plan_ends_the_command_and_leaves_no_record(
    engine: type[Serial | Local], tmp_path: Path
) -> None:
    runs = read_grid(write_head(tmp_path, 1), ["seeds=3"]).runs()
    write_head(tmp_path, 2)
    setting = Setting(tmp_path / "results", tmp_path, "cpu", 1, (None, False))
    with pytest.raises(ChangedCode) as caught:
        drive(runs, engine(1, runs), setting, Watcher())
    expected = f"{tmp_path}/mine.py: has changed since the run was planned; `resbench run` plans it again"
    assert caught.value.lines == [expected] and caught.value.code == 1
    assert not read_records(tmp_path / "results")


def test_a_task_finds_its_plugins_on_another_machine_or_says_what_is_missing(tmp_path: Path) -> None:
    grid = read_grid(write_head(tmp_path, 1))
    setting = Setting(tmp_path / "results", tmp_path, "cpu", 1, (None, False), home=grid.home)
    text = Task(grid.runs()[0].config, setting).to_json()
    script = "import sys\nfrom resbench.execution.task import Task, execute_run\nexecute_run(Task.from_json(sys.stdin.read()))"
    words, env = [sys.executable, "-c", script], {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(words, input=text, cwd="/", env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert read_records(tmp_path / "results")[grid.runs()[0].id].status == "ok"
    forget()
    (tmp_path / "mine.py").unlink()
    with pytest.raises(package.UserError, match=f"{tmp_path}/mine.py: cannot be read"):
        Task.from_json(text)
