"""Tables that plug-ins extend: what they may add, and what becomes of it."""

from __future__ import annotations

import pytest

from resbench.core.errors import UserError
from resbench.core.tables import TABLES, Origin, Table, named, tables_in

HERE, THERE = Origin("/a/mine.py", "1" * 16, "mine.py"), Origin("/b/mine.py", "2" * 16, "mine.py")


@pytest.fixture
def things() -> Table[int]:
    return Table("THINGS", {"built": 0})


@pytest.fixture(autouse=True)
def no_things_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resbench.core.tables.TABLES", dict(TABLES))


def test_a_table_has_what_its_plugin_has_now(things: Table[int]) -> None:
    things.extend({"mine": 1, "old": 2}, HERE)
    things.extend({"mine": 3}, Origin(HERE.source, "3" * 16, "mine.py"))  # the file was edited
    assert things == {"built": 0, "mine": 3} and things.origins["mine"].digest == "3" * 16


def test_a_value_that_exists_is_refused_and_nothing_is_added(things: Table[int]) -> None:
    with pytest.raises(UserError) as caught:
        things.extend({"new": 1, "built": 2}, HERE)
    assert caught.value.lines == ["/a/mine.py: THINGS: 'built' is a value of resbench already: give it another name"]
    things.extend({"mine": 1}, HERE)
    with pytest.raises(UserError, match=r"/b/mine.py: THINGS: 'mine' is a value of /a/mine.py already"):
        things.extend({"mine": 2}, THERE, in_use=[HERE.source])
    assert things == {"built": 0, "mine": 1}


def test_a_plugin_of_another_grid_makes_room(things: Table[int]) -> None:
    things.extend({"mine": 1, "more": 1}, HERE)
    things.extend({"mine": 2}, THERE)
    assert (things["mine"], things.origins["mine"]) == (2, THERE)
    things.extend({"mine": 1, "more": 1}, HERE)
    assert (things["mine"], things.origins["mine"]) == (1, HERE)


def test_tables_of_a_plugin_are_found_by_their_names(things: Table[int]) -> None:
    values = {"mine": 1}
    assert tables_in({"THINGS": values, "other": 2}, "mine.py") == {"THINGS": values}
    with pytest.raises(UserError, match=r"mine.py: it has none of the tables .*THINGS.* \(did you mean 'THINGS'\?\)"):
        tables_in({"THING": values}, "mine.py")
    with pytest.raises(UserError, match=r"mine.py: THINGS: it should be a dictionary, such as"):
        tables_in({"THINGS": ["mine"]}, "mine.py")
    with pytest.raises(UserError, match="none of the tables"):
        tables_in({"THINGS": things}, "mine.py")  # it only imports ours


def test_a_record_names_files_and_never_where_they_lie() -> None:
    assert named([HERE, HERE, THERE]) == {"mine.py": f"{'1' * 16}, {'2' * 16}"}
