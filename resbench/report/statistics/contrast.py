"""What the data say of two arms: by how much they differ, how sure that is, and whether it matters.

Differences are `ours - theirs`. Of errors, a negative one says that ours is better.
"""

from __future__ import annotations

from dataclasses import dataclass

from resbench.report.statistics.crossed import Components
from resbench.report.statistics.family import simultaneous_level
from resbench.report.statistics.interval import Interval

ENOUGH_SEEDS = 6  # with fewer, no sign-flip test of one comparison reaches p < .05


@dataclass(frozen=True)
class Contrast:
    """What the data say about `ours - theirs`, in the unit of the metric (for errors a share, not percent).

    Attributes:
        seeds, seeds_theirs: seeds of the two arms; the same seeds if `shared_seeds`.
        images: test images; None if only one number per seed is known.
        shared_seeds: whether seed s of the one arm is compared with seed s of the other.
        margin: the smallest difference of interest, for equivalence.
        level: confidence level of all intervals.
        ours, theirs: the arms' means.
        crossed: difference on new images; Tango's interval of two networks if `one_pair`.
        this_test_set: difference on this test set.
        p_crossed: p of no difference, the level at which `crossed` touches 0.
        p_t: of the paired t test over seeds (Welch's, if seeds are not shared). NaN if the seeds' differences are
            all equal but not 0: no t exists then, and a p of 0 from a few seeds would be a fiction.
        p_sign_flip: of the sign-flip test (the permutation test of two samples, if seeds are not shared).
        p_wilcoxon: of the signed-rank (rank-sum) test.
        p_mcnemar, p_mid: exact and mid-p of McNemar's test if `one_pair`, else NaN.
        improvement: share of seeds in which ours is better, ties half, with the exact interval; of all pairs of
            seeds and without an interval, if seeds are not shared.
        ties: of the seeds, or of all pairs, those in which neither is better.
        churn: share of images that exactly one of two networks misses, mean over the pairs of seeds.
        discordant: the same as a number of images.
        relative_change: `ours / theirs - 1`, of errors on images with its interval; NaN if theirs is 0.
        rho: correlation of the arms over shared seeds; NaN below three seeds or without variance.
        d_z: mean difference in units of its standard deviation between seeds, with Hedges' correction (of the
            pooled standard deviation, if seeds are not shared).
        sd: standard deviation between seeds of the difference, what planning starts from; NaN if not shared.
        p_equivalence_test_set, p_equivalence_new_images: p of two one-sided tests against the margin.
        equivalent_test_set, equivalent_new_images: that p is below `1 - level`; for the common level 0.95, the
            90 % interval lies within the margin.
        components: mean squares of the table of differences; None without images or shared seeds.
    """

    seeds: int
    seeds_theirs: int
    images: int | None
    shared_seeds: bool
    margin: float
    level: float
    ours: float
    theirs: float
    crossed: Interval
    this_test_set: Interval
    p_crossed: float
    p_t: float
    p_sign_flip: float
    p_wilcoxon: float
    p_mcnemar: float
    p_mid: float
    improvement: Interval
    ties: int
    churn: float
    discordant: float
    relative_change: Interval
    rho: float
    d_z: float
    sd: float
    p_equivalence_test_set: float
    p_equivalence_new_images: float
    equivalent_test_set: bool
    equivalent_new_images: bool
    components: Components | None

    @property
    def one_pair(self) -> bool:
        """Two networks were compared, not two recipes."""
        return self.images is not None and self.seeds == self.seeds_theirs == 1

    @property
    def min_seeds(self) -> int:
        """Seeds of the arm that has fewer."""
        return min(self.seeds, self.seeds_theirs)

    @property
    def few_seeds(self) -> bool:
        return self.min_seeds < ENOUGH_SEEDS

    @property
    def from_seeds_only(self) -> bool:
        """Nothing is known image by image, so that nothing can be said of new images."""
        return self.images is None

    @property
    def interval(self) -> Interval:
        """The interval to lead with: for new images where there are images."""
        return self.this_test_set if self.from_seeds_only else self.crossed

    def simultaneous(self, size: int) -> Interval:
        """The interval that holds together with `size - 1` others of its kind (Bonferroni)."""
        wide = self.interval.at_level(simultaneous_level(size, self.level))
        return wide if self.from_seeds_only else wide.within(-1, 1)

    @property
    def equivalent(self) -> bool:
        """What belongs to `interval`: whether the arms are equivalent."""
        return self.equivalent_test_set if self.from_seeds_only else self.equivalent_new_images

    @property
    def p_equivalence(self) -> float:
        """Of two one-sided tests against the margin, what belongs to `interval`."""
        return self.p_equivalence_test_set if self.from_seeds_only else self.p_equivalence_new_images

    @property
    def p(self) -> float:
        """The p value that belongs to `interval`."""
        if self.one_pair:
            return self.p_mcnemar
        return self.p_t if self.from_seeds_only else self.p_crossed
