"""`resbench tune` as a whole: from a search file to a page, interrupted, extended, and on storages that go away."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from support.faults import command
from support.inprocess import resbench as command_here
from support.searches import (
    ENVIRONMENT,
    SEARCH,
    TUNING_HELPS,
    TWO_TRIALS,
    call,
    load,
    load_two_trials,
    options_of,
    setting_of,
    store_of,
    wait_until,
)

import resbench
from resbench.core.errors import UserError
from resbench.grid.reader import read_grid
from resbench.records.trials import TrialsFile
from resbench.report.check import check
from resbench.tuning.reader import load_search
from resbench.tuning.session import TuneOptions, describe, run_search, tune
from resbench.tuning.winners import confirmation
from resbench.tuning.workers import run_workers, work


def test_the_shipped_search_is_done() -> None:
    lines = describe(load_search("ablations/tune-shortcut.yaml"), TuneOptions()).splitlines()
    assert [line for line in lines if "of 24" in line] == [
        "model.shortcut=identity: 24 of 24 trials done",
        "model.shortcut=none: 24 of 24 trials done",
    ]


def test_the_winners_become_an_ordinary_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(SEARCH)
    code, planned, _ = command_here("tune", "tiny.yaml", "-n")
    assert code == 0 and "model.shortcut=none: 0 of 3 trials done" in planned and not (tmp_path / "results").exists()
    done = call("tune", "tiny.yaml", "-j", "2", "--threads", "1", "--export", "winners.yaml", cwd=tmp_path)
    assert "6/6" in done.stderr and "page: reports/tiny/index.html" in done.stdout
    store = store_of(tmp_path)
    trials = json.loads((store.folder / "trials.json").read_text())
    assert [row["state"] for row in trials["rows"]] == ["complete"] * 6
    frame = resbench.load(store.folder)
    assert len(frame) == 8 and set(frame["seed"]) == {1, 2} and (frame["status"] == "ok").all()
    for arm in trials["arms"]:
        shortcut, lr = arm["arm"]["model.shortcut"], arm["tuned"]["recipe.lr"]
        assert len(frame[(frame["model.shortcut"] == shortcut) & (frame["recipe.lr"] == lr)]) == 2
    verdicts = json.loads((tmp_path / "reports" / "tiny" / "report.json").read_text())
    assert "shortcuts help when both arms are tuned" in json.dumps(verdicts)
    page = (tmp_path / "reports" / "tiny" / "report.md").read_text()
    assert "## Tuning" in page and "the base recipe" in page
    csv = (tmp_path / "reports" / "tiny" / "tables" / "trials.csv").read_text().splitlines()
    assert len(csv) == 7 and csv[0].startswith("arm,trial,state,val_error")
    code, _, err = command_here("tune", "tiny.yaml", "-j", "2")
    assert (code, err) == (0, "")  # nothing is left to do
    grid = read_grid(tmp_path / "winners.yaml")
    ids = {run.id for run in grid.runs()}
    assert len(ids) == 4 and ids <= store.ids() and len(grid.claims) == 1


def test_python_tunes_as_the_command_does(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TWO_TRIALS)
    words = ["model.shortcut=none", "trials=1", "seeds.confirm=1"]
    frame = tune(tmp_path / "tiny.yaml", results=tmp_path / "results", data_dir=tmp_path, overrides=words, threads=1)
    assert set(frame["status"]) == {"ok"} and set(frame["provenance.threads"]) == {1} and len(frame) in (1, 2)
    assert frame.equals(resbench.load(tmp_path / "results" / "tiny"))
    with pytest.raises(UserError, match="overrides are for search files"):
        tune(load(tmp_path), overrides=words)


def test_a_winner_with_the_values_of_the_base_is_in_both_cells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = load_two_trials(tmp_path, "seeds.confirm=5")
    assert work(search, None, setting_of(tmp_path))
    assert run_search(search, options_of(tmp_path)) == ["ok"] * 5
    assert "tuned and untuned are one" in capsys.readouterr().err
    study = store_of(tmp_path).study()
    assert study and len(study.runs) == 10 and len(resbench.load(tmp_path / "results" / "tiny")) == 5
    lines = "\n".join(check(tmp_path / "results", "tiny")[0])
    assert "the tuned recipe against the base recipe: both are one network" in lines, lines


def test_an_interrupted_search_for_more_keeps_the_winners_it_had(tmp_path: Path) -> None:
    more = ["model.shortcut=identity", "sampler=random", "seeds.confirm=1", "recipe.epochs=6", "data.train_size=100"]
    search = load(tmp_path, SEARCH, *more, "trials=2")
    storage = str(tmp_path / "trials.journal")
    assert work(search, storage, setting_of(tmp_path))
    run_search(search, options_of(tmp_path, storage))
    store = store_of(tmp_path)
    before = store.study()
    assert before and len(before.runs) == 2 and not any("storage" in word for word in before.overrides)
    file = store.folder / "trials.json"
    ended = TrialsFile.read(file)
    words = ["tune", "tiny.yaml", *more, "--trials", "40", "--storage", storage, "-j", "1"]
    with subprocess.Popen(command(*words), cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: process.poll() is not None or len(TrialsFile.read(file).rows) > len(ended.rows))
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=60)[1]
    assert process.returncode == 130, output
    after = store.study()
    assert after and after.runs == before.runs and after.overrides == [*more, "trials=40"]
    [head, left, again] = command_here("status", "tiny", "--results", tmp_path / "results")[1].splitlines()
    assert head == "tiny: 2 runs: 2 ok" and int(left.removeprefix("  open: ").split()[0]) in range(30, 39), left
    assert left.endswith("of 40 trials") and f" --trials 40 --storage {storage} " in again
    assert [arm.winner for arm in TrialsFile.read(file).arms] == [arm.winner for arm in ended.arms]


def test_trials_are_shown_before_the_search_ends(tmp_path: Path) -> None:
    search = load(tmp_path, SEARCH, "trials=2")
    storage, store = str(tmp_path / "trials.journal"), store_of(tmp_path)
    run_workers(search, storage, setting_of(tmp_path), 1)  # the command is killed before it writes the winners
    trials = TrialsFile.read(store.folder / "trials.json")
    assert len(trials.rows) == 3 and all(arm.winner is None and arm.tuned is None for arm in trials.arms)
    store.write_study(confirmation(search, {}, storage).study())
    code, _, errors = command_here(
        "report", "tiny", "--results", tmp_path / "results", "--reports", tmp_path / "reports"
    )
    assert code == 0, errors
    page = (tmp_path / "reports" / "tiny" / "report.md").read_text()
    assert "All 3 trials" in page and "The search has not ended: 3 of 4 trials are done." in page


def test_a_storage_that_is_lost_in_mid_trial_ends_the_command_in_lines(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SEARCH)
    words = ["tune", "tiny.yaml", "recipe.epochs=20", "data.train_size=400", "--storage", "sqlite:///t.db", "-j", "2"]
    work_folder = store_of(tmp_path).work
    with subprocess.Popen(command(*words), cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: process.poll() is not None or bool(list(work_folder.glob("trial-*.ckpt"))))
        (tmp_path / "t.db").write_bytes(b"not a database any more" * 4000)
        output = process.communicate(timeout=120)[1]
    assert process.returncode == 1 and "Traceback" not in output, output
    assert "the storage did not answer: " in output, output
    assert output.splitlines()[-1].endswith("goes on when it is back"), output
    assert len(output.splitlines()) < 12, output


def test_the_confirmation_is_probed(tmp_path: Path) -> None:
    text = TWO_TRIALS + TUNING_HELPS.replace("expect", "on: probe.gradient_decades\n    expect")
    words = ["model.shortcut=identity", "sampler=grid", "trials=2", "seeds.confirm=1"]
    search = load(tmp_path, text.replace("pruner: none", "pruner: none\nprobes: [gradients]"), *words)
    assert work(search, None, setting_of(tmp_path))
    assert run_search(search, options_of(tmp_path)) == ["ok"]
    assert [list(record.probes or {}) for record in store_of(tmp_path).records()] == [["gradients"]]
