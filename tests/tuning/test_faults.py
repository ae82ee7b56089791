"""Searches that end in odd ways, are asked for odd things, or lose what they stand on."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.pruners import HyperbandPruner
from support.faults import command, environment
from test_session import KEPT, SEARCH, call, loaded, setting

import resbench
from resbench.core.errors import UserError
from resbench.grid.grid import Grid
from resbench.records.store import Store
from resbench.report import check, write
from resbench.tuning.export import check_target, export, write_winners
from resbench.tuning.journal import open_journal
from resbench.tuning.readonly import looked
from resbench.tuning.search import Search
from resbench.tuning.session import Asked, describe, tuned
from resbench.tuning.storage import JOURNAL, Studies, refuse_another
from resbench.tuning.trials_file import keep
from resbench.tuning.winners import confirmation
from resbench.tuning.workers import work

# the other learning rate is so large that the base's own wins
ONE = SEARCH.replace("{low: 0.01, high: 1.0, log: true}", "{choices: [0.1, 1000.0]}")
ONE = ONE.replace("  model.dropout: {choices: [0.0, 0.3]}\n", "").replace("epochs: 2", "epochs: 1")
TUNED = """\
  - says: tuning helps
    compare: {tuning: tuned}
    to: {tuning: untuned}
    expect: lower
"""


def asked(folder: Path, **words: Any) -> Asked:
    given = {"storage": None, "device": "cpu", "jobs": 2, "export": None} | words
    return Asked(folder / "results", folder, **given)


def one_arm(folder: Path, *overrides: str) -> Search:
    return loaded(folder, ONE + TUNED, "model.shortcut=identity", "sampler=grid", "trials=2", *overrides)


def test_a_winner_with_the_values_of_the_base_stands_in_both_cells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = one_arm(tmp_path, "seeds.confirm=5")
    assert work(search, None, setting(tmp_path))
    assert tuned(search, asked(tmp_path))
    assert "tuned and untuned are one" in capsys.readouterr().err
    study = json.loads((tmp_path / "results" / "tiny" / "study.json").read_text())
    assert len(study["runs"]) == 10 and len(resbench.load(tmp_path / "results" / "tiny")) == 5
    told = "\n".join(check(tmp_path / "results", "tiny")[0])
    assert "tuned against untuned: test error +0.00 points [+0.00, +0.00]" in told, told


def test_an_interrupted_search_for_more_keeps_the_winners_it_had(tmp_path: Path) -> None:
    more = ["model.shortcut=identity", "sampler=random", "seeds.confirm=1", "recipe.epochs=6", "data.train_size=100"]
    search = loaded(tmp_path, SEARCH, *more, "trials=2")
    storage = str(tmp_path / "trials.journal")
    assert work(search, storage, setting(tmp_path))
    assert tuned(search, asked(tmp_path, storage=storage))
    store = Store(tmp_path / "results" / "tiny")
    before = json.loads((store.folder / "study.json").read_text())
    assert len(before["runs"]) == 2 and not any("storage" in word for word in before["overrides"])
    words = ["tune", "tiny.yaml", *more, "--trials", "40", "--storage", storage, "-j", "1"]
    with subprocess.Popen(command(*words), cwd=tmp_path, env=KEPT, stderr=subprocess.PIPE, text=True) as going:
        deadline = time.monotonic() + 120
        while not list(store.work.glob("trial-*.ckpt")):
            assert going.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        going.send_signal(signal.SIGINT)
        told = going.communicate(timeout=60)[1]
    assert going.returncode == 130, told
    after = json.loads((store.folder / "study.json").read_text())
    assert after["runs"] == before["runs"] and after["overrides"] == [*more, "trials=40"]
    [head, left, again] = call("status", "tiny", cwd=tmp_path).stdout.splitlines()
    assert head == "tiny: 2 runs: 2 ok" and int(left.removeprefix("  open: ").split()[0]) in range(30, 39), left
    assert left.endswith("of 40 trials") and again.endswith(f"trials=40 --storage {storage}")


UNLUCKY = """
import os, sys
from pathlib import Path
sys.path.insert(0, os.environ["RESBENCH_ROOT"])
from resbench.data.augment import AUGMENTS

def unlucky(images, generator):
    first = Path(__file__).with_name("first")
    try:
        with first.open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        pass
    if first.read_text() == str(os.getpid()):
        raise RuntimeError("this process has no luck")
    return images

AUGMENTS["unlucky"] = unlucky
"""


def test_a_worker_that_gives_up_leaves_the_search_to_the_others(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SEARCH.replace("val_size: 40", "val_size: 40, augment: unlucky"))
    words = ["tune", "tiny.yaml", "model.shortcut=identity", "trials=5", "seeds.confirm=1", "recipe.epochs=1"]
    env = environment(tmp_path / "custom", UNLUCKY)
    done = subprocess.run(command(*words, "-j", "2"), cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr.count("no luck") == 3 and "5/5" in done.stderr, done.stderr
    told = json.loads((tmp_path / "results" / "tiny" / "trials.json").read_text())
    states = [row["state"] for row in told["rows"]]
    assert (states.count("failed"), states.count("complete")) == (3, 5)
    assert len(resbench.load(tmp_path / "results" / "tiny")) == 2


def test_a_choice_may_be_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SEARCH.replace("model.dropout: {choices: [0.0, 0.3]}", "recipe.grow: {choices: [none, [10, 16]]}")
    words = ["model.shortcut=identity", "model.depth=16", "trials=12", "seeds.confirm=1", "data.train_size=40"]
    search = loaded(tmp_path, text, *words)
    store = Store(tmp_path / "results" / "tiny")
    studies = Studies(search, None, store)
    for _ in range(11):
        trial = studies.ask(0)
        trial.report(0.9, 1)
        grown = search.values(trial.params)["recipe.grow"] == [10, 16]
        studies.studies[0].tell(trial, trial.params["recipe.lr"] / (20 if grown else 2))
    assert work(search, None, setting(tmp_path))  # the last one trains
    with monkeypatch.context() as patched:
        patched.setattr("resbench.tuning.trials_file.get_param_importances", lambda *_, **__: 1 / 0)
        assert keep(studies, store)["arms"][0]["importance"] is None
    assert tuned(search, asked(tmp_path))
    told = json.loads((store.folder / "trials.json").read_text())
    assert told["arms"][0]["tuned"]["recipe.grow"] == [10, 16] and told["arms"][0]["importance"]["recipe.grow"] > 0
    assert {str(row["params"]["recipe.grow"]) for row in told["rows"]} == {"none", "[10, 16]"}
    page = write(tmp_path / "results", tmp_path / "reports", "tiny").parent
    assert "[10, 16]" in (page / "tables" / "tuned-values.csv").read_text()
    assert "[10, 16]" in (page / "figures" / "slices.csv").read_text()
    assert "recipe.grow: [[10, 16]]" in export(search, {"model.shortcut=identity": told["arms"][0]["tuned"]})


def test_arms_may_have_their_own_epochs_and_a_base_that_is_nothing_without_them(tmp_path: Path) -> None:
    text = SEARCH.replace("model: {depth: 10, width: 4}", "model: {width: 4, family: cifar}")
    text = text.replace(
        "arms: {model.shortcut: [identity, none]}", "arms: {model.depth: [8, 14], recipe.epochs: [1, 27]}"
    )
    text = text[: text.index("claims:")].replace("epochs: 2, ", "").replace("pruner: none", "pruner: hyperband")
    search = loaded(tmp_path, text, "trials=1", "seeds.search=2")
    assert [search.epochs(arm) for arm in search.points()] == [2, 54, 2, 54]
    store = Store(tmp_path / "results" / "tiny")
    studies = Studies(search, None, store)
    assert [len(one["untuned"]) for one in keep(studies, store)["arms"]] == [2] * 4
    for study, brackets in zip(studies.studies, (1, 4, 1, 4), strict=True):
        trial = study.ask()
        trial.report(0.5, 1)
        trial.should_prune()  # which is when it makes its brackets
        assert isinstance(study.pruner, HyperbandPruner) and study.pruner._n_brackets == brackets


def test_an_export_is_refused_before_the_search_and_says_what_it_lacks(tmp_path: Path) -> None:
    search = loaded(tmp_path, SEARCH + TUNED)
    (tmp_path / "mine.yaml").write_text("axes: {model.depth: [10, 16]}\n")
    for name, part in [
        ("nodir/w.yaml", f"there is no folder {tmp_path / 'nodir'}: make it first"),
        ("tiny.yaml", "is the search file itself"),
        ("mine.yaml", "not from a search"),
        ("", "is a folder: name a file in it"),
    ]:
        with pytest.raises(UserError, match=part) as caught:
            tuned(search, asked(tmp_path, export=tmp_path / name))
        assert len(caught.value.lines) == 1
    assert not (tmp_path / "results").exists()
    path = tmp_path / "w.yaml"
    assert write_winners(path, search, {}) == [f"{path}: not written: no arm has a winner"] and not path.exists()
    winners = {"model.shortcut=identity": {"recipe.lr": 0.1, "model.dropout": 0.3}}
    told = write_winners(path, search, winners)
    assert told[0] == f"{path}: the winners, to be run with `resbench run {path}`"
    assert [line.split("'")[1] for line in told[1:]] == ["shortcuts help when both arms are tuned", "tuning helps"]
    assert len(Grid.load(path).runs()) == 2
    check_target(path, search)  # its own is written anew
    winners["model.shortcut=none"] = {"recipe.lr": 0.01, "model.dropout": 0.0}
    assert len(write_winners(path, search, winners)) == 2 and len(Grid.load(path).claims) == 1


# What they stand on


def test_a_look_at_a_search_makes_nothing(tmp_path: Path) -> None:
    search = loaded(tmp_path)
    for storage in (f"sqlite:///{tmp_path / 't.db'}", str(tmp_path / "there" / "t.journal"), None):
        assert "model.shortcut=none: 0 of 3 trials done" in describe(search, asked(tmp_path, storage=storage))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml"]
    empty = tmp_path / "t.db"
    sqlite3.connect(empty).close()
    describe(search, asked(tmp_path, storage=f"sqlite:///{empty}"))
    assert empty.stat().st_size == 0
    with pytest.raises(UserError, match="cannot be opened"):
        describe(search, asked(tmp_path, storage="postgresql+psycopg://me:secret@127.0.0.1:1/none"))


def test_another_search_of_the_name_can_be_deleted_as_the_line_says(tmp_path: Path) -> None:
    store = Store(tmp_path / "re sults" / "tiny")
    Studies(loaded(tmp_path), None, store)
    other = loaded(tmp_path, SEARCH, "pruner=median")
    with pytest.raises(UserError, match="with another pruner"):
        refuse_another(other, open_journal(store.folder / JOURNAL, look=True), "here")
    with pytest.raises(UserError, match="with another pruner") as caught:
        Studies(other, None, store)
    assert len(caught.value.lines) == 2
    for line in caught.value.lines:
        words = shlex.split(line.split("delete that one: ")[1])
        assert (
            subprocess.run([Path(sys.executable).with_name("optuna"), *words[1:]], capture_output=True).returncode == 0
        )
    Studies(other, None, store)


@pytest.mark.parametrize(
    ("storage", "part"),
    [
        ("t.db", "is an SQLite database: write sqlite:///"),
        ("notes.txt", "is not a journal of Optuna's"),
        ("there", "is a folder"),
        ("sqlite:t.db", "write sqlite:///t.db, or ./sqlite:t.db for a journal file"),
        ("sqlite://", "each worker would have a database of its own"),
        ("sqlite:///:memory:", "each worker would have a database of its own"),
        ("redis://localhost", "use a file name, or one of sqlite, postgresql"),
        ("sqlite:///notes.txt", "cannot be opened: file is not a database"),
    ],
)
def test_what_is_no_storage_is_refused_in_a_line_and_left_as_it_is(
    storage: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    search = loaded(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "notes.txt").write_text("remember the milk\nand the bread, which")
    with sqlite3.connect(tmp_path / "t.db") as database:
        database.execute("create table mine (x)")
    database.close()
    before = {name: (tmp_path / name).read_bytes() for name in ("t.db", "notes.txt")}
    for use in (tuned, describe):
        with pytest.raises(UserError) as caught:
            use(search, asked(tmp_path, storage=storage))
        assert len(caught.value.lines) == 1 and part in caught.value.lines[0], caught.value.lines
    assert before == {name: (tmp_path / name).read_bytes() for name in before}


def test_a_journal_cut_anywhere_in_its_last_records_goes_on(tmp_path: Path) -> None:
    """As a kill leaves it: all that was whole is there, the rest is cut away before another record is glued to it."""
    search = loaded(tmp_path, SEARCH, "model.shortcut=identity")
    store = Store(tmp_path / "results" / "tiny")
    studies = Studies(search, None, store)
    for _ in range(2):
        trial = studies.ask(0)
    trial.report(0.5, 1)
    path = store.folder / JOURNAL
    whole = path.read_bytes()
    for end in range(len(whole) - 200, len(whole)):
        path.write_bytes(whole[:end])
        looked(None, store)
        backend = open_journal(path)
        backend.set_study_user_attr(0, "cut", end)
        lines = path.read_bytes().splitlines()
        assert lines[:-1] == whole[:end].splitlines()[: whole[:end].count(b"\n")] and all(map(json.loads, lines))
    middle = whole.splitlines(keepends=True)
    path.write_bytes(b"".join([*middle[:2], middle[2][:30] + b"\n", *middle[3:]]))
    for use in (lambda: Studies(search, None, store), lambda: describe(search, asked(tmp_path))):
        with pytest.raises(UserError, match=r"optuna.journal:3: a damaged line: restore"):
            use()


class Runs:
    """A pickle that makes a folder when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.folder,)


def test_a_state_of_cmaes_that_would_run_code_is_refused_and_its_own_is_read(tmp_path: Path) -> None:
    text = SEARCH.replace("{choices: [0.0, 0.3]}", "{low: 0.0, high: 0.5}")
    search = loaded(tmp_path, text, "model.shortcut=identity", "sampler=cmaes", "trials=9", "pruner=none")
    studies = Studies(search, None, Store(tmp_path / "results" / "tiny"))
    for number in range(8):
        trial = studies.ask(0)
        studies.studies[0].tell(trial.number, number / 10)
    found = studies.studies[0].get_trials()
    assert any(name.startswith("cma:") for trial in found for name in trial.system_attrs), "it was read again and again"
    attrs = {"cma:optimizer:0": pickle.dumps(Runs(tmp_path / "owned")).hex()}
    distributions = {path: one.distribution() for path, one in search.space.items()}
    studies.studies[0].add_trial(
        optuna.trial.create_trial(params=found[-1].params, distributions=distributions, value=0.5, system_attrs=attrs)
    )
    with pytest.raises(UserError, match=r"is no state of CMA-ES \(it asks for (posix|nt).mkdir\)"):
        studies.ask(0)
    assert not (tmp_path / "owned").exists()


def test_a_storage_that_is_lost_in_mid_trial_ends_the_command_in_lines(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SEARCH)
    words = ["tune", "tiny.yaml", "recipe.epochs=20", "data.train_size=400", "--storage", "sqlite:///t.db", "-j", "2"]
    with subprocess.Popen(command(*words), cwd=tmp_path, env=KEPT, stderr=subprocess.PIPE, text=True) as going:
        deadline = time.monotonic() + 120
        while not list((tmp_path / "results" / "tiny" / ".work").glob("trial-*.ckpt")):
            assert going.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        (tmp_path / "t.db").write_bytes(b"not a database any more" * 4000)
        told = going.communicate(timeout=120)[1]
    assert going.returncode == 1 and "Traceback" not in told, told
    assert "the storage did not answer: " in told and told.splitlines()[-1].endswith("goes on when it is back"), told
    assert len(told.splitlines()) < 12, told


def test_a_search_in_which_everything_diverged_has_a_page(tmp_path: Path) -> None:
    search = loaded(tmp_path, ONE, "model.shortcut=identity")
    store = Store(tmp_path / "results" / "tiny")
    studies = Studies(search, None, store)
    for _ in range(3):
        trial = studies.ask(0)
        trial.set_user_attr("diverged", True)
        studies.studies[0].tell(trial, 1.0)
    keep(studies, store)
    store.write_study(confirmation(search, {}).study())
    page = write(tmp_path / "results", tmp_path / "reports", "tiny").parent
    assert (page / "figures" / "slices.svg").stat().st_size > 3000
    assert "| 3" in (page / "report.md").read_text()


# Mistakes


def test_each_kind_of_file_names_the_command_for_it(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SEARCH)
    (tmp_path / "g.yaml").write_text("name: g\naxes: {model.depth: [10, 16]}\nseeds: 2\n")
    for load, file, part in [
        (Grid.load, "s.yaml", ":8: this is a search file, whose arms are tuned first: `resbench tune"),
        (Search.load, "g.yaml", ":2: this is a grid file, and there is nothing to search: `resbench run"),
    ]:
        with pytest.raises(UserError) as caught:
            load(tmp_path / file)
        [line] = caught.value.lines
        assert line.startswith(f"{tmp_path / file}{part} {tmp_path / file}`")


@pytest.mark.parametrize(
    ("old", "new", "overrides", "told"),
    [
        ("", "", ["recipe.lr=0.1", "model.dropout=0.0"], "command line: recipe.lr=0.1, model.dropout=0.0: nothing is left"),
        ("arms: {", "arms: {tuning: [tuned, untuned], ", [], "tiny.yaml:7: tuning: is no field, and every arm is run"),
        ("  data:", "  tuning: tuned\n  data:", [], "tiny.yaml:5: tuning: is no field"),
        ("", "", ["tuning=tuned"], "command line: tuning: is no field"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_or_compared_is_one_line(
    old: str, new: str, overrides: list[str], told: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, SEARCH.replace(old, new, 1), *overrides)
    assert {line.removeprefix(f"{tmp_path}/")[: len(told)] for line in caught.value.lines} == {told}


def test_the_confirmation_is_probed_and_can_be_claimed_about(tmp_path: Path) -> None:
    text = ONE + TUNED.replace("expect", "on: probe.gradient_decades\n    expect")
    words = ["model.shortcut=identity", "sampler=grid", "trials=2", "seeds.confirm=1"]
    with pytest.raises(UserError, match="is measured by the probe gradients: add it to probes"):
        loaded(tmp_path, text, *words)
    search = loaded(tmp_path, text.replace("pruner: none", "pruner: none\nprobes: [gradients]"), *words)
    assert work(search, None, setting(tmp_path))
    assert tuned(search, asked(tmp_path))
    store = Store(tmp_path / "results" / "tiny")
    assert [list(record["probes"]) for record in store.records()] == [["gradients"]]
    winners = {"model.shortcut=identity": {"recipe.lr": 0.1}}
    (tmp_path / "w.yaml").write_text(export(search, winners))
    assert Grid.load(tmp_path / "w.yaml").probes == ("gradients",)
    assert loaded(tmp_path, text, *words, "probes=[gradients, lesions]").probes == ("gradients", "lesions")


def test_the_dashboard_opens_the_journal_as_it_is(tmp_path: Path) -> None:
    pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed: pip install 'resbench[tune]'")
    search = loaded(tmp_path)
    store = Store(tmp_path / "results" / "tiny")
    studies = Studies(search, None, store)
    studies.studies[0].tell(studies.ask(0), 0.25)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["-c", "from optuna_dashboard._cli import main; main()", store.folder / JOURNAL, "--port", str(port)]
    with subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as going:
        try:
            deadline = time.monotonic() + 60
            while True:
                assert going.poll() is None and time.monotonic() < deadline
                with (
                    contextlib.suppress(OSError),
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api/studies") as found,
                ):
                    told = json.load(found)["study_summaries"]
                    break
                time.sleep(0.1)
        finally:
            going.kill()
    assert [one["study_name"] for one in told] == ["tiny/model.shortcut=identity", "tiny/model.shortcut=none"]
