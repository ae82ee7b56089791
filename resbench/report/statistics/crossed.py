"""Errors of seeds by images, two samples crossed with each other: variance components, and intervals for either target.

*This test set*: the mean over seeds on these images, where seeds are the only noise. *New images of this kind*: the
images are a sample as well, and no number of seeds makes their share vanish.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from resbench.report.statistics.interval import LEVEL, Interval, Variance, from_variances, t_interval, unknown


@dataclass(frozen=True)
class Components:
    """Mean squares of a crossed table of images by seeds, one value per combination, and what they estimate.

    Attributes:
        seeds, images: size of the table.
        mean: mean of all its values.
        ms_image, ms_seed, ms_residual: mean squares of the two-way analysis of variance; NaN where a side of the
            table has one line only.
        predicted_sd: standard deviation of a seed's mean on these images if a network missed them independently
            of each other, `sqrt(sum p_i (1 - p_i) S / (S - 1)) / n` with p_i the share of the S seeds that miss
            image i. Without `S / (S - 1)` few seeds would all look less stable than predicted. NaN for differences.
    """

    seeds: int
    images: int
    mean: float
    ms_image: float
    ms_seed: float
    ms_residual: float
    predicted_sd: float

    @property
    def var_image(self) -> float:
        """Variance between images of their mean over all seeds, never negative."""
        return _clip((self.ms_image - self.ms_residual) / self.seeds)

    @property
    def var_seed(self) -> float:
        """Variance between seeds of their mean over all images of this kind, never negative."""
        return _clip((self.ms_seed - self.ms_residual) / self.images)

    @property
    def var_residual(self) -> float:
        """Variance of what neither the image nor the seed explains."""
        return self.ms_residual

    @property
    def true_sd(self) -> float:
        """Standard deviation between seeds on all images of this kind (Jordan 2024, eq. 3)."""
        return math.sqrt(self.var_seed)

    @classmethod
    def of(cls, x: npt.NDArray[Any]) -> Components:
        """From a table `(images, seeds)` of errors, or of differences of errors; exact for booleans and integers."""
        _check(x)
        n, s = x.shape
        if x.size == 0:
            return cls(s, n, math.nan, math.nan, math.nan, math.nan, math.nan)
        rows, columns, total, squares, offset = _sums(x)
        # With T the total, R the row sums, C the column sums and Q the sum of squares, each times n S:
        image = n * _dot(rows) - total**2
        seed = s * _dot(columns) - total**2
        residual = n * s * squares - n * _dot(rows) - s * _dot(columns) + total**2
        return cls(
            seeds=s,
            images=n,
            mean=float(total / (n * s)) + offset,
            ms_image=max(0.0, float(image / (n * s * (n - 1)))) if n > 1 else math.nan,
            ms_seed=max(0.0, float(seed / (n * s * (s - 1)))) if s > 1 else math.nan,
            ms_residual=max(0.0, float(residual / (n * s * (n - 1) * (s - 1)))) if n > 1 and s > 1 else math.nan,
            predicted_sd=_predicted_sd(x),
        )


def new_images(x: npt.NDArray[Any], level: float = LEVEL) -> Interval:
    """Mean over new images and new seeds: both are samples, crossed with each other (two-way random effects).

    Images add `max(MS_image - MS_residual, 0) / (n S)` to the variance of the mean, seeds and what images and seeds do
    together `MS_seed / (n S)`, with `S - 1` degrees of freedom. So the interval is never narrower than Student's over the
    seeds' means: new images are never the easier question. Where the seeds' counts happen to be all equal, `MS_residual`
    takes the place of `MS_seed`, as no noise between seeds would be a fiction.

    Args:
        x: `(images, seeds)`, errors or differences of errors of two arms that share both.
        level: confidence level.

    Returns:
        NaN limits with fewer than two seeds or two images: one network is no sample of a recipe. A table without
        any variance has an interval of no width.
    """
    parts = Components.of(x)
    if parts.seeds < 2 or parts.images < 2 or math.isnan(parts.mean):
        return unknown(parts.mean)
    return from_variances(parts.mean, variances_of(parts), level)


def variances_of(parts: Components) -> tuple[Variance, Variance]:
    """What images and seeds add to the variance of the mean of a table."""
    seed = parts.ms_seed or parts.ms_residual
    return (
        Variance(parts.var_image / parts.images, math.inf),
        Variance(seed / (parts.images * parts.seeds), parts.seeds - 1),
    )


def new_images_unpaired(a: npt.NDArray[Any], b: npt.NDArray[Any], level: float = LEVEL) -> Interval:
    """Mean of a less mean of b over new images and new seeds, of arms that share images but no seeds.

    Args:
        a, b: `(images, seeds of a)` and `(images, seeds of b)`.
        level: confidence level.

    Raises:
        ValueError: the arms have other numbers of images.
    """
    if len(a) != len(b):
        raise ValueError(f"arms on {len(a)} and {len(b)} images cannot be compared image by image")
    return sum_over_new_images([a, -b.astype(np.int8) if b.dtype == np.bool_ else -b], level)


def sum_over_new_images(blocks: Sequence[npt.NDArray[Any]], level: float = LEVEL) -> Interval:
    """Sum of the means of several tables over new images and new seeds: of tables that share images but no seeds.

    Args:
        blocks: `(images, seeds)` each.
        level: confidence level.
    """
    if len(blocks) == 1:
        return new_images(blocks[0], level)
    parts, images = [Components.of(block) for block in blocks], len(blocks[0])
    estimate = math.fsum(part.mean for part in parts)
    if min(images, *(part.seeds for part in parts)) < 2 or math.isnan(estimate):
        return unknown(estimate)
    residual = math.fsum(part.ms_residual / (images * part.seeds) for part in parts)
    image = float(np.var(np.sum([block.mean(axis=1) for block in blocks], axis=0), ddof=1)) / images
    seeds = [variances_of(part)[1] for part in parts]
    return from_variances(estimate, (Variance(max(image - residual, 0.0), math.inf), *seeds), level)


def this_test_set(x: npt.NDArray[Any], level: float = LEVEL) -> Interval:
    """Mean over new seeds on these images: Student's interval over the seeds' means.

    Args:
        x: `(images, seeds)`.
        level: confidence level.
    """
    _check(x)
    if x.shape[0] == 0:
        return unknown()
    if np.issubdtype(x.dtype, np.floating) and np.isnan(x).any():
        return unknown()
    return t_interval(x.mean(axis=0, dtype=np.float64), level)


def _sums(x: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Any, Any, float]:
    """Row sums, column sums, total, sum of squares, and what was taken off each value beforehand.

    Integers stay integers, so that no difference of large sums cancels.
    """
    if np.issubdtype(x.dtype, np.floating):
        offset = float(x.mean())
        x = x - offset if np.ptp(x) != 0 else np.zeros_like(x)  # rounding of the mean is no variance
        return x.sum(axis=1), x.sum(axis=0), float(x.sum()), float(np.vdot(x, x)), offset
    rows, columns = x.sum(axis=1, dtype=np.int64), x.sum(axis=0, dtype=np.int64)
    squares = sum(_dot(column.astype(np.int64)) for column in x.T)  # never a wide copy of the whole table
    return rows, columns, int(columns.sum()), squares, 0.0


def _dot(values: npt.NDArray[Any]) -> Any:
    """Sum of squares, as a number of Python: products of such sums may pass 64 bits."""
    return np.dot(values, values).item()


def _predicted_sd(x: npt.NDArray[Any]) -> float:
    n, s = len(x), x[0].size
    if s < 2 or not ((x == 0) | (x == 1)).all():
        return math.nan
    p = x.mean(axis=1, dtype=np.float64)
    return math.sqrt(float((p * (1 - p)).sum()) * s / (s - 1)) / n


def _clip(variance: float) -> float:
    return variance if math.isnan(variance) else max(0.0, variance)


def _check(x: npt.NDArray[Any]) -> None:
    if x.ndim != 2:
        raise ValueError(f"expected a table (images, seeds), got an array of shape {x.shape}")
