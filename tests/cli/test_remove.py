"""`resbench rm` and `resbench clean`: what goes, what stays, and what a live process keeps."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from support.inprocess import resbench
from support.studies import make, noise

from resbench.records.store import Store

AXES = {"model.shortcut": ["identity", "none"]}
RATES = noise(lambda cell: 0.05, images=100)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies with their pages."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("s", "t"):
        make(folder / "results", name, AXES, 2, RATES)
    assert resbench("report", "--results", folder / "results", "--reports", folder / "reports")[0] == 0
    return folder


@pytest.fixture
def places(made: Path, tmp_path: Path) -> list[object]:
    """A copy of them."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return ["--results", tmp_path / "results", "--reports", tmp_path / "reports"]


def test_a_study_goes_with_its_page_and_the_index_forgets_it(places: list[object], tmp_path: Path) -> None:
    code, out, _ = resbench("rm", "s", "--yes", *places)
    assert code == 0 and "removed" in out and "4 records" in out and "reports/s" in out
    assert not (tmp_path / "results/s").exists() and not (tmp_path / "reports/s").exists()
    assert len(Store(tmp_path / "results/t").ids()) == 4 and (tmp_path / "reports/t/index.html").exists()
    index = (tmp_path / "reports/README.md").read_text()
    assert "[t]" in index and "[s]" not in index


def test_without_a_terminal_nothing_goes_that_was_not_agreed_to(places: list[object], tmp_path: Path) -> None:
    for words in (["s"], ["s", "0000000000000001"]):
        code, out, err = resbench("rm", *words, *places)
        assert (code, out) == (2, "") and "add --yes" in err and err.count("\n") == 1
    assert len(Store(tmp_path / "results/s").ids()) == 4


def test_a_run_goes_and_is_to_be_done_again(places: list[object], tmp_path: Path) -> None:
    store = Store(tmp_path / "results/s")
    store.open()
    store.checkpoint("0" * 15 + "1").write_bytes(b"x")
    code, out, _ = resbench("rm", "s", "0000000000000001", "-y", *places)
    assert code == 0 and "removed run 0000000000000001 of s (shortcut identity, seed 1: ok)" in out
    assert len(store.ids()) == 3 and not store.checkpoint("0" * 15 + "1").exists()
    assert "3 ok, 1 to do" in resbench("status", "s", "--results", tmp_path / "results")[1]


@pytest.mark.parametrize("run", ["", "0000000000000001"])
def test_what_a_live_process_trains_is_refused(run: str, places: list[object], tmp_path: Path) -> None:
    store = Store(tmp_path / "results/s")
    with store.claim("0" * 15 + "1"):
        code, _, err = resbench("rm", "s", *([run] if run else []), "-y", *places)
        assert code == 2 and "a live process works on 0000000000000001" in err and err.count("\n") == 1
        if run:
            assert resbench("rm", "s", "0000000000000002", "-y", *places)[0] == 0
    assert len(store.ids()) == (3 if run else 4) and (tmp_path / "reports/s/index.html").exists()


def test_a_page_that_is_not_ours_stays(places: list[object], tmp_path: Path) -> None:
    (tmp_path / "reports/s/report.json").unlink()
    (tmp_path / "reports/s/index.html").write_text("mine")
    assert resbench("rm", "s", "-y", *places)[0] == 0
    assert (tmp_path / "reports/s/index.html").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [(["rm", "ss"], "no such study"), (["rm", "s", "zz"], "no run of it"), (["rm", "../results/s"], "no such study")],
)
def test_mistakes_remove_nothing(words: list[str], message: str, places: list[object], tmp_path: Path) -> None:
    code, out, err = resbench(*words, "-y", *places)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1
    assert len(Store(tmp_path / "results/s").ids()) == 4


def test_a_folder_that_is_no_study_and_a_link_stay(places: list[object], tmp_path: Path) -> None:
    (tmp_path / "results/u").mkdir()
    (tmp_path / "results/u/package.json").write_text("{}")
    (tmp_path / "results/v").symlink_to(tmp_path / "results/t")
    assert "not a study" in resbench("rm", "u", "-y", *places)[2]
    assert "a link" in resbench("rm", "v", "-y", *places)[2]
    assert (tmp_path / "results/u/package.json").exists() and len(Store(tmp_path / "results/t").ids()) == 4


def test_clean_removes_what_nobody_holds_and_pages_of_studies_that_are_gone(
    places: list[object], tmp_path: Path
) -> None:
    store, other = Store(tmp_path / "results/s"), Store(tmp_path / "results/t")
    done, left = "0" * 16, store.work / "f.json.abc.tmp"
    for one in (store, other):
        with one.claim(done):
            pass
    left.write_text("half")
    os.utime(left, (time.time() - 5000,) * 2)
    store.checkpoint(done).write_bytes(b"x")
    os.utime(store.checkpoint(done), (0, 0))
    shutil.copytree(tmp_path / "reports/s", tmp_path / "reports/gone")
    wanted = {left, store.checkpoint(done), store.work / f"{done}.lock", tmp_path / "reports/gone"}
    with other.claim("0" * 15 + "1"):  # the other study is at work, and keeps its locks
        _, would, _ = resbench("clean", "-n", *places)
        assert {Path(line.removeprefix("would remove ")) for line in would.splitlines()} == wanted
        assert all(path.exists() for path in wanted)
        _, out, _ = resbench("clean", *places)
    assert {Path(line.removeprefix("removed ")) for line in out.splitlines()} == wanted
    assert not any(path.exists() for path in wanted)
    assert len(store.ids()) == 4 and (other.work / f"{done}.lock").exists()
    assert (tmp_path / "reports/t/index.html").exists()


def test_clean_without_results_takes_no_page_for_an_orphan(places: list[object], tmp_path: Path) -> None:
    words = ["--results", tmp_path / "elsewhere", "--reports", tmp_path / "reports"]
    assert resbench("clean", *words)[1] == "nothing to clean\n"
    assert (tmp_path / "reports/s/index.html").exists()
