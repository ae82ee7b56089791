"""Training curves as in He et al. 2015 (figures 1 and 6): thin training, bold mean or validation, a panel for each arm."""

from __future__ import annotations

from functools import partial

from resbench.report.figures.evidence import Evidence
from resbench.report.figures.figure import Figure
from resbench.report.figures.training_layout import is_recorded, lay_out
from resbench.report.figures.training_points import steps_of_point, training_points
from resbench.report.figures.training_sheet import Sheet, draw
from resbench.report.figures.training_words import alt_text, title


def figure(evidence: Evidence) -> Figure | None:
    """The figure, or None where most records have no curve, or no run trained."""
    if not is_recorded(evidence):
        return None
    layout = lay_out(evidence)
    points, outcomes = training_points(evidence, layout.lines)
    if "loss" not in points or points["epoch"].nunique() < 2:
        return None
    sheet = Sheet(layout, points, outcomes, evidence.chance)
    draws = [partial(draw, sheet, narrow) for narrow in (False, True)]
    caption = _caption(sheet, steps_of_point(evidence, layout.lines))
    alt = alt_text(layout, outcomes)
    return Figure("training", points, draws[0], caption, alt, title(evidence, layout, outcomes), draws[1])


def _caption(sheet: Sheet, steps: int) -> str:
    """How to read it, and what is not drawn."""
    text = f"Training loss in means of {steps} steps" + (": each seed thin, their mean bold." if sheet.seeds else ".")
    if sheet.validated:
        text = f"Thin: training loss in means of {steps} steps, of each seed and on average. Bold, with dots: validation loss."
    return " ".join([text, *sheet.layout.left_out])
