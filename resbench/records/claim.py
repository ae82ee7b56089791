"""What a grid file expects of its answers: claims, published numbers to set against ours, and a target to reach."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field

from resbench.core.cell import Cell, Value, contains, matches
from resbench.core.config import one_of, refuse
from resbench.records.metrics import METRICS, Metric
from resbench.records.part import AS_GIVEN, Number, Part

EXPECTATIONS = ("lower", "higher", "not_lower", "not_higher", "equivalent")
# to support these it must be shown that there is no difference of the margin; for `not_higher`, none upwards
AGAINST_MARGIN = ("not_lower", "not_higher", "equivalent")
DEFAULT_MARGIN = 0.05  # points: five of 10,000 images
_MIRRORED = {"lower": "higher", "higher": "lower", "not_lower": "not_higher", "not_higher": "not_lower"}


class ClaimedCells(NamedTuple):
    """One comparison of a claim.

    Attributes:
        context: the values of the `at` axes.
        compare, to: the cells on either side; one each where the claim is unambiguous.
    """

    context: Cell
    compare: list[Cell]
    to: list[Cell]


class ClaimedInteraction(NamedTuple):
    """One comparison of a claim with `between`: the difference at the first values less that at the second.

    Attributes:
        context: the values of the `at` axes.
        first, second: the cells of each difference; `context` has the values of the `between` axes.
    """

    context: Cell
    first: ClaimedCells
    second: ClaimedCells

    @property
    def sides(self) -> list[list[Cell]]:
        """The cells of compare and to, of the first difference and of the second."""
        return [self.first.compare, self.first.to, self.second.compare, self.second.to]


Idle = Sequence[Collection[str]]


def _inside(cells: Sequence[Cell], context: Cell) -> list[Cell]:
    return [cell for cell in cells if matches(cell, context)]


def _without(cell: Cell, fields: Collection[str]) -> Cell:
    return {path: value for path, value in cell.items() if path not in fields}


def default_margin(on: object) -> float:
    """The smallest difference that matters, where a claim on this metric does not say."""
    metric = METRICS.get(on) if isinstance(on, str) else None
    return DEFAULT_MARGIN if metric and metric.proportion else 0.0


def _at(value: Any) -> Any:
    """Axis -> values, or None for all, from a list of axes or from single values."""
    if isinstance(value, list) and all(isinstance(path, str) for path in value):
        return dict.fromkeys(value)
    if not isinstance(value, dict):
        return value
    return {path: values if isinstance(values, list | None) else [values] for path, values in value.items()}


def _between(value: dict[str, list[Value]]) -> dict[str, list[Value]]:
    """Axis -> two values or more, as many of each axis."""
    for path, values in value.items():
        if len(values) < 2:
            raise refuse("between", f"{path}: {values} should be two values or more, of which the last is subtracted")
    if len({len(values) for values in value.values()}) > 1:
        counts = ", ".join(f"{path} has {len(values)}" for path, values in value.items())
        raise refuse("between", f"its axes need lists of one length, but {counts}")
    return value


class Claim(Part):
    """A statement about the cells of a grid.

    Example:
        >>> claim = resbench.Claim(
        ...     says="shortcuts help",
        ...     compare={"model.shortcut": "identity"},
        ...     to={"model.shortcut": "none"},
        ...     expect="lower",
        ... )
        >>> claim.on, claim.metric.unit
        ('test_error', 'points')

    Attributes:
        says: the sentence.
        compare, to: values of the same axes; the difference is that of `compare` minus that of `to`.
        at: axes, each with the values that count, or None for all: one comparison for each combination, together one
            family. It may be given as a list of axes; a grid fills in every other axis where it is not given.
        between: of a claim on an interaction: axes, each with two values. The difference of `compare` and `to` at the
            first value less that at the second is judged. Of more values, each is set against the last.
        on: the metric.
        expect: what is expected of the difference, one of `EXPECTATIONS`.
        margin: the smallest difference that matters; in percentage points for shares of images.
    """

    says: str
    compare: dict[str, Value]
    to: dict[str, Value]
    at: Annotated[dict[str, list[Value] | None], BeforeValidator(_at)] = Field(default_factory=dict)
    between: Annotated[dict[str, list[Value]], AfterValidator(_between)] = Field(default_factory=dict)
    on: Annotated[str, one_of(METRICS)] = "test_error"
    expect: Annotated[str, one_of(EXPECTATIONS)]
    margin: Annotated[float, Field(ge=0, lt=1e12), AS_GIVEN] = Field(
        default_factory=lambda values: default_margin(values.get("on"))
    )
    source: str = ""

    @property
    def metric(self) -> Metric:
        return METRICS[self.on]

    @property
    def against_margin(self) -> bool:
        return self.expect in AGAINST_MARGIN

    @property
    def direction(self) -> str:
        """What is expected of the difference as it is computed: test accuracy is compared by its errors."""
        return _MIRRORED.get(self.expect, self.expect) if self.metric.compared_as else self.expect

    def statement(self, axes: Sequence[str] | None = None) -> str:
        """What is claimed, without the words, as text that differs where it does.

        Args:
            axes: of the study; others are left out where all of their values count.
        """
        at = {path: values for path, values in self.at.items() if axes is None or values is not None or path in axes}
        cells = [sorted(self.compare.items()), sorted(self.to.items())]
        between = [sorted(self.between.items())] if self.between else []
        rest = [sorted(at.items()), self.on, self.expect, float(self.margin), *between]
        return json.dumps([*cells, *rest], ensure_ascii=False)

    @classmethod
    def of_statement(cls, text: str) -> Claim:
        """The claim that a `statement` is of, without its words.

        Raises:
            ValueError: it is of none.
        """
        try:
            compare, to, at, on, expect, margin, *between = json.loads(text)
            said = {"says": "", "compare": dict(compare), "to": dict(to), "at": dict(at)}
            said |= {"between": dict(between[0])} if between else {}
        except (TypeError, RecursionError) as error:
            raise ValueError(str(error)) from None
        return cls.from_json(said | {"on": on, "expect": expect, "margin": margin})

    def comparisons(self, cells: Sequence[Cell], idle: Idle = ()) -> Iterator[ClaimedCells]:
        """The comparisons that these cells allow; combinations that lack a side have none.

        Args:
            cells: of the grid, in its order.
            idle: for each of them, the axes that do not act there: it stands for all of their values.
        """
        return (one for one in self._contexts(cells, idle) if one.compare and one.to)

    def interactions(self, cells: Sequence[Cell], idle: Idle = ()) -> Iterator[ClaimedInteraction]:
        """As `comparisons`, of a claim with `between`."""
        return (one for one in self._interactions(cells, idle) if all(one.sides))

    def _interactions(self, cells: Sequence[Cell], idle: Idle) -> Iterator[ClaimedInteraction]:
        for first, second in self.pairs_between():
            ours, theirs = (self._contexts_at(values, cells, idle) for values in (first, second))
            for key in dict.fromkeys([*ours, *theirs]):
                known = (ours.get(key) or theirs[key]).context
                context = {path: known[path] for path in self.at}
                minuend = ours.get(key, ClaimedCells({**context, **first}, [], []))
                yield ClaimedInteraction(context, minuend, theirs.get(key, ClaimedCells({**context, **second}, [], [])))

    def pairs_between(self) -> list[tuple[Cell, Cell]]:
        """The values of the `between` axes at which the two differences of each comparison are."""
        points: list[Cell] = [
            dict(zip(self.between, values, strict=True)) for values in zip(*self.between.values(), strict=True)
        ]
        return [(point, points[-1]) for point in points[:-1]]

    def _contexts_at(self, values: Cell, cells: Sequence[Cell], idle: Idle) -> dict[str, ClaimedCells]:
        """The difference at these values of the `between` axes, by the values of the `at` axes."""
        at = {**self.at, **{path: [value] for path, value in values.items()}}
        found = self.model_copy(update={"at": at, "between": {}})._contexts(cells, idle)
        return {repr([one.context[path] for path in self.at]): one for one in found}

    def unpaired(self, cells: Sequence[Cell], idle: Idle = ()) -> list[Cell]:
        """The combinations that lack a side, and so are not compared."""
        if self.between:
            some = (one for one in self._interactions(cells, idle) if any(one.sides) and not all(one.sides))
            return [{**one.context, **one.first.context} for one in some]
        return [one.context for one in self._contexts(cells, idle) if bool(one.compare) != bool(one.to)]

    def _contexts(self, cells: Sequence[Cell], idle: Idle) -> Iterator[ClaimedCells]:
        contexts: dict[str, dict[str, Value]] = {}
        for cell in cells:
            if all(values is None or contains(values, cell[path]) for path, values in self.at.items()):
                context = {path: cell[path] for path in self.at}
                contexts.setdefault(repr(context), context)
        for context in contexts.values():
            compare = _inside([cell for cell in cells if matches(cell, self.compare)], context)
            to = _inside([cell for cell in cells if matches(cell, self.to)], context)
            if idle and bool(compare) != bool(to):
                loose = [_without(cell, fields) for cell, fields in zip(cells, idle, strict=True)]
                compare = compare or self._stand_in(self.compare, context, cells, loose)
                to = to or self._stand_in(self.to, context, cells, loose)
            yield ClaimedCells(context, compare, to)

    def _stand_in(self, side: Cell, context: Cell, cells: Sequence[Cell], loose: Sequence[Cell]) -> list[Cell]:
        """The first cell of a side that agrees with the context in all that acts there."""
        return [
            cell
            for cell, acting in zip(cells, loose, strict=True)
            if matches(cell, side) and matches(acting, {path: context[path] for path in context if path in acting})
        ][:1]


class Published(Part):
    """A number of a paper.

    Attributes:
        at: the cells of ours that it speaks of.
        value: accuracies and errors as fractions.
        runs: that the value is the mean of.
        differs: why ours cannot be compared with it, if they cannot.
    """

    source: str
    on: Annotated[str, one_of(METRICS)]
    at: dict[str, Value]
    value: Number
    runs: Annotated[int, Field(ge=1)] = 1
    differs: str | None = None

    @property
    def metric(self) -> Metric:
        return METRICS[self.on]


class Target(Part):
    """An accuracy whose cheapest cell is looked for.

    Attributes:
        test_accuracy: as a fraction.
        training_flops: what the published training took.
        confirm: fresh seeds on which the cell is judged that the seeds of the grid choose, their number or a list;
            None to judge every cell on the seeds of the grid.
    """

    test_accuracy: Annotated[float, Field(ge=0, le=1), AS_GIVEN]
    training_flops: Annotated[Number, Field(gt=0)] | None = None
    source: str = ""
    confirm: Annotated[int, Field(ge=1)] | list[Annotated[int, Field(ge=0)]] | None = None

    def fresh_seeds(self, seeds: Collection[int]) -> list[int]:
        """The seeds to confirm on: those that are listed, or as many as that after the highest of the grid's."""
        if isinstance(self.confirm, list):
            return self.confirm
        first = max(seeds, default=-1) + 1
        return list(range(first, first + (self.confirm or 0)))
