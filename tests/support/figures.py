"""What tests look at in a figure as it is saved: sizes of letters, labels that overlap, bytes that are the same twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from matplotlib.text import Text

from resbench.report.document import Image
from resbench.report.figures.drawing import Canvas
from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.gallery import save_figures, settings


def drawn(figure: Figure) -> Canvas:
    """The figure as it is saved."""
    with settings():
        canvas = figure.draw()
        canvas.draw_without_rendering()
    return canvas


def overlapping(labels: Iterable[Text]) -> Iterator[tuple[str, str]]:
    """Pairs of visible labels that overlap."""
    visible = [label for label in labels if label.get_visible() and label.get_text()]
    boxes = [(label, label.get_window_extent()) for label in visible]
    for (left, a), (right, b) in itertools.combinations(boxes, 2):
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1:
            yield left.get_text(), right.get_text()


def letter_sizes(canvas: Canvas) -> Iterator[float]:
    """Of every label, in points."""
    for axes in canvas.axes:
        for label in (*axes.get_xticklabels(), *axes.get_yticklabels(), *axes.texts, axes.title, axes.xaxis.label):
            if label.get_text():
                yield float(label.get_fontsize())


def saved_twice(folder: Path, evidence: Evidence) -> list[Image]:
    """The figures, saved twice with the same bytes."""
    copies = []
    for name in ("first", "second"):
        (folder / name).mkdir()
        images = save_figures(folder / name, evidence)
        copies.append({path.name: path.read_bytes() for path in sorted((folder / name).iterdir())})
    assert copies[0] == copies[1]
    return images
