"""Figures of a study in the order of its page, saved as SVG and PNG: the same bytes for the same data."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib as mpl

from resbench.report.document import Image
from resbench.report.figures import (
    cost,
    curves,
    error,
    forest,
    gradient_flow,
    gradients,
    growth,
    hardest,
    heat_map,
    importance,
    interactions,
    layer_responses,
    lesions,
    power,
    predictions,
    search,
    specification,
    tradeoff,
    training,
    variance,
)
from resbench.report.figures.choice import choose
from resbench.report.figures.drawing import BLACK, GREY, PAPER, SIZE, Canvas
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.format import capitalised
from resbench.report.svg import as_file, compact
from resbench.report.theme import NEUTRALS

_SMALL = 28_000  # bytes of a form for narrow screens that a figure among the other views may add to a page

Builder: TypeAlias = Callable[[Evidence], Figure | None]  # None where a study has nothing to show in it
FIGURES: tuple[Builder, ...] = (  # every figure, in the order of the page
    error.figure,
    forest.figure,
    predictions.figure,
    interactions.figure,
    training.figure,
    curves.figure,
    heat_map.figure,
    specification.figure,
    variance.figure,
    tradeoff.figure,
    power.figure,
    gradients.figure,
    gradient_flow.figure,
    layer_responses.figure,
    lesions.figure,
    lesions.by_unit,
    growth.figure,
    hardest.figure,
    cost.throughput,
    cost.roofline,
    search.best,
    search.slices,
    importance.figure,
)

_SETTINGS: Any = {
    "svg.hashsalt": "resbench",
    "svg.fonttype": "path",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": SIZE,
    "text.color": BLACK,
    "hatch.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": BLACK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": BLACK,
    "ytick.labelcolor": BLACK,
    "grid.color": NEUTRALS["grid"].light,
    "axes.axisbelow": True,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "svg.image_inline": True,
}


@contextmanager
def settings() -> Iterator[None]:
    """The settings that figures are drawn and saved with, and no others."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for it; the page and the data have it
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


def save_figures(
    folder: Path, evidence: Evidence, prefix: str = "", builders: Sequence[Builder] = FIGURES
) -> list[Image]:
    """Write SVG and PNG of each figure that has something to show, in the order of the page.

    Args:
        prefix: of their names, where other studies have figures in the folder too.
        builders: of the figures that are wanted.
    """
    figures = [figure for build in builders if (figure := build(evidence))]
    ordered, opened = choose(evidence, figures)
    with settings():
        return [_save(folder, figure, figure.name in opened, prefix) for figure in ordered]


def _save(folder: Path, figure: Figure, opened: bool, prefix: str) -> Image:
    canvas, name = figure.draw(), f"{prefix}{figure.name}"
    svg = _svg(canvas)
    (folder / f"{name}.svg").write_text(as_file(svg, capitalised(figure.title)), encoding="utf-8", newline="\n")
    path = folder / f"{name}.png"
    canvas.savefig(path, dpi=160, metadata={"Software": None})
    narrow = figure.narrow() if figure.narrow else None
    narrow_svg = _svg(narrow) if narrow else ""
    if not opened and len(narrow_svg) >= _SMALL:
        narrow, narrow_svg = None, ""
    return Image(
        name,
        svg,
        figure.alt,
        figure.caption,
        figure.points,
        path.read_bytes(),
        capitalised(figure.title),
        narrow_svg,
        opened,
        marks=list(canvas.marks()),
        narrow_marks=list(narrow.marks()) if narrow else [],
    )


def _svg(canvas: Canvas) -> str:
    """The figure as an SVG without a background."""
    _fix_layout(canvas)
    svg = io.BytesIO()
    canvas.savefig(svg, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return compact(svg.getvalue().decode("utf-8"))


def _fix_layout(canvas: Canvas) -> None:
    """Lay the figure out, and round its places: a last digit that processors differ in would change names in the file."""
    canvas.draw_without_rendering()
    canvas.set_layout_engine(None)  # even for the engine "none" each file would be drawn twice
    for axes in canvas.axes:
        left, bottom, width, height = (round(side, 6) for side in axes.get_position(original=True).bounds)
        axes.set_position((left, bottom, width, height))
