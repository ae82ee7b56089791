"""Records that are symbolic links, as where results are kept in a store, are read as records by every command."""

from __future__ import annotations

from pathlib import Path

from support.inprocess import resbench
from support.studies import make, noise

from resbench.records.merge import merge
from resbench.records.store import Store


def linked(tmp_path: Path) -> Path:
    """A study whose records are links into another folder; returns the folder of all studies."""
    kept = make(tmp_path / "kept", "some", {"model.depth": [10, 16]}, 2, noise(lambda cell: 0.02, 50)) / "some"
    folder = tmp_path / "linked" / "some"
    folder.mkdir(parents=True)
    for path in kept.glob("*.json"):
        (folder / path.name).symlink_to(path)
    return folder.parent


def test_linked_records_are_copied_byte_for_byte(tmp_path: Path) -> None:
    theirs = linked(tmp_path)
    assert merge([theirs], tmp_path / "ours") == ["some: 4 records came in (4 new)"]
    for path in (tmp_path / "ours" / "some").glob("*.json"):
        assert not path.is_symlink() and path.read_bytes() == (theirs / "some" / path.name).read_bytes()


def test_a_linked_study_folder_is_merged_and_a_link_to_nothing_named(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "some").symlink_to(linked(tmp_path) / "some")
    (theirs / "lost").symlink_to(tmp_path / "nowhere")
    code, out, err = resbench("merge", theirs, "--results", tmp_path / "ours")
    assert (code, out) == (0, "some: 4 records came in (4 new)\n")
    assert err == f"{theirs / 'lost'}: a link to nothing: left out\n"


def test_a_record_that_links_to_nothing_is_named(tmp_path: Path) -> None:
    theirs = linked(tmp_path)
    path = Store(theirs / "some").path(min(Store(theirs / "some").ids()))
    path.resolve().unlink()
    code, out, err = resbench("merge", theirs, "--results", tmp_path / "ours")
    assert (code, out) == (0, "some: 3 records came in (3 new)\n")
    assert err == f"{path}: a damaged record (a link to nothing): left out\n"
    code, out, err = resbench("status", "--results", theirs)
    assert code == 0 and out.startswith("some: 4 runs: 3 ok, 1 to do")
    assert err == f"{path}: a damaged record (a link to nothing): the run will be done again\n"
