"""Frames as CSV that a spreadsheet opens as it is meant."""

from __future__ import annotations

from typing import Any

import pandas as pd

from resbench.core.text import control_free


def csv_text(frame: pd.DataFrame) -> str:
    """A frame as a CSV file: ten digits are more than any measurement here has, and hide the noise of the last bit.

    Text that a spreadsheet would compute (it opens with `=`, `+`, `-` or `@`) gets an apostrophe, unless it is a number.
    """
    safe = frame.rename(columns=escape_formula)
    for place, kind in enumerate(safe.dtypes):
        if pd.api.types.is_object_dtype(kind) or pd.api.types.is_string_dtype(kind):
            safe.isetitem(place, pd.Series(list(map(escape_formula, safe.iloc[:, place])), dtype=object).array)
    return control_free(safe.to_csv(index=False, lineterminator="\n", float_format="%.10g"))


def escape_formula(value: Any) -> Any:
    """The value, or text that a spreadsheet would compute with an apostrophe before it."""
    if not isinstance(value, str) or not value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
