"""Two arms compared where runs of them did not train: these count as the worst, and ranks are compared, not means.

Lachin 1999, "Worst-rank score analysis with informatively missing observations in clinical trials".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from resbench.core.lazy import lazy
from resbench.report.statistics import exact
from resbench.report.statistics.anytime import anytime_sign_p

if TYPE_CHECKING:
    from scipy import stats
else:
    stats = lazy("scipy.stats")


class WorstRank(NamedTuple):
    """How often a value of ours is lower or higher than theirs.

    Attributes:
        lower, higher, ties: numbers of shared seeds, or of all pairs of runs if seeds are not shared.
        p: two-sided; of the sign test over shared seeds (binomial, without ties), else of the rank-sum test.
        seeds, seeds_theirs: runs of the arms.
        shared: whether seeds are shared.
        anytime_p: at every number of seeds; 1 where seeds are not shared, as then it is not known.
        direction: 1 where ours is the higher more often, -1 where it is the lower, 0 where neither is.
    """

    lower: int
    higher: int
    ties: int
    p: float
    seeds: int
    seeds_theirs: int
    shared: bool
    direction: int
    anytime_p: float


def worst_rank(ours: npt.ArrayLike, theirs: npt.ArrayLike, shared: bool) -> WorstRank:
    """Compare two arms by the order of their values.

    Args:
        ours, theirs: `(seeds,)`; infinite, with the sign of what is worse, for a run that did not train. Such runs are
            ties of one another.
        shared: entries are of the same seeds.
    """
    a, b = (np.asarray(values, dtype=np.float64).ravel() for values in (ours, theirs))
    size = np.abs(np.concatenate([a, b]))
    scale = float(size[np.isfinite(size)].max(initial=0.0)) or 1.0
    a, b = (np.round(values / scale, 12) for values in (a, b))  # what differs in the last digits only is a tie
    left, right = (a, b) if shared else (a[:, None], b[None, :])
    lower, higher = int((left < right).sum()), int((left > right).sum())
    ties = (len(a) if shared else len(a) * len(b)) - lower - higher
    p = _sign_test(lower, higher) if shared else _rank_sum(a, b)
    anytime = anytime_sign_p(lower, higher) if shared else 1.0
    return WorstRank(lower, higher, ties, p, len(a), len(b), shared, int(np.sign(higher - lower)), anytime)


def worst_rank_beyond(
    ours: npt.ArrayLike, theirs: npt.ArrayLike, shared: bool, margin: float, sides: tuple[int, ...]
) -> WorstRank:
    """Whether ours is beyond a margin: the same, with ours moved by the margin to theirs.

    Args:
        ours, theirs, shared: as for `worst_rank`.
        sides: that count, 1 for a higher value and -1 for a lower one.

    Returns:
        `lower` and `higher` count what is beyond the margin on either side, and `ties` the rest; the p values
        are 1 and `direction` is 0 where no side that counts has the more values beyond.
    """
    x = np.asarray(ours, dtype=np.float64)
    moved = {side: worst_rank(x - side * margin, theirs, shared) for side in (1, -1)}
    lower, higher = moved[-1].lower, moved[1].higher
    found = [moved[side] for side in sides if moved[side].direction == side]
    best = min(found, key=lambda one: one.p, default=moved[1]._replace(p=1.0, direction=0, anytime_p=1.0))
    pairs = best.lower + best.higher + best.ties
    return best._replace(lower=lower, higher=higher, ties=pairs - lower - higher)


def _sign_test(lower: int, higher: int) -> float:
    return float(stats.binomtest(lower, lower + higher).pvalue) if lower + higher else 1.0


def _rank_sum(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """The permutation test of the midranks, in which infinite values are ties."""
    if not len(a) or not len(b):
        return 1.0
    ranks = np.asarray(stats.rankdata(np.concatenate([a, b])))
    return exact.two_sample(ranks[: len(a)], ranks[len(a) :])
