"""A `~` that no shell has replaced is the home, wherever a path is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.inprocess import resbench
from support.searches import TWO_TRIALS
from support.tiny import GRID, run_tiny

from resbench.core.files import user_storage
from resbench.records.store import load


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home; the working folder is another one, and must stay empty."""
    folder, working = tmp_path / "home", tmp_path / "working"
    folder.mkdir()
    working.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(working)
    return folder


def test_a_grid_and_its_results(home: Path) -> None:
    (home / "one").mkdir()
    run_tiny(home / "one")
    before = sorted(home.rglob("*"))
    code, out, err = resbench("plan", "~/one/tiny.yaml", "--results", "~/one/results")
    assert code == 0 and "2 done, 0 to do" in out, err
    code, out, _ = resbench("merge", "~/one/results", "--results", "~/two/results")
    assert code == 0 and "2 new" in out and len(load("~/two/results/tiny")) == 2
    code, out, _ = resbench("report", "tiny", "--results=~/one/results", "--reports=~/reports")
    assert code == 0 and str(home / "reports" / "tiny") in out
    assert set(before) < set(home.rglob("*")) and not list(Path().iterdir())


def test_a_search_its_storage_and_its_winners(home: Path) -> None:
    (home / "tiny.yaml").write_text(TWO_TRIALS)
    for given, storage in (("~/x.journal", home / "x.journal"), ("sqlite:///~/x.db", f"sqlite:///{home}/x.db")):
        code, out, err = resbench("tune", "~/tiny.yaml", "-n", "--storage", given, "--export", "~/winners.yaml")
        assert code == 0 and str(storage) in out, err
    code, _, err = resbench("tune", "~/tiny.yaml", "-n", "--export", "~/none/winners.yaml")
    assert code == 2 and err.startswith(f"--export {home}/none/winners.yaml: there is no folder")


@pytest.mark.parametrize(
    "words", [("plan", "~nobody-here/x.yaml"), ("tune", "x.yaml", "--storage", "sqlite:///~nobody-here/x.db")]
)
def test_a_home_that_is_not_known_is_one_line(words: tuple[str, ...], home: Path) -> None:
    Path("x.yaml").write_text(GRID)
    code, _, err = resbench(*words)
    assert code == 2 and err.count("\n") == 1 and "~nobody-here/x." in err


@pytest.mark.parametrize("url", ["x.db", "./~x", "postgresql+psycopg://me@host/~", "sqlite:////tmp/~x.db", "sqlite://"])
def test_other_storages_stay_as_they_are(url: str) -> None:
    assert user_storage(url) == url
