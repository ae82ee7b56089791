"""What a theory predicts of cells, stated in a grid file next to claims and published numbers."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from resbench.core.cell import Value
from resbench.core.config import one_of, refuse
from resbench.records.metrics import METRICS, Metric
from resbench.records.part import Number, Part

Expected = Literal["equal", "at_least", "at_most"]
EXPECTED: tuple[Expected, ...] = get_args(Expected)
Law = Literal["power", "exponential"]
LAWS: tuple[Law, ...] = get_args(Law)
Statistic = Literal["mean", "deviation"]
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)
LEAST_POINTS = 3  # of an axis, for a law along it
OF_ERRORS = "deviation is of test_error or test_accuracy, and not along an axis"


class Prediction(Part):
    """A number that a theory predicts.

    Attributes:
        says: the prediction in words.
        formula: of the value, as the page shows it.
        on: the metric.
        at: the cells that it speaks of.
        value: in the unit of the metric, accuracies and errors as fractions; with `along` an exponent or a factor; with
            `of: deviation` a ratio.
        margin: by how much the truth may differ and the theory still hold, in the unit of the value: formulas hold in a limit.
        expect: equal, at_least or at_most: on which sides of the value the theory speaks.
        along: an axis and a law: `power`, the value is b of metric ~ axis^b; `exponential`, it is f of metric ~ f^axis.
        of: mean over seeds, or deviation between them over that of networks that miss each image independently.
        differs: why ours cannot be compared with it, if they cannot.
    """

    says: str
    source: str
    formula: str
    on: Annotated[str, one_of(METRICS)]
    at: dict[str, Value]
    value: Number
    margin: Annotated[Number, Field(ge=0)]
    expect: Expected = "equal"
    along: dict[str, Law] = Field(default_factory=dict, max_length=1)
    of: Statistic = "mean"
    differs: str | None = None

    @property
    def metric(self) -> Metric:
        return METRICS[self.on]

    @property
    def shows_percent(self) -> bool:
        """Whether the value is a share, and no exponent, factor or ratio."""
        return self.metric.proportion and self.of == "mean" and not self.along

    @property
    def band(self) -> tuple[float, float]:
        """The values with which the theory holds."""
        low = float("-inf") if self.expect == "at_most" else self.value - self.margin
        high = float("inf") if self.expect == "at_least" else self.value + self.margin
        return low, high

    @model_validator(mode="after")
    def _one_kind(self) -> Prediction:
        if self.of == "deviation" and (self.along or not self.metric.by_image):
            raise refuse("theory.of", OF_ERRORS)
        return self
