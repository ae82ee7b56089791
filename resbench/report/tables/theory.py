"""What theories predict next to ours."""

from __future__ import annotations

from collections.abc import Sequence

from resbench.report.document import Table
from resbench.report.labels import Labels
from resbench.report.theory import TheoryVerdict
from resbench.report.wording.theory import measured_text, predicted_text

_HEAD = ["prediction", "source", "formula", "at", "of", "predicted", "ours", "runs", "verdict", "because"]
_MEANING = (
    "Ours: mean over seeds with its interval (95 %, Student), each row for itself; a power or a factor along an axis is fitted "
    "for each seed; a deviation is that between seeds over that of networks that miss each image independently, over all "
    "cells together. As predicted: the whole interval lies within the margin that the grid file allows; not as predicted: "
    "none of it does. Shares in percent."
)


def theory_table(verdicts: Sequence[TheoryVerdict], labels: Labels) -> Table | None:
    """A row per prediction and cell of ours, with a verdict and its reason; None without any."""
    rows = [_row(one, labels) for one in verdicts]
    return Table(_HEAD, rows, _MEANING) if rows else None


def _row(one: TheoryVerdict, labels: Labels) -> list[str]:
    said = one.prediction
    where = labels.cell(one.cell) if one.cell else "all cells"
    row = [said.says, said.source, said.formula, where, _of(one, labels), predicted_text(one), measured_text(one)]
    return [*row, str(one.seeds), one.verdict, one.because]


def _of(one: TheoryVerdict, labels: Labels) -> str:
    """What the value is of."""
    said = one.prediction
    if said.of == "deviation":
        return "deviation over seeds, as a multiple"
    for axis, law in said.along.items():
        name = labels.name(axis)
        return f"{said.metric.words}: {'exponent' if law == 'power' else 'factor a step'} along {name}"
    return said.metric.words
