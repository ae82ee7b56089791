"""Studies with planned looks: judged look by look, from real files, and asked for no more seeds than they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from support.studies import HELPS, Cell, make, noise

from resbench.report.looks import asked_seeds, judge
from resbench.report.study import Study, load

AXES = {"model.depth": [10, 34], "model.shortcut": ["identity", "projection", "none"]}
PLAN = {"sizes": [5, 10, 20], "spend": "pocock"}
# at 34 layers identity is far better, at 10 layers a little
RATES = {(34, "identity"): 0.008, (34, "none"): 0.016, (10, "identity"): 0.010, (10, "none"): 0.0106}


def rate(cell: Cell) -> float:
    return RATES.get((cell["model.depth"], cell["model.shortcut"]), 0.01)


def planned(folder: Path, done: dict[tuple[int, str], int] | int, plan: dict[str, Any] = PLAN, **claim: Any) -> Study:
    """The study with so many seeds of each cell done; the same seeds have the same errors however many there are."""

    def outcome(cell: Cell, seed: int, draw: np.random.Generator) -> npt.NDArray[np.bool_] | str:
        key = cell["model.depth"], cell["model.shortcut"]
        if seed >= (done if isinstance(done, int) else done.get(key, 5)):
            return "missing"
        return noise(rate)(cell, seed, np.random.default_rng([seed, *map(ord, repr(key))]))

    return load(make(folder, "s", AXES, 20, outcome, [HELPS | claim], looks=plan), "s")


def asked(study: Study) -> dict[tuple[int, str], int]:
    return {(int(depth), shortcut): seeds for (depth, shortcut), seeds in asked_seeds(study).items()}


def test_seeds_are_asked_for_look_by_look_and_only_where_a_comparison_is_open(tmp_path: Path) -> None:
    first = dict.fromkeys([(depth, shortcut) for depth in (10, 34) for shortcut in AXES["model.shortcut"]], 5)
    assert asked(planned(tmp_path / "a", 0)) == first
    assert asked(planned(tmp_path / "b", {(34, "none"): 4})) == first  # one run of the first look is missing
    study = planned(tmp_path / "c", 5)
    [verdict] = judge(study)
    assert [one.state for one in verdict.contrasts] == ["inconclusive", "supported"]
    assert asked(study) == first | {(10, "identity"): 10, (10, "none"): 10}
    assert verdict.outstanding == 10
