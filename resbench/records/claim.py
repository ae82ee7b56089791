"""A claim about the cells of a grid: which cells it compares. Shared by the reader of grid files and the report.

A claim is a mapping with `says` (the sentence), `compare` and `to` (values of the same axes), `at` (axes, or axes with
some of their values: one contrast for each combination, together one family), `on` (a metric), `expect` and `margin`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Cell = Mapping[str, Any]
EXPECTATIONS = ("lower", "higher", "not_lower", "not_higher", "equivalent")
# of these it has to be shown that there is no difference of the margin, of `not_higher` none upwards
AGAINST_MARGIN = ("not_lower", "not_higher", "equivalent")
# probe -> the metrics that it leaves, each one number a run; `probe.py` says how each is measured
PROBED: Mapping[str, tuple[str, ...]] = {
    "gradients": ("probe.gradient_ratio", "probe.gradient_ratio_end", "probe.gradient_decades", "probe.shattering"),
    "responses": ("probe.response_ratio",),
    "curvature": ("probe.sharpness",),
    "lesions": ("probe.lesion_mean",),
}
# metrics that are shares of images: margins and differences are told in percentage points
SHARES = ("test_error", "test_accuracy", "val_accuracy", "train_accuracy", "probe.lesion_mean")
_PROBES = tuple(itertools.chain.from_iterable(PROBED.values()))
METRICS = tuple(dict.fromkeys((*SHARES, "train_loss", "parameters", "flops", *_PROBES)))
MARGIN = 0.05  # points: five of 10,000 images


def among(value: Any, allowed: Sequence[Any]) -> bool:
    """Membership that tells 1 from true."""
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in allowed)


def matches(cell: Cell, values: Cell) -> bool:
    """Whether a cell has these values."""
    return all(path in cell and among(cell[path], [value]) for path, value in values.items())


def contrasts(
    claim: Mapping[str, Any], cells: Sequence[Cell]
) -> Iterator[tuple[dict[str, Any], list[Cell], list[Cell]]]:
    """For each combination of the `at` axes: its values, the cells of `compare`, and the cells of `to`.

    Both lists have one cell each where the claim is unambiguous; combinations without either have no entry.

    Args:
        claim: with `at` as a mapping from axis to its values, or to None for all of them.
        cells: of the grid, in its order.
    """
    at = claim["at"]
    seen: dict[str, dict[str, Any]] = {}
    for cell in cells:
        if all(values is None or among(cell[path], values) for path, values in at.items()):
            context = {path: cell[path] for path in at}
            seen.setdefault(repr(context), context)
    for context in seen.values():
        here = [cell for cell in cells if matches(cell, context)]
        ours = [cell for cell in here if matches(cell, claim["compare"])]
        theirs = [cell for cell in here if matches(cell, claim["to"])]
        if ours and theirs:
            yield context, ours, theirs
