"""Steps that are timed for a forecast, in processes of their own."""

from __future__ import annotations

import pytest
import torch

from resbench.execution.calibration import calibrate, time_all
from resbench.training.run import RunConfig
from resbench.training.server import in_processes
from resbench.training.timing import Protocol

CELLS = [RunConfig.model_validate({"model": {"depth": depth, "width": 4}}) for depth in (10, 22)]


def test_processes_side_by_side_say_for_each_network_its_rate_and_what_a_run_takes_before_it_trains() -> None:
    timed = in_processes(2, 60.0, time_all, CELLS, Protocol("cpu", 1, 0.05), None)
    assert [len(rates) for rates, _ in timed] == [2, 2]
    assert all(rates[0] > rates[1] > 0 and start > 0 for rates, start in timed)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a GPU that cannot be used")
def test_where_a_gpu_cannot_be_used_a_forecast_is_a_guess_that_says_why() -> None:
    guess = calibrate(CELLS, torch.device("cuda"), 1, 2)
    assert guess.failure.startswith("UserError: --device cuda: not available on this machine")
    assert guess.rates[0] > guess.rates[1] > 0
