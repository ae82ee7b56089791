"""Numbers as text."""

import math

import pytest

from resbench.records.metrics import METRICS, Metric
from resbench.report.format import (
    DASH,
    alike,
    decimals,
    mean_text,
    name_of,
    number,
    p_cell,
    p_text,
    percent,
    planned_images,
    planned_seeds,
    rounded,
    signed,
    significant,
    value_text,
    within,
)

LOSS, ERROR = METRICS["train_loss"], METRICS["test_error"]


def test_signed_numbers_have_a_true_minus_and_keep_their_sign() -> None:
    assert (signed(0.123), signed(-0.068), signed(0.0), signed(-0.0012)) == ("+0.12", "−0.07", "0.00", "−0.00")
    assert (number(-1234.5, ",.1f"), signed(2e12), signed(-2e12)) == ("−1,234.5", "+2.0e+12", "−2.0e+12")


@pytest.mark.parametrize(
    ("metric", "numbers", "text"),
    [
        (LOSS, (1.8795, 1.8543, 1.9048), "+1.88 [+1.85, +1.90]"),
        (LOSS, (0.00123, 0.00100, 0.00150), "+0.0012 [+0.0010, +0.0015]"),
        (LOSS, (-4.6130, -5.1941, -4.0319), "−4.61 [−5.19, −4.03]"),
        (LOSS, (0.00002, math.nan, math.nan), "+0.000020 "),
        (LOSS, (0.0, 0.0, 0.0), "0.00 [0.00, 0.00]"),
        (ERROR, (0.0025, -0.16, 0.16), "+0.00 [−0.16, +0.16]"),
        (ERROR, (86.38, 85.16, 87.61), "+86.4 [+85.2, +87.6]"),
        (ERROR, (-11.51, -32.94, 9.92), "−12 [−33, +10]"),
        (ERROR, (99.98, 99.92, 100.04), "+99.98 [+99.92, +100.00]"),
        (ERROR, (0.0025, math.nan, math.nan), "+0.00 "),
    ],
)
def test_differences_are_rounded_to_their_interval(
    metric: Metric, numbers: tuple[float, float, float], text: str
) -> None:
    assert " ".join(rounded(*numbers, metric)) == text


def test_an_interval_shows_one_or_two_digits_of_its_half_width() -> None:
    for half in (20.0, 3.0, 0.4, 0.05, 0.006, 0.0007):
        shown = round(half, decimals(half))
        assert abs(shown - half) <= half / 20 and shown == float(f"{half:.2g}")
    assert decimals(0.0) == decimals(math.nan) == decimals(math.inf) == 2


def test_p_values_are_never_zero_and_never_look_like_their_level() -> None:
    assert (p_text(0.0004), p_text(0.0123), p_text(1.0)) == ("< .001", "= .012", "= 1.000")
    assert (p_text(0.0496), p_text(0.0502), p_text(0.05), p_text(0.02496)) == (
        "= .0496",
        "= .0502",
        "= .050",
        "= .02496",
    )
    assert (p_cell(0.0004), p_cell(0.0123)) == ("< .001", ".012")


def test_estimates_have_the_digits_that_they_deserve() -> None:
    assert [significant(value) for value in (5837.2, 0.0261, 123.0, 0.0, 5.1e12)] == [
        "5,800", "0.026", "120", "0", "5.1e+12",
    ]  # fmt: skip
    assert (mean_text(6.2143, 5.6, 6.8), mean_text(3.4e-6, 4e-7, 5.7e-6)) == (
        "6.21 [5.60, 6.80]",
        "3.4e−06 [4.0e−07, 5.7e−06]",
    )
    assert mean_text(0.12345, math.nan, math.nan) == "0.123"
    assert mean_text(1_972_700, 271_855, 3_673_545) == "2,000,000 [300,000, 3,700,000]"


def test_means_are_rounded_alike_and_stay_apart() -> None:
    assert alike([1.8795, 0.4213], 0.025) == ["1.88", "0.42"]
    assert alike([0.161324, 0.162971], 0.0005) == ["0.1613", "0.1630"]
    assert alike([0.161324, 0.161331], 0.000002) == ["0.161324", "0.161331"]
    assert alike([37.03707, 37.03707], 0.0) == ["37.0", "37.0"]


def test_plans_say_no_more_than_they_know() -> None:
    assert [planned_seeds(count) for count in (7, 41, 643, 57_079)] == ["7", "41", "640", "> 1,000"]
    assert [planned_images(count, 10_000) for count in (10_361, 26_033, 4_744_142)] == [
        "about 10,400", "about 26,000", "more than 1,000,000",
    ]  # fmt: skip


def test_what_is_not_known_is_a_dash() -> None:
    assert {percent(math.nan), number(math.nan), signed(math.nan), p_text(math.nan)} == {DASH}
    assert value_text(math.nan, METRICS["flops"]) == DASH


def test_shares_are_percent_and_counts_are_whole() -> None:
    assert (
        within(0.1165, 0.084, 0.152) == "11.7 [8.4, 15.2]" and within(0.9999, 0.999, 1.001) == "99.99 [99.90, 100.00]"
    )
    assert within(0.9923, 0.9905, 0.9938) == "99.23 [99.05, 99.38]" and within(0.9923, math.nan, math.nan) == "99.23"
    assert value_text(0.0661, METRICS["test_error"]) == "6.61" and value_text(1000, METRICS["parameters"]) == "1,000"


def test_cells_are_named_by_their_values() -> None:
    assert name_of({"model.depth": 58, "model.shortcut": "none"}) == "model.depth 58, model.shortcut none"
    assert name_of({}) == "the only cell"
