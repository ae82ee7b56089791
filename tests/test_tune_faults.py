"""Searches that end in odd ways, are asked for odd things, or lose what they stand on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_tune import SEARCH, loaded, setting

import resbench
from resbench.report import check
from resbench.tune.command import Asked, tuned
from resbench.tune.search import Search
from resbench.tune.work import work

# the other learning rate is so large that the base's own wins
ONE = SEARCH.replace("{low: 0.01, high: 1.0, log: true}", "{choices: [0.1, 1000.0]}")
ONE = ONE.replace("  model.dropout: {choices: [0.0, 0.3]}\n", "").replace("epochs: 2", "epochs: 1")
TUNED = """\
  - says: tuning helps
    compare: {tuning: tuned}
    to: {tuning: untuned}
    expect: lower
"""


def asked(folder: Path, **words: Any) -> Asked:
    given = {"storage": None, "device": "cpu", "jobs": 2, "export": None} | words
    return Asked(folder / "results", folder, **given)


def one_arm(folder: Path, *overrides: str) -> Search:
    return loaded(folder, ONE + TUNED, "model.shortcut=identity", "sampler=grid", "trials=2", *overrides)


def test_a_winner_with_the_values_of_the_base_stands_in_both_cells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = one_arm(tmp_path, "seeds.confirm=5")
    assert work(search, None, setting(tmp_path))
    assert tuned(search, asked(tmp_path))
    assert "tuned and untuned are one" in capsys.readouterr().err
    study = json.loads((tmp_path / "results" / "tiny" / "study.json").read_text())
    assert len(study["runs"]) == 10 and len(resbench.load(tmp_path / "results" / "tiny")) == 5
    told = "\n".join(check(tmp_path / "results", "tiny")[0])
    assert "tuned against untuned: test error +0.00 points [+0.00, +0.00]" in told, told
