"""`resbench watch`: what it shows of a running grid, that it ends, and that it leaves no trace."""

from __future__ import annotations

import dataclasses
import io
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest
from rich.console import Console
from support.faults import ROOT, command
from support.inprocess import resbench
from support.studies import HELPS, MESSAGE, make, noise

from resbench.core.files import hidden
from resbench.records.checkpoint_head import encode_head
from resbench.records.run_states import StudyState
from resbench.records.store import Store
from resbench.report.live import Elsewhere, LiveStudy
from resbench.report.watch import watch

AXES = {"model.depth": [10, 16], "model.shortcut": ["identity", "none"]}
HELPS_AT_10 = HELPS | {"says": "shortcuts help at depth 10", "at": {"model.depth": [10]}}
RATES = noise(lambda cell: 0.01 if cell["model.shortcut"] == "identity" else 0.05, images=1000)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Six seeds of four cells, of which the last run is missing."""

    def outcome(cell: object, seed: int, draw: object) -> object:
        last = cell == {"model.depth": 16, "model.shortcut": "none"} and seed == 5
        return "missing" if last else RATES(cell, seed, draw)  # type: ignore[arg-type]

    return make(tmp_path / "results", "s", AXES, 6, outcome, claims=[HELPS, HELPS_AT_10])  # type: ignore[arg-type]


def everything(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def test_a_snapshot_shows_what_runs_with_its_loss_and_only_verdicts_that_are_settled(results: Path) -> None:
    store = Store(results / "s")
    study = store.study()
    assert study
    last = study.runs[-1].id
    hidden(store.work)
    store.running_file(last, 8, 0.0).step(3.5)
    losses = [{"train_loss": 2.0}, {"train_loss": 1.0}, {"train_loss": 0.125}]
    store.checkpoint(last).write_bytes(encode_head(last, 3, "", losses))
    before = everything(results)
    code, out, _ = resbench("watch", "s", "--results", results)
    assert code == 0
    assert "s: 24 runs: 23 ok, 1 running" in out
    assert "3.5 of 8" in out and "0.125 █▄▁" in out
    assert "open (23 of 24 runs): shortcuts help at each depth" in out
    assert "supported: shortcuts help at depth 10" in out
    assert max(map(len, out.splitlines())) <= 80
    assert everything(results) == before  # no look is noted, and no lock was made


def test_the_view_ends_by_itself_when_all_is_done(results: Path) -> None:
    def add_the_last(store: Store, state: StudyState) -> Elsewhere:
        """The last run ends between the first and the second snapshot."""
        record, run = state.runs[-2].record, state.runs[-1]
        assert record and run.state == "to do"
        store.add(dataclasses.replace(record, id=run.id))
        return Elsewhere([])

    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=80, height=24, color_system=None)
    last = watch(LiveStudy(results, "s", add_the_last), console=console)
    assert not last.waiting
    assert "all 24 runs finished: resbench show s" in text.getvalue()
    assert last.decided.verdicts[0].startswith("✓ supported")


def test_a_look_that_asks_for_more_seeds_is_not_the_end(tmp_path: Path) -> None:
    same = noise(lambda cell: 0.05, images=1000)
    make(tmp_path, "l", AXES, 5, same, claims=[HELPS], looks={"sizes": [5, 10], "spend": "pocock"})
    code, out, _ = resbench("watch", "l", "--results", tmp_path)
    assert code == 0 and "all 20 runs" not in out
    assert "look 1 of 2 (5 seeds)" in out and "on to 10 seeds" in out
    assert "open (looks go on for 1 of 2): shortcuts help at each depth" in out
    assert LiveStudy(tmp_path, "l").snapshot().waiting


def test_failed_runs_are_named_and_make_the_exit_code_1(tmp_path: Path) -> None:
    make(
        tmp_path,
        "f",
        {"model.depth": [10, 16]},
        1,
        lambda cell, *_: "failed" if cell["model.depth"] == 16 else RATES({"model.shortcut": "none"}, *_),
    )
    code, out, _ = resbench("watch", "f", "--results", tmp_path)
    assert code == 1
    assert "failed: depth 16, seed 0: the loss was not finite" in out
    assert "all 2 runs finished; to try 1 failed run again: resbench run f.yaml" in out.replace("\n", " ")


def test_who_watches_a_study_that_nothing_trains_is_told_how_to_go_on(results: Path) -> None:
    for record in Store(results / "s").folder.glob("*.json"):
        os.utime(record, (0, 0))
    code, out, _ = resbench("watch", "s", "--once", "--results", results)
    assert code == 0
    assert f"no process trains it now; to go on: resbench run s.yaml --results {results}" in out.replace("\n", "")


def test_an_unknown_study_is_one_line_with_a_suggestion(results: Path) -> None:
    code, out, err = resbench("watch", "ss", "--results", results)
    assert (code, out) == (2, "")
    assert err == f"{results / 'ss'}: no such study; there are: s\n" or "did you mean 's'?" in err


def test_ctrl_c_ends_the_view_on_a_terminal_and_says_that_the_runs_go_on(results: Path) -> None:
    ours, theirs = pty.openpty()
    env = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"}
    words = command("watch", "s", "--results", results)
    process = subprocess.Popen(words, env=env, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    shown = b""
    while b"23 ok" not in shown:
        shown += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    assert process.stderr
    assert process.stderr.read() == "the runs of s go on as they were\n"
    assert process.wait() == 130
    os.close(ours)


def test_what_a_study_says_of_itself_cannot_command_the_terminal(tmp_path: Path) -> None:
    hostile = {"says": "\x1b[2J[bold]really[/bold]", **{k: v for k, v in HELPS.items() if k != "says"}}
    make(tmp_path, "h", AXES, 1, lambda *_: "failed", claims=[hostile])
    code, out, _ = resbench("watch", "h", "--results", tmp_path)
    assert code == 1
    assert "\x1b" not in out and "[bold]really[/bold]" in out and MESSAGE not in out
