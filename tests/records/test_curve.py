"""The training loss within epochs: what is kept of it, and where its blocks end."""

from __future__ import annotations

import math

import pytest

from resbench.records.curve import Curve, block_means, block_size


def test_blocks_are_of_twenty_steps_or_of_more_where_a_run_has_many() -> None:
    assert block_size(469, 1) == 20
    assert block_size(469, 21) == 20 and block_size(469, 22) == 40
    assert all(steps * epochs / block_size(steps, epochs) <= 500 for steps in (1, 29, 422) for epochs in (1, 30, 1000))


def test_a_block_is_the_mean_of_its_steps_and_the_last_one_may_be_shorter() -> None:
    assert block_means([1.0, 2.0, 3.0, 6.0, 5.0], 2) == [1.5, 4.5, 5.0]
    assert block_means([2.30258509, 2.30258509], 20) == [2.303]
    assert block_means([1.0, math.inf, 1.0, 1.0], 2) == [None, 1.0]
    assert block_means([], 20) == []


def test_blocks_begin_anew_with_each_epoch() -> None:
    curve = Curve(20, 45, (2.0, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5))
    assert curve.epochs() == pytest.approx([20 / 45, 40 / 45, 1, 1 + 20 / 45, 1 + 40 / 45, 2, 2 + 20 / 45])
    assert Curve.from_json(curve.to_json()) == curve


@pytest.mark.parametrize(
    "change",
    [{"every": 0}, {"steps": True}, {"steps": 1.5}, {"train_loss": "2.3"}, {"train_loss": ["2.3"]}, {"every": None}],
)
def test_what_is_no_curve_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="curve cannot be read"):
        Curve.from_json(Curve(20, 45, (2.0,)).to_json() | change)
