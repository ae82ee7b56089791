"""What a study supports, from Python: `resbench.report`, `resbench.check`, `resbench.compare`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from resbench.core import fragments
from resbench.core.cell import Cell, Value
from resbench.core.errors import UserError
from resbench.core.files import reports_beside, user_path
from resbench.core.text import show
from resbench.records.changes import Change, change
from resbench.records.store import Store
from resbench.records.study_file import StudyFile
from resbench.report.check import check as check_study
from resbench.report.check import compare as compare_cells
from resbench.report.page.index_page import write_index
from resbench.report.page.write_page import write


class Named(Protocol):
    """Has the name of a study, as a Grid has, and makes its study file."""

    @property
    def name(self) -> str: ...

    def study(self) -> StudyFile: ...


class Checked(NamedTuple):
    """The verdicts on the claims of a study.

    Attributes:
        lines: each claim with its verdict, and indented its comparisons.
        supported: whether all claims are supported, and none by a part of its runs alone.
    """

    lines: list[str]
    supported: bool

    def _repr_html_(self) -> str:
        return fragments.bullets(self.lines)


class Sentences(list[str]):
    """Sentences, which a notebook shows as a list."""

    def _repr_html_(self) -> str:
        return fragments.bullets(self)


def report(study: str | Named, results: str | Path = "results", reports: str | Path | None = None) -> Path:
    """Write the page of a study, with its figures and tables, from its records alone.

    Example:
        >>> base = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 1}
        >>> grid = resbench.Grid("tiny", base=base, axes={"model.shortcut": ["identity", "none"]})
        >>> frame = resbench.run(grid)
        >>> print(resbench.report(grid).as_posix())
        reports/tiny/index.html

    Args:
        study: its name, or its Grid.
        results: folder of all studies.
        reports: folder of all reports, whose index is brought up to date; by default next to the results: `reports` next to
            `results`, `x-reports` next to `x`.

    Returns:
        The page.

    Raises:
        UserError: there is no such study, or nothing in it; or a file that is not ours is in the place of a page.
    """
    folder = user_path(results)
    pages = reports_beside(folder) if reports is None else user_path(reports)
    page = write(folder, pages, name_of_study(study))
    write_index(folder, pages)
    return page


def check(study: str | Named, results: str | Path = "results") -> Checked:
    """The verdict on every claim of a study.

    Example:
        >>> cheaper = resbench.Claim(
        ...     says="no shortcut takes fewer parameters than a projection",
        ...     compare={"model.shortcut": "none"},
        ...     to={"model.shortcut": "projection"},
        ...     on="parameters",
        ...     expect="lower",
        ...     margin=0,
        ... )
        >>> base = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 1}
        >>> axes = {"model.shortcut": ["projection", "none"]}
        >>> grid = resbench.Grid("cheaper", base=base, axes=axes, claims=[cheaper])
        >>> frame = resbench.run(grid)
        >>> resbench.check(grid).supported
        True

    Args:
        study: its name, or its Grid.
        results: folder of all studies.

    Raises:
        UserError: there is no such study, or it claims nothing; or the Grid has other cells than the study.
    """
    name, asked = name_of_study(study), None
    if not isinstance(study, str):
        store = Store(user_path(results) / name)
        stored = store.study()
        found = change(stored, study.study()) if stored else Change()
        if found.note and not found.file:
            raise UserError(f"{found.note}; to judge that, give the name {name!r}")
        asked = store.succeeding(found.file) if found.file else None
    return Checked(*check_study(user_path(results), name, asked))


def compare(
    study: str | Named,
    to: Cell,
    results: str | Path = "results",
    *,
    arm: Cell | None = None,
    at: Cell | None = None,
    on: str = "test_error",
    margin: float | None = None,
) -> Sentences:
    """Compare cells with the ones that differ only in having the values of `to`: one sentence each.

    Example:
        >>> base = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 1}
        >>> grid = resbench.Grid("tiny", base=base, axes={"model.shortcut": ["identity", "none"]})
        >>> frame = resbench.run(grid)
        >>> for line in resbench.compare(grid, to={"model.shortcut": "none"}, on="flops"):
        ...     print(line)
        identity shortcuts against no shortcut: 1,218,304 against 1,176,832.

    Args:
        study: its name, or its Grid.
        to: values of the cells to compare with.
        results: folder of all studies.
        arm: values of the cells to compare; by default all that differ from the others in these axes alone.
        at: values that all cells must have.
        on: the metric.
        margin: the smallest difference that matters, in percentage points for proportions; by default 0.05 of these
            and none for other metrics.

    Raises:
        UserError: no such study, axis, value or metric.
    """
    words = (_words(to), _words(arm or {}), _words(at or {}))
    return Sentences(compare_cells(user_path(results), name_of_study(study), *words, on, margin))


def name_of_study(study: str | Named) -> str:
    """The name of a study that is given by it or by its Grid.

    Raises:
        UserError: it is neither.
    """
    if not isinstance(study, str):
        if isinstance(getattr(study, "name", None), str) and hasattr(study, "study"):
            return study.name
        raise UserError(f"study: {study!r} should be the name of a study, or its Grid")
    if study.endswith((".yaml", ".yml")):
        raise UserError(f"{study}: a grid file, not the name of a study: read it first: resbench.read_grid({study!r})")
    return study


def _words(cell: Mapping[str, Value]) -> list[str]:
    if not isinstance(cell, Mapping):
        raise UserError(f"compare: {cell!r} should be values by path, such as {{'model.shortcut': 'none'}}")
    return [f"{path}={show(value)}" for path, value in cell.items()]
