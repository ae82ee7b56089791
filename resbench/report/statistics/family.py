"""Several comparisons at once: what a p value and an interval are worth when they are one of m.

A comparison that could not be computed has p = NaN. It stays NaN and still counts: the family is as large as it was
declared, not as large as what came out of it, or a family would shrink to its most convenient members.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

P = npt.NDArray[np.float64]


def holm(p: npt.ArrayLike) -> P:
    """p values adjusted so that the chance of any false rejection keeps to the level (Holm 1979).

    Args:
        p: `(comparisons,)`, NaN where a comparison could not be computed.
    """
    values, filled = _filled(p)
    order = np.argsort(filled)
    steps = np.arange(len(filled), 0, -1) * filled[order]
    adjusted = np.empty(len(filled))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return np.where(np.isnan(values), np.nan, adjusted)


def holm_of_firm(p: Sequence[float], firm: Sequence[bool]) -> P:
    """As `holm`, where some p values may not decide anything.

    These count in the family, but must not use up a step of Holm's that they cannot take: the others are adjusted as if
    these had not been computed. These themselves are adjusted with all, to be shown.

    Args:
        p: `(comparisons,)`, NaN where a comparison could not be computed.
        firm: `(comparisons,)`, whether a p value may decide.
    """
    adjusted = holm([one if counts else np.nan for one, counts in zip(p, firm, strict=True)])
    return np.where(np.isnan(adjusted), holm(p), adjusted)


def benjamini_hochberg(p: npt.ArrayLike) -> P:
    """q values: the expected share of false ones among those rejected (Benjamini and Hochberg 1995).

    Args:
        p: `(comparisons,)`, NaN where a comparison could not be computed.
    """
    values, filled = _filled(p)
    if not len(filled):
        return values
    order = np.argsort(filled)
    scaled = filled[order] * (len(filled) / np.arange(1, len(filled) + 1))
    q = np.empty_like(scaled)
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1]  # no smaller p has a larger q
    return np.where(np.isnan(values), np.nan, np.clip(q, 0, 1))


def simultaneous_level(size: int, level: float = 0.95) -> float:
    """The level of each of `size` intervals that hold all at once with `level` (Bonferroni)."""
    return 1 - (1 - level) / max(size, 1)


def _filled(p: npt.ArrayLike) -> tuple[P, P]:
    """The values, and the same with 1 for what could not be computed."""
    values = np.array(p, dtype=np.float64).ravel()
    return values, np.where(np.isnan(values), 1.0, values)
