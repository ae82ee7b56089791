"""What users type by mistake, and the line that says what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.inprocess import resbench

GRID = "name: tiny\nbase: {model: {depth: 10, width: 4}}\naxes: {model.shortcut: [identity, none]}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "tiny.yaml", "--epochs", "2"], "settings are written path=value, as in recipe.epochs=..."),
        (["run", "tiny.yaml", "--device", "gpu"], "a GPU is written cuda"),
        (["run", "tiny.yaml", "--device", "cuda:0"], "a GPU is written cuda, or cuda:1 for the second"),
        (["plan", "tiny.yaml", "model.depth=10,16"], "several values are written model.depth=[10,16]"),
        (["run", "tiny.yaml", "other.yaml"], "one file at a time"),
        (["plan", "tiny.yaml", "name=2024"], "put it in quotes"),
        (["plan", "tiny.yaml", "seeds=[4294967295]"], "from 0 to 2147483647"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(GRID)
    code, _, err = resbench(*words)
    assert code == 2 and said in err, err


def test_a_plan_takes_the_words_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(GRID)
    code, out, err = resbench(
        "plan", "tiny.yaml", "--timeout", "3m", "--graph", "step", "--fresh", "--reports", "r", "--no-report"
    )
    assert code == 0 and "0 done" in out, err
