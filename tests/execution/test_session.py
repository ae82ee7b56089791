"""One session: what is missing, start, estimate, drive; the same for the command line, Python and tuning."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.commands import contents

from resbench.core.errors import UserError
from resbench.execution.api import run
from resbench.execution.concurrency import Concurrency
from resbench.execution.driver import Watcher
from resbench.execution.executors import Cluster, engine
from resbench.execution.selection import open_grid, select_runs
from resbench.execution.session import RunOptions, Session
from resbench.grid.grid import Grid, PlannedRun
from resbench.records.record import Record

BASE = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "data.val_size": 10, "recipe.epochs": 1}
TINY = Grid("tiny", base=BASE, axes={"model.shortcut": ["identity", "none"]}, seeds=2)


class Seen(Watcher):
    def __init__(self) -> None:
        self.runs: list[str] = []

    def finished(self, run: PlannedRun, record: Record) -> None:
        self.runs.append(run.id)


def test_a_session_does_what_is_missing(tmp_path: Path) -> None:
    options = RunOptions(results=tmp_path, executor="serial", threads=1)
    session = Session(TINY, options, TINY.runs()[:1])
    assert len(session.missing) == 1 and not session.begun and not session.notices
    session.start()
    assert session.setting.threads == 1 and session.setting.folder == tmp_path / "tiny"
    estimate = session.estimate()
    assert estimate.total > 0 and estimate.seconds.keys() == {session.missing[0].id}
    assert session.summary().startswith("tiny: 1 run to do, 0 done; 1 at a time on cpu (as asked), about ")
    seen = Seen()
    assert session.drive(seen) == ["ok"] and seen.runs == [TINY.runs()[0].id]
    assert len(Session(TINY, options).missing) == 3
    study = session.store.study()
    assert study and len(study.runs) == 4


def test_a_choice_of_concurrency_can_be_kept(tmp_path: Path) -> None:
    session = Session(TINY, RunOptions(results=tmp_path))
    session.start(Concurrency(2, 1, "as before"))
    assert session.concurrency.reason == "as before" and session.setting.threads == 1


def test_fresh_forgets_only_when_all_is_ready(tmp_path: Path) -> None:
    run(TINY, results=tmp_path, only=["seed<1"], threads=1)
    with pytest.raises(UserError, match=r"--executor ray|no answer"):
        Session(TINY, RunOptions(tmp_path, executor="ray", cluster=Cluster("127.0.0.1:9"), fresh=True)).start()
    assert len(contents(tmp_path / "tiny")) == 2
    session = Session(TINY, RunOptions(tmp_path, executor="serial", fresh=True))
    assert len(session.missing) == 4
    session.start()
    assert session.forgotten == 2 and not contents(tmp_path / "tiny")


def test_python_can_do_what_the_command_can(tmp_path: Path) -> None:
    first = run(TINY, results=tmp_path, only=["model.shortcut==none"], shard="1/2", threads=1)
    assert len(first) == 1 and first["model.shortcut"][0] == "none"
    whole = run(TINY, 2, tmp_path, executor="local", timeout=300.0, threads=1)
    assert len(whole) == 4 and set(whole["status"]) == {"ok"} and set(whole["provenance.threads"]) == {1}
    alone = run(TINY, results=tmp_path / "alone", threads=1)
    assert len(alone) == 4
    assert contents(tmp_path / "tiny") == contents(tmp_path / "alone" / "tiny")
    probed = Grid("tiny", base=BASE, axes=TINY.axes, seeds=2, probes=["responses"])
    assert all("trained again" in line for line in Session(probed, RunOptions(tmp_path)).notices)
    assert "metrics.probe.response_ratio" in run(probed, results=tmp_path, only=["seed==0"], threads=1)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"executor": "locl"}, "did you mean 'local'"),
        ({"executor": "serial", "timeout": 3.0}, "--timeout: not with --executor serial"),
        ({"cluster": Cluster(slurm=("partition=gpu",))}, "only with --executor slurm"),
        ({"jobs": 0}, "use a number from 1"),
        ({"threads": 0}, "use a number from 1"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(options: dict[str, object], part: str) -> None:
    with pytest.raises(UserError, match=part):
        RunOptions(**options)  # type: ignore[arg-type]


def test_engines_are_made_by_name() -> None:
    assert engine("serial")(1, []).free()
    with pytest.raises(UserError, match="use one of serial, local, ray, slurm"):
        engine("cluster")


def test_overrides_are_for_files(tmp_path: Path) -> None:
    assert open_grid(TINY) is TINY
    with pytest.raises(UserError, match="overrides are for grid files"):
        open_grid(TINY, ["seeds=1"])
    (tmp_path / "tiny.yaml").write_text("base: {model: {depth: 10}}\nseeds: 2\n")
    assert len(open_grid(tmp_path / "tiny.yaml", ["seeds=3"]).runs()) == 3


def test_shards_divide_the_runs() -> None:
    parts = [select_runs(TINY, shard=f"{part}/3") for part in (1, 2, 3)]
    assert sorted(run.id for part in parts for run in part) == sorted(run.id for run in TINY.runs())
    for shard in ("0/2", "3/2", "1", "1/5"):
        with pytest.raises(UserError, match="--shard"):
            select_runs(TINY, shard=shard)
    with pytest.raises(UserError, match="--only: no run"):
        select_runs(TINY, ["seed>7"])
