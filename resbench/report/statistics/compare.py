"""Two arms compared: by their errors on each image or by one number per seed, with shared seeds or without."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from resbench.report.statistics import exact
from resbench.report.statistics.contrast import Contrast
from resbench.report.statistics.crossed import Components, new_images, new_images_unpaired
from resbench.report.statistics.effect import one_pair as interval_of_pair
from resbench.report.statistics.effect import over_separate_seeds, over_shared_seeds, p_equivalence, welch
from resbench.report.statistics.interval import LEVEL, Interval, t_interval, unknown
from resbench.report.statistics.ratio import relative_change

Errors = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]


def paired(ours: Errors, theirs: Errors, margin: float, level: float = LEVEL) -> Contrast:
    """Compare two arms on the same images and the same seeds.

    Args:
        ours, theirs: whether an image was misclassified, both `(images, seeds)`, columns of the same seeds.
        margin: the smallest difference of error of interest, a share: 0.0005 for 0.05 points.
        level: confidence level.

    Raises:
        ValueError: the tables differ in shape or are not boolean.
    """
    _check(ours, theirs)
    if ours.shape != theirs.shape:
        raise ValueError(f"tables of shared seeds must agree in shape: {ours.shape} and {theirs.shape}")
    images, seeds = ours.shape
    d = ours.astype(np.int8) - theirs.astype(np.int8)
    components = Components.of(d)
    counts = d.sum(axis=0, dtype=np.int64)
    one_pair = seeds == 1 and images > 0
    only_ours, only_theirs = int((d > 0).sum()), int((d < 0).sum())
    means = _means(ours), _means(theirs)
    exact_p, mid_p = exact.mcnemar(only_ours, only_theirs) if one_pair else (math.nan, math.nan)
    on_new_images = interval_of_pair(only_ours, only_theirs, images, level) if one_pair else new_images(d, level)
    on_this_test_set = t_interval(counts / images, level) if images else unknown()
    return Contrast(
        **_common(seeds, seeds, images, True, margin, level, _mean(means[0]), _mean(means[1])),
        relative_change=relative_change(ours, theirs, True, level),
        **over_shared_seeds(*means, counts / images if images else np.full(seeds, np.nan), -1, level)._asdict(),
        **both_targets(on_new_images, on_this_test_set, margin, level, images),
        p_mcnemar=exact_p,
        p_mid=mid_p,
        churn=(only_ours + only_theirs) / d.size if d.size else math.nan,
        discordant=(only_ours + only_theirs) / seeds if seeds else math.nan,
        components=components,
    )


def paired_values(
    ours: npt.ArrayLike,
    theirs: npt.ArrayLike,
    margin: float,
    level: float = LEVEL,
    higher_is_better: bool = False,
) -> Contrast:
    """Compare two arms by a metric that is one number per seed, over shared seeds.

    Args:
        ours, theirs: `(seeds,)`, entries of the same seeds; a pair with a NaN is left out.
        margin: the smallest difference of interest, in the unit of the metric.
        level: confidence level.
        higher_is_better: what counts as `improvement`.

    Raises:
        ValueError: the arrays differ in length.
    """
    a, b = np.asarray(ours, dtype=np.float64).ravel(), np.asarray(theirs, dtype=np.float64).ravel()
    if a.shape != b.shape:
        raise ValueError(f"values of shared seeds must agree in number: {len(a)} and {len(b)}")
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = a[known], b[known]
    with np.errstate(invalid="ignore"):  # inf - inf
        d = a - b
    return Contrast(
        **_common(len(d), len(d), None, True, margin, level, _mean(a), _mean(b)),
        relative_change=_change(_mean(a), _mean(b)),
        **over_shared_seeds(a, b, d, 1 if higher_is_better else -1, level)._asdict(),
        **both_targets(unknown(_mean(d)), t_interval(d, level), margin, level, None),
        **_NOTHING_PER_IMAGE,
    )


def unpaired(ours: Errors, theirs: Errors, margin: float, level: float = LEVEL) -> Contrast:
    """Compare two arms on the same images whose seeds have nothing to do with each other.

    Args:
        ours, theirs: `(images, seeds of ours)` and `(images, seeds of theirs)`.
        margin, level: as for `paired`.

    Raises:
        ValueError: the tables differ in their number of images or are not boolean.
    """
    _check(ours, theirs)
    if ours.shape[0] != theirs.shape[0]:
        raise ValueError(f"arms on {ours.shape[0]} and {theirs.shape[0]} images cannot be compared image by image")
    if ours.shape[1] == theirs.shape[1] == 1:
        return paired(ours, theirs, margin, level)  # of two single networks a seed says nothing
    images = ours.shape[0]
    a, b = _means(ours), _means(theirs)
    gap = welch(a, b, level)
    churn = math.nan
    if ours.size and theirs.size:
        p, q = ours.mean(axis=1), theirs.mean(axis=1)
        churn = float((p * (1 - q) + q * (1 - p)).mean())
    return Contrast(
        **_common(len(a), len(b), images, False, margin, level, _mean(a), _mean(b)),
        relative_change=relative_change(ours, theirs, False, level),
        **over_separate_seeds(a, b, -1)._asdict(),
        **both_targets(new_images_unpaired(ours, theirs, level), gap, margin, level, images),
        p_mcnemar=math.nan,
        p_mid=math.nan,
        churn=churn,
        discordant=churn * images,
        components=None,
    )


def unpaired_values(
    ours: npt.ArrayLike,
    theirs: npt.ArrayLike,
    margin: float,
    level: float = LEVEL,
    higher_is_better: bool = False,
) -> Contrast:
    """Compare two arms by a metric that is one number per seed, of seeds that have nothing to do with each other.

    Args:
        ours, theirs: `(seeds of ours,)` and `(seeds of theirs,)`; a NaN is left out.
        margin, level, higher_is_better: as for `paired_values`.
    """
    a, b = (np.asarray(values, dtype=np.float64).ravel() for values in (ours, theirs))
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    gap = welch(a, b, level)
    return Contrast(
        **_common(len(a), len(b), None, False, margin, level, _mean(a), _mean(b)),
        relative_change=_change(_mean(a), _mean(b)),
        **over_separate_seeds(a, b, 1 if higher_is_better else -1)._asdict(),
        **both_targets(unknown(gap.estimate), gap, margin, level, None),
        **_NOTHING_PER_IMAGE,
    )


_NOTHING_PER_IMAGE: dict[str, Any] = {
    "p_mcnemar": math.nan,
    "p_mid": math.nan,
    "churn": math.nan,
    "discordant": math.nan,
    "components": None,
}


def _common(
    seeds: int,
    seeds_theirs: int,
    images: int | None,
    shared: bool,
    margin: float,
    level: float,
    ours: float,
    theirs: float,
) -> dict[str, Any]:
    return {
        "seeds": seeds,
        "seeds_theirs": seeds_theirs,
        "images": images,
        "shared_seeds": shared,
        "margin": margin,
        "level": level,
        "ours": ours,
        "theirs": theirs,
    }


def _change(ours: float, theirs: float) -> Interval:
    """Of one number per seed, which need not be positive: without limits."""
    return unknown(ours / theirs - 1 if theirs and math.isfinite(theirs) else math.nan)


def both_targets(
    on_new_images: Interval,
    on_this_test_set: Interval,
    margin: float,
    level: float,
    images: int | None,
    farthest: float = 1,
) -> dict[str, Any]:
    """What a contrast has from its two intervals alone.

    Args:
        images: of the tables; none where a metric is one number per seed.
        farthest: that an image can contribute: 1 to a difference of two shares.
    """
    one_pair = images is not None and math.isnan(on_this_test_set.se)
    p_new = math.nan if one_pair else p_equivalence(on_new_images, margin)
    if images and not one_pair and on_new_images.se == on_new_images.estimate == 0:
        # Not one image tells the arms apart. That bounds the share of images that do, but not to 0: the chance to
        # see none of them if they made up the margin.
        p_new = (1 - min(max(margin / farthest, 0.0), 1.0)) ** images
    undefined = on_this_test_set.se == 0 and on_this_test_set.estimate != 0
    p_same = math.nan if undefined else p_equivalence(on_this_test_set, margin)
    if images:
        on_new_images, on_this_test_set = (one.within(-farthest, farthest) for one in (on_new_images, on_this_test_set))
    return {
        "crossed": on_new_images,
        "this_test_set": on_this_test_set,
        "p_crossed": math.nan if one_pair else on_new_images.p_two_sided(),
        "p_t": math.nan if undefined else on_this_test_set.p_two_sided(),
        "p_equivalence_test_set": p_same,
        "p_equivalence_new_images": p_new,
        "equivalent_test_set": p_same < 1 - level,
        "equivalent_new_images": p_new < 1 - level,
    }


def _means(errors: Errors) -> Values:
    """Error of each seed, `(seeds,)`."""
    images, seeds = errors.shape
    return errors.mean(axis=0) if images else np.full(seeds, np.nan)


def _mean(values: Values) -> float:
    return float(values.mean()) if len(values) and np.isfinite(values).all() else math.nan


def _check(ours: Errors, theirs: Errors) -> None:
    for table in (ours, theirs):
        if table.ndim != 2 or table.dtype != np.bool_:
            raise ValueError(f"expected a boolean table (images, seeds), got {table.dtype} of shape {table.shape}")
