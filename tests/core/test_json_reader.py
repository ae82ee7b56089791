"""JSON that anybody may have written."""

import pytest

from resbench.core.json_reader import Json, check_depth, read_json


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", '{"a": -Infinity}', '"\\ud800"', '{"\\udc00": 1}', "{", "[" * 100_000]
)
def test_what_cannot_be_written_again_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no number of JSON|half a character|nested too deeply|Expecting"):
        read_json(text)


def test_escapes_that_form_a_whole_character_are_read() -> None:
    assert read_json('["\\ud83d\\ude00", null, 1.5]') == ["\N{GRINNING FACE}", None, 1.5]


def test_depth_is_limited() -> None:
    value: Json = 1
    for _ in range(11):
        value = [value]
    check_depth(value, "config")
    with pytest.raises(ValueError, match="whose config is nested too deeply"):
        check_depth({"a": value}, "config")
