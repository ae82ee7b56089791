"""Family-wise error of whole claims, from files of records to the verdict."""

from pathlib import Path
from typing import Any

import numpy as np
from support.studies import HELPS, Cell, make, noise

from resbench.report.judge import judge
from resbench.report.study import load


def test_null_grids_keep_the_family_wise_error(tmp_path: Path) -> None:
    """30 claims of five true null hypotheses each: the chance that any is called supported or refuted is 5 % at most."""
    axes = {"model.depth": [10, 16, 22, 28, 34], "model.shortcut": ["identity", "none"]}
    wrong, claims = 0, 30
    for number in range(claims):
        draw = np.random.default_rng(number)
        outcome = noise(lambda cell: 0.01, images=500)
        study = load(
            make(
                tmp_path,
                f"n{number}",
                axes,
                6,
                lambda c, s, _, draw=draw, outcome=outcome: outcome(c, s, draw),
                [HELPS],
            ),
            f"n{number}",
        )
        (verdict,) = judge(study)
        wrong += any(one.state in ("supported", "refuted") for one in verdict.contrasts)
    assert wrong / claims <= 0.05 + 2 * (0.05 * 0.95 / claims) ** 0.5


def test_refutations_of_equivalence_keep_the_family_wise_error(tmp_path: Path) -> None:
    """Every true difference is just the margin: the chance to refute any of ten is 5 % at most."""
    axes = {"model.depth": list(range(10, 70, 6)), "model.shortcut": ["identity", "none"]}
    claim = HELPS | {"expect": "equivalent", "margin": 2.0}
    refuted, claims = 0, 20
    for number in range(claims):
        draw = np.random.default_rng(number)

        def outcome(cell: Cell, seed: int, _: np.random.Generator, draw: np.random.Generator = draw) -> Any:
            return draw.random(400) < (0.12 if cell["model.shortcut"] == "none" else 0.10)

        (verdict,) = judge(load(make(tmp_path, f"e{number}", axes, 5, outcome, [claim]), f"e{number}"))
        refuted += any(one.state == "refuted" for one in verdict.contrasts)
    assert refuted / claims <= 0.05 + 2 * (0.05 * 0.95 / claims) ** 0.5
