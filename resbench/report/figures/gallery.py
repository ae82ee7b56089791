"""Figures of a study in the order of its page, saved as SVG, PNG and CSV: the same bytes for the same data."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from resbench.report.document import Block, Image, Paragraph, csv_text
from resbench.report.figures.alternative import alternative, judged
from resbench.report.figures.cost import draw_cost, draw_roofline, draw_tradeoff
from resbench.report.figures.curves import draw_curves
from resbench.report.figures.drawing import Drawn
from resbench.report.figures.error import draw_error
from resbench.report.figures.forest import draw_forest
from resbench.report.figures.gradient_flow import draw_gradient_flow
from resbench.report.figures.gradients import draw_gradients
from resbench.report.figures.growth import draw_growth
from resbench.report.figures.hardest import Hardest, draw_hardest, hardest, hardest_table
from resbench.report.figures.heat_map import draw_heat_map
from resbench.report.figures.interactions import draw_interactions
from resbench.report.figures.layer_responses import draw_responses
from resbench.report.figures.lesions import draw_lesions
from resbench.report.figures.power import draw_power, power_table
from resbench.report.figures.search import draw_best, draw_importance, draw_slices
from resbench.report.figures.specification import draw_specification
from resbench.report.figures.styles import Arms, follows, hues_of
from resbench.report.figures.variance import Factors, draw_shares, factor_table, factors_of
from resbench.report.study import Study
from resbench.report.tables.probes import probe_table
from resbench.report.tables.search import Trials
from resbench.report.verdicts import Verdict

RC: Any = {
    "svg.hashsalt": "resbench",
    "svg.fonttype": "path",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "hatch.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "axes.axisbelow": True,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


class Figures:
    """Draws a study.

    Args:
        study: its runs and records.
        frame: as `cells.cells` returns.
        verdicts: as `claims.judge` returns.
        compared: as `cells.comparisons` returns; empty without a baseline.

    Attributes:
        factors, hardest: what figures and tables share.
    """

    def __init__(
        self, study: Study, frame: pd.DataFrame, verdicts: Sequence[Verdict] = (), compared: pd.DataFrame | None = None
    ) -> None:
        self.study = study
        self.frame = frame
        self.verdicts = verdicts
        self.compared = pd.DataFrame() if compared is None else compared
        axes = study.axes
        self.x = "model.depth" if "model.depth" in axes else axes[0] if axes else None
        self.along = [axis for axis in axes if axis != self.x and follows(frame, axis, self.x)]
        self.arms = Arms(frame, [axis for axis in axes if axis != self.x and axis not in self.along], study.baseline)
        self.factors: Factors = factors_of(study)
        self.hardest: Hardest | None = hardest(study, frame, self.arms)

    def save(self, folder: Path, alt: str) -> list[Image]:
        """Write SVG, PNG and CSV of each figure that has something to show, in the order of the page.

        Args:
            alt: alternative text of the main figure; the verdicts follow, as they do in others that show them.
        """
        study, frame, x, arms = self.study, self.frame, self.x, self.arms
        verdicts = judged(self.verdicts)
        figures: dict[str, Callable[[], Drawn | None]] = {
            "error": lambda: draw_error(study, frame, x, arms, self.along),
            "forest": lambda: draw_forest(study, self.verdicts, self.compared, hues_of(arms, frame, study.baseline)),
            "interactions": lambda: draw_interactions(self.factors, frame, study.baseline),
            "curves": lambda: draw_curves(study, x, arms),
            "heat-map": lambda: draw_heat_map(study, frame, self.compared, x),
            "specification": lambda: draw_specification(study, self.compared),
            "variance": lambda: draw_shares(self.factors),
            "tradeoff": lambda: draw_tradeoff(study, arms, x),
            "power": lambda: draw_power(self.verdicts, self.compared),
            "gradients": lambda: draw_gradients(study, frame),
            "gradient-flow": lambda: draw_gradient_flow(study, frame),
            "responses": lambda: draw_responses(study, frame),
            "lesions": lambda: draw_lesions(study, frame),
            "growth": lambda: draw_growth(study, frame),
            "hardest": lambda: draw_hardest(self.hardest),
        }
        before = {"error": alt}
        after = dict.fromkeys(("error", "forest", "heat-map", "power"), verdicts)
        return _save_all(folder, figures, before, after)

    def sections(self) -> list[tuple[str, list[Block | None]]]:
        """Tables that go with the figures, by heading: what the axes do and why, what could be found, the hardest images."""
        factors: Block | None = factor_table(self.factors)
        reason = self.factors.reason
        if factors is None and len(self.frame) > 1 and self.frame["seeds_ok"].any():
            factors = Paragraph(f"There is no analysis of variance: {reason[:1].lower()}{reason[1:]}")
        return [
            ("What the axes do", [factors]),
            ("Why it trains", [probe_table(self.study)]),
            ("What could be found", [power_table(self.verdicts)]),
            ("Hardest images", [hardest_table(self.hardest)]),
        ]

    def save_cost(self, folder: Path, measured: pd.DataFrame) -> list[Image]:
        """The same for what `resbench bench` measured.

        Args:
            measured: as `cost.cost_frame` returns.
        """
        figures: dict[str, Callable[[], Drawn | None]] = {
            "throughput": lambda: draw_cost(measured, self.x, self.arms),
            "roofline": lambda: draw_roofline(measured, self.x, self.arms),
        }
        return _save_all(folder, figures, {}, {})

    def save_search(self, folder: Path, trials: Trials) -> list[Image]:
        """The same for the trials of `resbench tune`."""
        figures: dict[str, Callable[[], Drawn | None]] = {
            "best-so-far": lambda: draw_best(trials),
            "slices": lambda: draw_slices(trials),
            "importance": lambda: draw_importance(trials),
        }
        return _save_all(folder, figures, {}, {})


def _save_all(
    folder: Path, figures: Mapping[str, Callable[[], Drawn | None]], before: Mapping[str, str], after: Mapping[str, str]
) -> list[Image]:
    """Save what draws something, under this module's settings and no others."""
    out = []
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for it; the page and the data have it
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        for name, draw in figures.items():
            if drawn := draw():
                figure, plotted, caption = drawn
                told = (before.get(name, ""), alternative(name, plotted), after.get(name, ""))
                out.append(_save(folder, name, figure, plotted, " ".join(filter(None, told)), caption))
    return out


def _settle(figure: Figure) -> None:
    """Lay the figure out, and round its places: a last digit that processors differ in would change names in the file."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = (round(side, 6) for side in axes.get_position(original=True).bounds)
        axes.set_position((left, bottom, width, height))


def _save(folder: Path, name: str, figure: Figure, plotted: pd.DataFrame, alt: str, caption: str) -> Image:
    _settle(figure)
    svg = io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    (folder / f"{name}.svg").write_bytes(svg.getvalue())
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=160, metadata={"Software": None})
    (folder / f"{name}.csv").write_text(csv_text(plotted), encoding="utf-8")
    return Image(name, svg.getvalue(), alt, caption, plotted, path.read_bytes())
