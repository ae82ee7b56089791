"""Ordinary least squares with sum-coded factors: the algebra beneath the analysis of variance."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Term = tuple[str, ...]  # names of factors: () is the mean, one a main effect, two their interaction
RANK_TOLERANCE = 1e-9  # of the largest eigenvalue; sum coding spreads the others over two or three decades


@dataclass(frozen=True)
class Factor:
    """A categorical variable.

    Attributes:
        codes: which level each row has, `(rows,)`, from 0 to `levels - 1`.
        levels: how many there are.
    """

    codes: npt.NDArray[np.int64]
    levels: int

    def columns(self) -> Matrix:
        """Sum coding, `(rows, levels - 1)`: deviations from the mean of all levels; the last is minus the others."""
        return np.vstack([np.eye(self.levels - 1), -np.ones((1, self.levels - 1))])[self.codes]


def interaction(a: Matrix, b: Matrix) -> Matrix:
    """All products of a column of a with one of b, `(rows, columns of a * columns of b)`."""
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)


@dataclass(frozen=True)
class Fit:
    """Least squares of all responses on some of the terms; columns that say the same twice are allowed.

    Attributes:
        explained: sum of squares of the fitted values per response, `(responses,)`.
        rank: number of independent columns.
    """

    explained: Matrix
    rank: int


class Model:
    """The normal equations of all terms, of which every smaller model is a block.

    Attributes:
        factors: name -> factor, in order.
        terms: all terms, the mean first.
        y: responses, centred, `(rows, responses)`.
    """

    def __init__(self, factors: dict[str, Factor], interactions: Iterable[tuple[str, str]], y: Matrix) -> None:
        self.factors = factors
        self.terms: list[Term] = [(), *((name,) for name in factors), *interactions]
        self.y = y - y.mean(axis=0)
        coded = {name: factor.columns() for name, factor in factors.items()}
        blocks: list[Matrix] = [np.ones((len(y), 1)), *coded.values()]
        blocks += [interaction(coded[a], coded[b]) for a, b in (term for term in self.terms if len(term) == 2)]
        ends = list(itertools.accumulate((block.shape[1] for block in blocks), initial=0))
        self._columns = {term: range(a, b) for term, a, b in zip(self.terms, ends, ends[1:], strict=False)}
        x = np.hstack(blocks)
        self._gram, self._moments = x.T @ x, x.T @ self.y

    @cached_property
    def total(self) -> Matrix:
        """Sum of squares about the mean, `(responses,)`."""
        return np.asarray((self.y**2).sum(axis=0))

    @cached_property
    def full(self) -> Fit:
        return self.fit(self.terms)

    def width(self, term: Term) -> int:
        """Number of columns of a term: its degrees of freedom if every combination of levels was run."""
        return len(self._columns[term])

    def fit(self, terms: Sequence[Term]) -> Fit:
        """Least squares on the columns of these terms."""
        chosen = [column for term in terms for column in self._columns[term]]
        values, vectors = np.linalg.eigh(self._gram[np.ix_(chosen, chosen)])
        independent = values > RANK_TOLERANCE * values[-1]
        projected = vectors[:, independent].T @ self._moments[chosen]
        explained = np.asarray((projected**2 / values[independent, None]).sum(axis=0))
        return Fit(explained, int(independent.sum()))

    def type_two(self, term: Term) -> tuple[Matrix, int]:
        """Sum of squares `(responses,)` and degrees of freedom of a term after all that do not contain it."""
        without = [other for other in self.terms if not set(term) <= set(other)]
        small, large = self.fit(without), self.fit([*without, term])
        return large.explained - small.explained, large.rank - small.rank
