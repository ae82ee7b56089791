"""Which checks there are, in the order of their value, and how the budget is divided among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MOST = 2.0  # shares that a check may take, as long as they are there


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        code, name: `C4`, `bits`.
        module, function: in the package `checks`.
        seconds: that it takes on a card of the class of an H100, of 560 for all.
        small: that it takes on two cores, with small sizes.
    """

    code: str
    name: str
    module: str
    seconds: float
    small: float
    function: str = "check"


CHECKS = (
    Check("C1", "environment", "environment", 10, 4),
    Check("C2", "tests", "marked", 35, 4),
    Check("C3", "axes", "axes", 85, 10),
    Check("C4", "bits", "bits", 35, 32),
    Check("C5", "kill", "kill", 45, 65),
    Check("C6", "agreement", "agreement", 15, 5),
    Check("C7", "failures", "failures", 25, 39),
    Check("C8", "throughput", "throughput", 75, 15),
    Check("C9", "side-by-side", "side_by_side", 50, 24),
    Check("C9b", "together", "together", 25, 4),
    Check("C10", "grid", "grid", 80, 44),
    Check("C11", "seed-claims", "claims", 120, 11),
    Check("C12", "compiled", "compiled", 45, 9),
)


def limit_of(check: Check, chosen: Sequence[Check], left: float, budget: float, small: bool) -> float | None:
    """Seconds that a check may take, or None where the budget does not allow half of its share.

    A check may take all that the later ones do not need, and twice its share even where they do: it comes first, as it
    is worth more.

    Args:
        left: of the budget.
    """

    def seconds(each: Check) -> float:
        return each.small if small else each.seconds

    whole = sum(seconds(each) for each in chosen)
    share = budget * seconds(check) / whole
    later = budget * sum(seconds(each) for each in chosen[chosen.index(check) + 1 :]) / whole
    if left < share / 2:
        return None
    return min(left, max(_MOST * share, left - later))
