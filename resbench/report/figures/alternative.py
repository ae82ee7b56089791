"""What a figure shows, in a sentence or two, for those who cannot see it; from the data that it plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from resbench.report.figures.drawing import leaf
from resbench.report.verdicts import Verdict
from resbench.report.wording import signed, summary


def judged(verdicts: Sequence[Verdict]) -> str:
    """The verdicts, a sentence each."""
    told = [summary(one) for one in verdicts if one.contrasts]
    return " ".join(f"{text[:1].upper()}{text[1:].rstrip('.')}." for text in told)


def alternative(name: str, points: pd.DataFrame) -> str:
    """Alternative text of the figure of that name, without verdicts."""
    return _TEXTS[name](points)


def _forest(points: pd.DataFrame) -> str:
    rows = points[points["kind"] == "difference"]
    lost = int((points["kind"] == "none").sum())
    text = f"Differences with their intervals: {len(rows)}; {_signs(rows)}"
    return text + (f"; without a difference: {lost}." if lost else ".")


def _interactions(points: pd.DataFrame) -> str:
    return f"Mean test error by {'; '.join(dict.fromkeys(points['panel']))}."


def _heat_map(points: pd.DataFrame) -> str:
    told = points[points["kind"] == "difference"]["difference"].astype(float)
    errors = points["error"].astype(float)
    lost = int((points["diverged"].astype(int) > 0).sum())
    text = f"Grid of {len(points)} cells. "
    if len(told):
        text += f"Differences to the baseline from {signed(told.min())} to {signed(told.max())} points"
    else:
        text += f"Test errors from {errors.min():.2f} to {errors.max():.2f} %"
    return text + (f"; runs diverged in {lost} cells." if lost else ".")


def _specification(points: pd.DataFrame) -> str:
    there = points[points["difference"].notna()]
    return f"Differences to the baseline in order: {len(there)}; {_signs(there)}."


def _signs(rows: pd.DataFrame) -> str:
    below = int((rows["high"].astype(float) < 0).sum())
    above = int((rows["low"].astype(float) > 0).sum())
    return f"intervals below zero: {below}, above: {above}, that reach it or are not known: {len(rows) - below - above}"


def _variance(points: pd.DataFrame) -> str:
    told = [
        f"{' × '.join(map(leaf, row['term'].split(' x ')))} {100 * max(0.0, row['share']):.0f} %"
        for row in points.to_dict("records")[:4]
    ]
    left = points.loc[points["kind"] == "residual", "share"]
    rest = f"; residual {100 * float(left.iloc[0]):.0f} %" if len(left) and len(points) > 4 else ""
    return f"Shares of the variation of the test error: {', '.join(told)}{rest}."


def _power(points: pd.DataFrame) -> str:
    here = points[points["target"] == "these images"]
    few, many = here.iloc[0], here.iloc[-1]
    return (
        f"Least that is found on these images: {few['difference']:.2g} points with {few['seeds']:.0f} seeds, "
        f"{many['difference']:.2g} with {many['seeds']:.0f}."
    )


def _hardest(points: pd.DataFrame) -> str:
    first = points.iloc[0]
    return (
        f"{len(points)} test images with what they are taken for; the hardest, a {int(first['label'])}, is taken for "
        f"{int(first['instead'])} and missed by {100 * first['missed']:.0f} % of runs."
    )


def _gradients(points: pd.DataFrame) -> str:
    values = points["gradient"].astype(float)
    there, panels = values[values > 0], points["panel"].nunique()
    return (
        f"Heat maps of {panels} cells, layer by epoch: gradients relative to the weights from {there.min():.1g} to "
        f"{there.max():.1g}."
    )


def _gradient_flow(points: pd.DataFrame) -> str:
    start = points[(points["panel"] == "start") & (points["kind"] == "mean") & points["value"].notna()]
    told = [
        f"{_of_line(line)} {line['value'].iloc[0]:.1g} and {line['value'].iloc[-1]:.1g}"
        for line in _lines(start)[:_MOST]
    ]
    return f"Relative gradients of the first and the last layer at initialisation: {'; '.join(told)}."


def _responses(points: pd.DataFrame) -> str:
    lines = _lines(points[(points["panel"] == "order") & (points["kind"] == "mean") & points["value"].notna()])
    told = [f"{_of_line(line)} {line['value'].min():.2g} to {line['value'].max():.2g}" for line in lines[:_MOST]]
    return f"Standard deviation of the layers' responses: {'; '.join(told)}."


def _lesions(points: pd.DataFrame) -> str:
    lines = _lines(points[(points["panel"] == "single") & (points["kind"] == "mean") & points["value"].notna()])
    told = [
        f"{_of_line(line)} {signed(line['value'].min())} to {signed(line['value'].max())}" for line in lines[:_MOST]
    ]
    text = "Rise of the test error in points with one unit removed, least and most over the units"
    return f"{text}: {'; '.join(told)}." if told else "No unit could be removed."


def _growth(points: pd.DataFrame) -> str:
    ends = [line.iloc[-1] for line in _lines(points)[:_MOST]]
    told = [f"{_of_line(points.loc[[end.name]])} {end['error']:.2f} % after {end['flops']:.2g} FLOPs" for end in ends]
    return f"Error against the work of training; at the end {'; '.join(told)}."


_MOST = 8  # lines that are told


def _lines(points: pd.DataFrame) -> list[pd.DataFrame]:
    return [line for _, line in points.groupby(["row", "arm"], sort=False)]


def _of_line(line: pd.DataFrame) -> str:
    return " ".join(filter(None, (str(line["row"].iloc[0]), str(line["arm"].iloc[0]))))


def _best(points: pd.DataFrame) -> str:
    least = points.groupby("arm", sort=False)["best"].min()
    told = ", ".join(f"{arm} {error:.2f} %" for arm, error in least.items())
    return f"Least validation error so far by trial; in the end {told}."


def _importance(points: pd.DataFrame) -> str:
    arms: dict[str, list[str]] = {}
    for row in points.to_dict("records"):
        arms.setdefault(row["arm"], []).append(f"{leaf(row['setting'])} {row['importance']:.2f}")
    told = "; ".join(f"{arm}: {', '.join(shares)}" for arm, shares in arms.items())
    return f"Importance of each searched setting; {told}."


_TEXTS: dict[str, Callable[[pd.DataFrame], str]] = {
    "error": lambda points: "",
    "forest": _forest,
    "interactions": _interactions,
    "curves": lambda points: "Training and validation error of each cell by epoch.",
    "heat-map": _heat_map,
    "specification": _specification,
    "variance": _variance,
    "tradeoff": lambda points: "Test error of each cell against the FLOPs and the seconds of its training.",
    "power": _power,
    "gradients": _gradients,
    "gradient-flow": _gradient_flow,
    "responses": _responses,
    "lesions": _lesions,
    "growth": _growth,
    "hardest": _hardest,
    "throughput": lambda points: "Training throughput of each cell.",
    "roofline": lambda points: "Training speed of each cell under the roofline of the machine.",
    "best-so-far": _best,
    "slices": lambda points: f"Validation error of every trial against {', '.join(dict.fromkeys(points['setting']))}.",
    "importance": _importance,
}
