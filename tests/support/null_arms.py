"""Two arms without a difference: hard images with difficulties of their own, arms that differ image by image, seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from resbench.report.statistics.crossed import new_images
from resbench.report.statistics.family import holm


class Model(NamedTuple):
    """How errors come about.

    Attributes:
        images: all of them.
        hard: those that may be missed at all; how likely, is a draw from a Beta distribution.
        tau: standard deviation between arms of an image's difficulty, in logits.
        sd: standard deviation between seeds of a network's skill, in logits; with `heavy` from a t with 3 degrees of freedom.
    """

    images: int
    hard: int
    tau: float
    sd: float
    heavy: bool = False


MODELS = {
    "images differ": Model(700, 700, 1.0, 0.3),
    "images alike": Model(2000, 320, 0.1, 0.05),
    "seeds and images": Model(2000, 320, 0.7, 0.3),
    "seeds alone": Model(2000, 320, 0.0, 0.6),
    "heavy tails": Model(10_000, 330, 0.7, 0.5, heavy=True),
    "rare errors": Model(10_000, 100, 0.7, 0.1),
}


def draw(rng: np.random.Generator, model: Model, seeds: int) -> npt.NDArray[np.int8]:
    """Differences of errors of two arms of one expected error, `(images, seeds)`."""
    base = special.logit(np.clip(rng.beta(0.6, 1.4, (model.hard, 1)), 1e-6, 1 - 1e-6))
    errors = []
    for _ in range(2):
        skill = rng.standard_t(3, seeds) / np.sqrt(3) if model.heavy else rng.standard_normal(seeds)
        chance = special.expit(base + model.tau * rng.standard_normal((model.hard, 1)) + model.sd * skill)
        errors.append(rng.random((model.hard, seeds)) < chance)
    d = np.zeros((model.images, seeds), dtype=np.int8)
    d[: model.hard] = errors[0].astype(np.int8) - errors[1]
    return d


def family_errors(
    rng: np.random.Generator, model: Model, seeds: int, sizes: Sequence[int], families: int
) -> dict[int, float]:
    """Share of families of null comparisons, by their size, of which Holm's p calls one a difference.

    `families` are of the largest size; each of them is also as many smaller ones as it holds.
    """
    p = np.array(
        [[new_images(draw(rng, model, seeds)).p_two_sided() for _ in range(max(sizes))] for _ in range(families)]
    )
    return {size: float(np.mean([holm(row).min() < 0.05 for row in p.reshape(-1, size)])) for size in sizes}
