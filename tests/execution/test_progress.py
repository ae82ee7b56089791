"""How much time is left, as the lines of a command say it."""

from __future__ import annotations

import time

import pytest

from resbench import Grid
from resbench.execution.progress import Live


@pytest.mark.parametrize(("begun", "left"), [(True, "100 s left"), (False, "12 s left")])
def test_epochs_of_an_earlier_command_do_not_count_as_speed(
    begun: bool, left: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (run,) = Grid("g", base={"model.depth": 10, "recipe.epochs": 10}, axes={"model.width": [4]}, seeds=1).runs()
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    live = Live([run], {run.id: 1.0}, {run.id} if begun else (), terminal=False)
    live.epoch(run, 7)
    now = 50.0
    live.epoch(run, 8)
    assert capsys.readouterr().err.rstrip().endswith(f"epoch 8.0 of 10 ({left})")
