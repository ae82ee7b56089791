"""The test images that most runs miss, as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes

from resbench.records.pictures_file import Pixels
from resbench.report.figures.drawing import BAND, GREY, PALE, TINY, WIDE, Canvas, panels
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.marks import Spot, mark_field
from resbench.report.figures.styles import Arms, legend
from resbench.report.tables.hardest import Hardest

_COLUMNS = 8


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None where the images are not at hand."""
    images = evidence.hardest
    if images is None or not images.pictures:
        return None
    first = images.rows.iloc[0]
    alt = (
        f"{len(images.rows)} test images with what they are taken for; the hardest, a {int(first['label'])}, is taken for "
        f"{int(first['instead'])} and {100 * first['missed']:.0f} % of runs get it wrong."
    )
    draw = partial(_draw, images, evidence.few_arms)
    title = f"The {len(images.rows)} test images that most runs get wrong"
    return Figure("hardest", images.rows, draw, images.caption(drawn=True), alt, title)


def _draw(images: Hardest, arms: Arms) -> Canvas:
    rows = images.rows.to_dict("records")
    figure, grid = panels(len(rows), _COLUMNS, WIDE, 1.15 + 0.13 * max(len(images.arms), 1), 0.1)
    for axes, row in zip(grid, rows, strict=True):
        shares = [(row[name], arms.styles[name].color) for name in images.arms] or [(row["missed"], GREY)]
        _draw_image(axes, images.pictures[row["image"]].drawn, row, shares)
        mark_field(axes, (0, 0), (1, 1), _spot(row, [arms.words[name] for name in images.arms], shares), axes.transAxes)
    legend(figure, arms, False)
    return figure


def _spot(row: Mapping[Any, Any], names: Sequence[str], shares: Sequence[tuple[float, str]]) -> Spot:
    """What an image is, and how many runs miss it."""
    parts = [f"{name}: {100 * share:.0f} %" for name, (share, _) in zip(names, shares, strict=False)]
    missed = f"missed by {100 * row['missed']:.0f} % of runs"
    return Spot("\n".join([f"test image {row['image']}: a {row['label']}, taken for {row['instead']}", missed, *parts]))


def _draw_image(axes: Axes, image: Pixels | None, row: Mapping[Any, Any], shares: Sequence[tuple[float, str]]) -> None:
    """An image, and below it a bar for each share of runs that miss it."""
    if image is not None:
        axes.imshow(
            image, cmap="gray_r", vmin=0, vmax=255, interpolation="none"
        )  # its own pixels, which a page draws large
    axes.set_title(f"{row['label']} taken for {row['instead']}", fontsize=TINY, pad=3)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for side in axes.spines.values():
        side.set(visible=True, color=PALE)
    height = 0.15 * len(shares)
    below = axes.inset_axes((0, -0.04 - height, 1, height))
    below.barh(range(len(shares)), [1] * len(shares), height=0.62, color=BAND)
    for y, (share, color) in enumerate(shares):
        below.barh(y, share, height=0.62, color=color)
        below.text(1.03, y, f"{100 * share:.0f}", va="center", ha="left", fontsize=TINY)
    below.set(xlim=(0, 1), ylim=(len(shares) - 0.5, -0.5))
    below.axis("off")
