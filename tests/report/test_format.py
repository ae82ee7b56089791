"""Numbers as text."""

import math

from resbench.records.metrics import METRICS
from resbench.report.format import DASH, name_of, number, p_cell, p_text, percent, signed, value_text, within


def test_signed_numbers_have_a_true_minus_and_enough_digits() -> None:
    assert (signed(0.123), signed(-0.068), signed(0.0), signed(-0.0012)) == ("+0.12", "−0.07", "+0.00", "−1.2e−03")
    assert number(-1234.5, ",.1f") == "−1,234.5"


def test_p_values_are_never_zero() -> None:
    assert (p_text(0.0004), p_text(0.0123), p_text(1.0)) == ("< .001", "= .012", "= 1.000")
    assert (p_cell(0.0004), p_cell(0.0123)) == ("< .001", ".012")


def test_what_is_not_known_is_a_dash() -> None:
    assert {percent(math.nan), number(math.nan), signed(math.nan), p_text(math.nan)} == {DASH}
    assert value_text(math.nan, METRICS["flops"]) == DASH


def test_shares_are_percent_and_counts_are_whole() -> None:
    assert within(0.9923, 0.9905, 0.9938) == "99.23 [99.05, 99.38]" and within(0.9923, math.nan, math.nan) == "99.23"
    assert value_text(0.0661, METRICS["test_error"]) == "6.61" and value_text(1000, METRICS["parameters"]) == "1,000"


def test_cells_are_named_by_their_values() -> None:
    assert name_of({"model.depth": 58, "model.shortcut": "none"}) == "model.depth 58, model.shortcut none"
    assert name_of({}) == "the only cell"
