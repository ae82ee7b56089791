"""Intervals on proportions, on means over seeds, and on means over seeds and images: arrays in, numbers out.

Two targets, two standard errors. *This test set*: the mean over seeds on these images, where seeds are the only
noise. *New images of this kind*: the images are a sample as well, and no number of seeds makes their share vanish.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

LEVEL = 0.95


class Interval(NamedTuple):
    """An estimate with its confidence limits, all in the unit of the data; NaN where the data do not allow one.

    Attributes:
        estimate: the mean or the proportion.
        low, high: confidence limits.
        se: standard error of the estimate.
        df: degrees of freedom of the standard error; infinite where it follows from a binomial count.
    """

    estimate: float
    low: float
    high: float
    se: float
    df: float


def unknown(estimate: float = math.nan) -> Interval:
    """An estimate without limits."""
    return Interval(float(estimate), math.nan, math.nan, math.nan, math.nan)


def from_standard_error(estimate: float, se: float, df: float, level: float = LEVEL) -> Interval:
    """The symmetric Student t interval of an estimate."""
    half = float(stats.t.ppf(0.5 + level / 2, df)) * se
    return Interval(float(estimate), float(estimate - half), float(estimate + half), float(se), float(df))


def at_level(interval: Interval, level: float) -> Interval:
    """A t interval at another level; not for binomial intervals, which are not symmetric."""
    return from_standard_error(interval.estimate, interval.se, interval.df, level)


def t_interval(values: npt.ArrayLike, level: float = LEVEL) -> Interval:
    """Mean of independent values with Student's interval.

    Args:
        values: `(seeds,)`; a NaN is a missing value and is left out, as `df` shows.
        level: confidence level.

    Returns:
        NaN limits for fewer than two values; NaN throughout if a value is infinite.
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    x = x[~np.isnan(x)]
    if not np.isfinite(x).all():
        return unknown()
    if len(x) < 2:
        return unknown(x[0] if len(x) else math.nan)
    sd = 0.0 if np.ptp(x) == 0 else float(x.std(ddof=1))  # rounding of the mean is no variance
    return from_standard_error(float(x.mean()), sd / math.sqrt(len(x)), len(x) - 1, level)


def wilson(k: float, n: int, level: float = LEVEL) -> Interval:
    """Proportion k of n with Wilson's score interval (Wilson 1927), for one run or for a share of failures."""
    if n < 1 or math.isnan(k):
        return unknown()
    p, z = k / n, float(stats.norm.ppf(0.5 + level / 2))
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = max(0.0, centre - half) if k > 0 else 0.0, min(1.0, centre + half) if k < n else 1.0
    return Interval(p, low, high, math.sqrt(p * (1 - p) / n), math.inf)


def clopper_pearson(k: float, n: int, level: float = LEVEL) -> Interval:
    """Proportion k of n with the exact interval (Clopper and Pearson 1934).

    A k with a half, from a tie that counts half, interpolates through the same beta quantiles.
    """
    if n < 1 or math.isnan(k):
        return unknown()
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, k, n - k + 1)) if k > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0
    p = k / n
    return Interval(p, low, high, math.sqrt(p * (1 - p) / n), math.inf)


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


def crossed(x: npt.NDArray[Any], level: float = LEVEL) -> Interval:
    """Mean over new images and new seeds: both are samples (two-way random effects, Satterthwaite's df).

    The variance of the mean is `(MS_image + max(MS_seed - MS_residual, 0)) / (n S)`, as for readers and cases in
    radiology (Obuchowski and Rockette 1995).

    Args:
        x: `(images, seeds)`, errors or differences of errors of two arms that share both.
        level: confidence level.

    Returns:
        NaN limits with fewer than two seeds or two images: one network is no sample of a recipe. A table without
        any variance has an interval of no width and the degrees of freedom of its shorter side.
    """
    parts = Components.of(x)
    if parts.seeds < 2 or parts.images < 2 or math.isnan(parts.mean):
        return unknown(parts.mean)
    return from_standard_error(parts.mean, *_crossed_error(parts), level)


def new_images(x: npt.NDArray[Any], level: float = LEVEL) -> Interval:
    """The interval to lead with: `crossed`, but never narrower than that for these images alone.

    With few seeds that differ much, Satterthwaite's degrees of freedom make the crossed interval the narrower one,
    although its question is the harder one; it then covers 91 % at five seeds where 95 % is said.

    Args:
        x, level: as for `crossed`.
    """
    return wider(crossed(x, level), this_test_set(x, level))


def wider(new_images: Interval, this_test_set: Interval) -> Interval:
    """The interval for new images, or that for this test set where it is wider: new images are never the easier question."""
    return this_test_set if this_test_set.high - this_test_set.low > new_images.high - new_images.low else new_images


def crossed_unpaired(a: npt.NDArray[Any], b: npt.NDArray[Any], level: float = LEVEL) -> Interval:
    """Mean of a less mean of b over new images and new seeds, of arms that share images but no seeds.

    Args:
        a, b: `(images, seeds of a)` and `(images, seeds of b)`.
        level: confidence level.

    Raises:
        ValueError: the arms have other numbers of images.
    """
    first, second = Components.of(a), Components.of(b)
    if first.images != second.images:
        raise ValueError(f"arms on {first.images} and {second.images} images cannot be compared image by image")
    estimate, n = first.mean - second.mean, first.images
    if min(first.seeds, second.seeds, n) < 2 or math.isnan(estimate):
        return unknown(estimate)
    image = float(np.var(a.mean(axis=1) - b.mean(axis=1), ddof=1)) / n
    variance, spread = image, image**2 / (n - 1)
    for arm in (first, second):
        if arm.ms_seed > arm.ms_residual:
            variance += (arm.ms_seed - arm.ms_residual) / (n * arm.seeds)
            own = arm.ms_seed**2 + arm.ms_residual**2 / (n - 1)
            spread += own / ((arm.seeds - 1) * (n * arm.seeds) ** 2)
    min_df = min(n, first.seeds, second.seeds) - 1
    df = max(variance**2 / spread, min_df) if spread > 0 else min_df
    return from_standard_error(estimate, math.sqrt(variance), df, level)


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


def _crossed_error(parts: Components) -> tuple[float, float]:
    """Standard error and degrees of freedom of the mean of a table with at least two images and two seeds."""
    n, s = parts.images, parts.seeds
    extra = max(parts.ms_seed - parts.ms_residual, 0.0)
    spread = parts.ms_image**2 / (n - 1)
    if extra > 0:
        spread += parts.ms_seed**2 / (s - 1) + parts.ms_residual**2 / ((n - 1) * (s - 1))
    min_df = min(n, s) - 1  # Satterthwaite's df of a sum never falls below; that of a difference could come to 0
    df = max((parts.ms_image + extra) ** 2 / spread, min_df) if spread > 0 else min_df
    return math.sqrt((parts.ms_image + extra) / (n * s)), df


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
