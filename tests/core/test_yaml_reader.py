"""YAML 1.2 scalars, and what a grid file may not contain."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resbench.core.yaml_reader import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("no", "no"),
        ("off", "off"),
        ("10:30", "10:30"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("2016-01-10", "2016-01-10"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("'1'", "1"),
        (".5", 0.5),
        ("-3", -3),
        ("[1, a]", [1, "a"]),
    ],
)
def test_scalars(text: str, value: Any) -> None:
    document = parse(text)
    assert document.value == value and type(document.value) is type(value) and not document.mistakes


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: 1\nb: 2\na: 3", 3, "given twice (first on line 1)"),
        ("a: &x 1\nb: *x", 1, ""),
        ("a: !!python/object:os.system 1", 1, "tag"),
        ("a: !custom {b: 1}", 1, "tag"),
        ("a: [1, 2", 1, "not valid YAML"),
        ("a:\n\t- 1", 2, "not valid YAML"),
        ("[1]: 2", 1, "plain name"),
        ("a: " + "[" * 5000, 1, "not valid"),
    ],
)
def test_refused(text: str, line: int, part: str) -> None:
    [(where, sentence), *_] = parse(text).mistakes
    assert where >= line and part in sentence


@given(st.text(alphabet="ab:-[]{}&*!'\"#|> \n\t019.e", max_size=60))
def test_never_raises(text: str) -> None:
    parse(text)
