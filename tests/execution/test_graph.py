"""`--graph step`: where nothing is replayed the same works are done as they are, and the records are the same."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.inprocess import resbench
from support.tiny import GRID, tiny_store

from resbench.execution.options import RunOptions
from resbench.execution.task import Setting, Task
from resbench.records.store import Store
from resbench.training.run import RunConfig


def records(folder: Path, *options: object) -> dict[str, object]:
    folder.mkdir()
    (folder / "tiny.yaml").write_text(GRID)
    places = ["--results", folder / "results", "--no-report", "--threads", 1]
    code, _, said = resbench("run", folder / "tiny.yaml", *places, *options)
    assert code == 0, said
    store: Store = tiny_store(folder)
    return {record.id: (record.content(), dict(record.provenance.facts)) for record in store.records()}


@pytest.mark.parametrize("how", [["--executor", "serial"], ["-j", 2]])
def test_runs_by_whole_steps_leave_the_same_records(how: list[object], tmp_path: Path) -> None:
    network = records(tmp_path / "network", "--executor", "serial")
    assert len(network) == 2 and records(tmp_path / "step", *how, "--graph", "step") == network


def test_another_graph_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(GRID)
    code, out, err = resbench("run", tmp_path / "tiny.yaml", "--graph", "whole")
    assert (code, out, err) == (2, "", "--graph whole: use one of network, step\n")


def test_a_task_carries_it_and_one_of_an_earlier_version_has_none() -> None:
    setting = Setting(Path("/results"), Path("/data"), "cpu", 1, ("revision", False), graph="step")
    task = Task(RunConfig(), setting)
    assert Task.from_json(task.to_json()) == task
    values = json.loads(task.to_json())
    del values["setting"]["graph"]
    assert Task.from_json(json.dumps(values)) == Task(RunConfig(), replace(setting, graph=RunOptions().graph))
