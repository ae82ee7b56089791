"""What each axis of a grid does, alone and with each other axis: frame in, frame and a remark out.

Nothing here raises on a grid that cannot be analysed or warns about one that is awkward: the frame is then empty, or
shorter, and the remark says why in a sentence for the report.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from resbench.core.lazy import lazy
from resbench.core.text import show
from resbench.report.statistics.linear import Factor, Matrix, Model, Term

if TYPE_CHECKING:
    from scipy import special
else:
    special = lazy("scipy.special")


SEED = "seed"
MAX_COLUMNS = 600  # of the design: beyond, interactions take minutes and no one reads them
MIN_DF = 3  # of the residual: with fewer, no F that could come out means anything
ANOVA_COLUMNS = ["scale", "term", "df", "sum_sq", "F", "p", "eta2", "omega2", "partial_omega2"]


class Analysis(NamedTuple):
    """A table and what there is to say about it.

    Attributes:
        table: empty, with its columns, if there is nothing to show.
        remark: why it is empty, or what it leaves out; empty if there is nothing to say.
    """

    table: pd.DataFrame
    remark: str

    def rounded(self) -> Analysis:
        """The same to 7 significant digits: of what linear algebra gives, the last ones differ between processors."""
        table = self.table.copy()
        for name in table.select_dtypes("float"):
            table[name] = [float(f"{value:.7g}") for value in table[name]]
        return Analysis(table, self.remark)


@dataclass(frozen=True)
class _Grid:
    model: Model
    scale: Matrix  # what the centred responses were divided by, (responses,)
    remarks: list[str]


def anova(frame: pd.DataFrame, axes: Sequence[str], response: str, seed: str | None = SEED) -> Analysis:
    """Type II analysis of variance: main effects, two-way interactions, and the seed as a block.

    Args:
        frame: one row per run that ended well; rows without a response are left out.
        axes: columns of any type and name; those with a single value take no part.
        response: an error, or another number; also analysed as its square root where none is negative, because
            the variance of an error grows with the error and that of its root does not.
        seed: column of the seed, which all cells share; None for runs that share nothing.

    Returns:
        For each `scale` ("as measured", "square root"): a row per term ("a", "a x b", the seed, "residual") with
        `df`, `sum_sq`, `F`, `p`; `eta2`, the share of all variation, of the residual too; `omega2` and
        `partial_omega2`, the same and the share of what other terms leave, without the bias that chance adds. The
        interaction of depth and shortcut, whether depth hurts less with shortcuts, comes first where there is one.
    """
    responses = [response]
    if response in frame and not (pd.to_numeric(frame[response], errors="coerce") < 0).any():
        responses.append("square root")
    grid = _grid(frame, axes, response, seed, root=len(responses) > 1)
    if isinstance(grid, str):
        return Analysis(pd.DataFrame(columns=ANOVA_COLUMNS), grid)
    model, remarks = grid.model, list(grid.remarks)
    effects = {term: model.type_two(term) for term in _order(model.terms, seed)}
    rows: list[dict[str, Any]] = []
    df_residual = len(model.y) - model.full.rank
    for i, name in enumerate(("as measured", "square root")[: len(responses)]):
        left = float(model.total[i] - model.full.explained[i])
        unit = float(grid.scale[i]) ** 2
        for term, (squares, df) in effects.items():
            if df > 0:
                effect = _effect(
                    max(0.0, float(squares[i])), df, left, df_residual, float(model.total[i]), len(model.y)
                )
                rows.append({"scale": name, "term": " x ".join(term)} | effect | {"sum_sq": float(squares[i]) * unit})
        share = left / float(model.total[i])
        rows.append({"scale": name, "term": "residual", "df": df_residual, "sum_sq": left * unit, "eta2": share})
    remarks += _gaps({term: df for term, (_, df) in effects.items()}, model)
    return Analysis(pd.DataFrame(rows, columns=ANOVA_COLUMNS), sentences(remarks))


def _grid(frame: pd.DataFrame, axes: Sequence[str], response: str, seed: str | None, root: bool) -> _Grid | str:
    """The model of a frame with as many interactions as it bears, or why there is none."""
    missing = [name for name in [*axes, response, *([seed] if seed else [])] if name not in frame]
    if missing:
        return _sentence(f"there is no {words(missing)} in the runs")
    y = pd.to_numeric(frame[response], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(y)
    y, rows = y[known], frame[known]
    columns = {name: _factor(rows[name]) for name in [*axes, *([seed] if seed else [])]}
    flat = [axis for axis in axes if columns[axis].levels < 2]
    factors = {name: factor for name, factor in columns.items() if factor.levels > 1}
    if problem := _problem(y, [axis for axis in axes if axis in factors], seed, factors, response):
        return _sentence(problem)
    responses = np.column_stack([y, np.sqrt(y)] if root else [y])
    centre, scale = responses.mean(axis=0), responses.std(axis=0)
    model, remarks = _model(factors, [axis for axis in axes if axis in factors], (responses - centre) / scale)
    if aliased := _aliased(model):
        return _sentence(f"the effects of {words(aliased)} cannot be separated, as they always change together")
    df = len(y) - model.full.rank
    if df < MIN_DF:
        return _sentence(f"too few seeds: {len(y)} runs leave {max(df, 0)} degrees of freedom to measure noise with")
    if ((model.total - model.full.explained) < 1e-10 * model.total).any():
        return _sentence("the runs of a cell do not differ, so there is no noise to compare the effects with")
    if flat:
        remarks.insert(
            0, f"{words(flat)} {_has(flat)} a single value and {'take' if len(flat) > 1 else 'takes'} no part"
        )
    return _Grid(model, scale, remarks)


def _problem(
    y: Matrix, varying: Sequence[str], seed: str | None, factors: dict[str, Factor], response: str
) -> str | None:
    if len(y) == 0:
        return f"no run has a value of {response}"
    if not varying:
        return "no axis has two values, so there is nothing to compare"
    if seed and seed not in factors:
        return "one seed per cell, so nothing tells an effect from noise"
    if np.ptp(y) <= 1e-12 * max(1e-300, float(np.abs(y).max())):
        return f"all runs have the same {response}"
    return None


def _model(factors: dict[str, Factor], axes: Sequence[str], y: Matrix) -> tuple[Model, list[str]]:
    """With all two-way interactions of the axes, or with none if they are too many for the runs or for the reader."""
    pairs = list(itertools.combinations(axes, 2))
    width = 1 + sum(factor.levels - 1 for factor in factors.values())
    width += sum((factors[a].levels - 1) * (factors[b].levels - 1) for a, b in pairs)
    if pairs and width > MAX_COLUMNS:
        return Model(factors, [], y), [f"main effects only: all two-way interactions would take {width} coefficients"]
    model = Model(factors, pairs, y)
    if pairs and len(y) - model.full.rank < MIN_DF:
        return Model(factors, [], y), [f"main effects only: {len(y)} runs are too few for the two-way interactions"]
    return model, []


def _aliased(model: Model) -> list[str]:
    """Factors that follow in part, or wholly, from the others: given those, they explain fewer dimensions."""
    mains: list[Term] = [term for term in model.terms if len(term) < 2]
    rank = model.fit(mains).rank
    if rank == sum(model.width(term) for term in mains):
        return []
    without = {term: [other for other in mains if other != term] for term in mains if term}
    return [term[0] for term, others in without.items() if rank - model.fit(others).rank < model.width(term)]


def _gaps(degrees: dict[Term, int], model: Model) -> Iterable[str]:
    """What combinations that were not run cost."""
    for term, df in degrees.items():
        if len(term) == 2 and df < model.width(term):
            share = f"{df} of its {model.width(term)} degrees of freedom" if df else "nothing"
            yield f"not every combination of {term[0]} and {term[1]} was run: their interaction rests on {share}"


def _effect(squares: float, df: int, left: float, df_left: int, total: float, runs: int) -> dict[str, float]:
    """F and effect sizes (Olejnik and Algina 2003); omega2 may come out below 0, and then means none."""
    noise = left / df_left
    f = squares / df / noise
    return {
        "df": df,
        "F": f,
        "p": float(special.fdtrc(df, df_left, max(f, 0.0))),
        "eta2": squares / total,
        "omega2": (squares - df * noise) / (total + noise),
        "partial_omega2": df * (f - 1) / (df * (f - 1) + runs),
    }


def _order(terms: Sequence[Term], seed: str | None) -> list[Term]:
    """Depth with shortcut first, then main effects, other interactions, and the seed."""

    def rank(term: Term) -> int:
        if {name.rpartition(".")[2] for name in term} == {"depth", "shortcut"}:
            return 0
        return 3 if term == (seed,) else len(term)

    return sorted((term for term in terms if term), key=rank)


def _factor(column: pd.Series[Any]) -> Factor:
    """Levels by their text, in order of appearance: a frame would take None for missing and True for 1."""
    texts = list(map(show, column))
    ranks = {text: rank for rank, text in enumerate(dict.fromkeys(texts))}
    return Factor(np.array([ranks[text] for text in texts], dtype=np.int64), len(ranks))


def words(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _has(names: Sequence[str]) -> str:
    return "have" if len(names) > 1 else "has"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def sentences(remarks: Iterable[str]) -> str:
    """Remarks as sentences, one after the other."""
    return " ".join(_sentence(remark) for remark in remarks)
