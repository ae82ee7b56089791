"""How many times as many errors one arm makes as another, less one, with an interval: arrays in, numbers out."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from resbench.report.statistics.crossed import new_images, new_images_unpaired
from resbench.report.statistics.interval import LEVEL, Interval, unknown


def relative_change(
    ours: npt.NDArray[np.bool_], theirs: npt.NDArray[np.bool_], shared: bool, level: float = LEVEL
) -> Interval:
    """`ours / theirs - 1` over new images and new seeds.

    The delta method on logarithms: `log(p / q)` varies as the mean of `x / p - y / q` does (Cochran 1977, section 6.4), a
    table of images by seeds whose variances are those of a difference. So the limits are asymmetric and above -1.

    Args:
        ours, theirs: whether an image was misclassified, `(images, seeds)` of each arm, on the same images.
        shared: whether the columns are of the same seeds.
        level: confidence level.

    Returns:
        NaN throughout where theirs makes no error; no limits where ours makes none, or with fewer than two seeds.
    """
    p, q = (float(errors.mean()) if errors.size else math.nan for errors in (ours, theirs))
    if not q > 0 or not p > 0:
        return unknown(p / q - 1 if q > 0 else math.nan)
    ratio = p / q
    log = new_images(ours / p - theirs / q, level) if shared else new_images_unpaired(ours / p, theirs / q, level)
    if math.isnan(log.se):
        return unknown(ratio - 1)
    half = log.half_width(1 - level)
    return Interval(ratio - 1, ratio * math.exp(-half) - 1, ratio * math.exp(half) - 1, ratio * log.se)
