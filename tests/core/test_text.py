"""Names that are safe as folders, and text that no terminal obeys."""

import pytest
from support.hostile import NAMES

from resbench.core.text import control_free, duration, is_name, is_run_id, printable, sanitise


@pytest.mark.parametrize("name", NAMES)
def test_names_that_leave_the_folder_are_no_names(name: object) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("name", ["a", "shortcut", "my-study_2.1", "x" * 64, "console", "com10", "null", "0"])
def test_ordinary_names_are_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("run_id", ["../x", "0" * 15, "0" * 17, "G" * 16, "0" * 15 + "\n", "", 3, None])
def test_ids_that_are_no_ids(run_id: object) -> None:
    assert is_run_id("0123456789abcdef") and not is_run_id(run_id)


def test_terminals_obey_nothing() -> None:
    assert printable("a\x1b[2J\nb é") == r"a\x1b[2J\nb é"
    assert control_free("a\x1b[2J\nb\t") == "a\ufffd[2J\nb\t"
    assert sanitise({"a\0": ["b\x07", 3, None]}) == {"a\ufffd": ["b\ufffd", 3, None]}


def test_a_duration_is_never_below_nothing() -> None:
    assert duration(-0.2) == duration(-0.0) == duration(-90.0) == "0 s"
