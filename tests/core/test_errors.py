"""Mistakes of the user's: one line each, short, and shown as they are."""

from resbench.core.errors import UserError


def test_a_line_is_one_line_and_keeps_its_end() -> None:
    error = UserError(["a\nb\x1b", "x" * 2000 + " so do this"], code=1)
    assert error.lines[0] == r"a\nb\x1b" and error.code == 1
    assert len(error.lines[1]) < 500 and error.lines[1].endswith("so do this") and " … " in error.lines[1]
    assert str(error) == "\n".join(error.lines)
