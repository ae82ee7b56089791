"""Family-wise error of null comparisons in every model: minutes of simulation."""

from __future__ import annotations

import numpy as np
import pytest
from support.null_arms import MODELS, draw, family_errors

from resbench.report.statistics.crossed import new_images

SIZES = (1, 5, 10, 20)
FAMILIES = 600


@pytest.mark.parametrize("seeds", [5, 8, 10])
@pytest.mark.parametrize("name", list(MODELS))
def test_families_of_up_to_twenty_err_in_at_most_six_percent(name: str, seeds: int) -> None:
    rng = np.random.default_rng([seeds, *name.encode()])
    found = family_errors(rng, MODELS[name], seeds, SIZES, FAMILIES)
    print(f"{name}, {seeds} seeds: " + ", ".join(f"m={size} {100 * share:.1f} %" for size, share in found.items()))
    for size, share in found.items():
        noise = np.sqrt(0.05 * 0.95 / (FAMILIES * max(SIZES) / size))  # of the simulation itself
        assert share <= max(0.06, 0.05 + 3 * noise), size


@pytest.mark.parametrize("seeds", [3, 5, 8, 10])
@pytest.mark.parametrize("name", list(MODELS))
def test_intervals_of_a_difference_cover_it(name: str, seeds: int) -> None:
    rng = np.random.default_rng([seeds, *name.encode()])
    intervals = [new_images(draw(rng, MODELS[name], seeds)) for _ in range(2000)]
    covered = np.mean([interval.low <= 0 <= interval.high for interval in intervals])
    print(f"{name}, {seeds} seeds: {100 * covered:.1f} %")
    assert covered >= 0.94
