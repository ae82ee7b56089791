"""What runs left within themselves, as long frames: their epochs, and their test images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resbench.core.cell import label
from resbench.core.errors import UserError
from resbench.core.files import user_path
from resbench.core.text import show
from resbench.records.record import Record
from resbench.records.store import Store, study_names
from resbench.report.api import Named, name_of_study

if TYPE_CHECKING:
    import pandas as pd


def history(study: str | Path | Named, results: str | Path = "results", *, all: bool = False) -> pd.DataFrame:
    """The epochs of all runs of a study, one row per run and epoch, with the cell of the run.

    Example:
        >>> base = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 2}
        >>> grid = resbench.Grid("tiny", base=base, axes={"model.shortcut": ["identity", "none"]})
        >>> frame = resbench.run(grid)
        >>> resbench.history(grid).groupby("model.shortcut")["epoch"].max().to_dict()
        {'identity': 2, 'none': 2}

    Columns are `id`, `status`, `seed`, the axes, and what is known of each epoch: `epoch`, `train_loss`, `val_accuracy`, ...
    A run that several cells share has the values of the first, and the column `also` names the others.

    Args:
        study: its name, its Grid, or its folder.
        results: folder of all studies.
        all: runs of earlier grids too, and the boolean column `in_grid`.

    Raises:
        UserError: there is no such study.
    """
    import pandas as pd

    rows = []
    for record, _, row in rows_of(store_of(study, results), all):
        rows += [row | _numbers(epoch) for epoch in record.history]
    return pd.DataFrame(rows)


def predictions(study: str | Path | Named, results: str | Path = "results", *, all: bool = False) -> pd.DataFrame:
    """Which test images each run of a study got wrong, one row per run and image.

    Example:
        >>> base = {"model.depth": 10, "model.width": 4, "data.train_size": 64, "recipe.epochs": 1}
        >>> runs = resbench.run(resbench.Grid("tiny", base=base))
        >>> frame = resbench.predictions("tiny")
        >>> list(frame.columns), bool(frame["wrong"].mean() == runs["metrics.test_error"][0])
        (['id', 'image', 'wrong'], True)

    The column `id` is as that of `resbench.load`, with which it can be merged.

    Args:
        study: its name, its Grid, or its folder.
        results: folder of all studies.
        all: runs of earlier grids too.

    Raises:
        UserError: there is no such study.
    """
    import numpy as np
    import pandas as pd

    tested = [record for record, _, _ in rows_of(store_of(study, results), all) if record.predictions]
    errors = [record.predictions.errors() for record in tested if record.predictions]
    counts = [len(one) for one in errors]
    codes = np.repeat(np.arange(len(tested), dtype=np.int32), counts)
    return pd.DataFrame(
        {
            "id": pd.Categorical.from_codes(codes, pd.Index([record.id for record in tested], dtype=object)),
            "image": np.concatenate([np.arange(count, dtype=np.int32) for count in counts] or [np.empty(0, np.int32)]),
            "wrong": np.concatenate(errors or [np.empty(0, np.bool_)]),
        }
    )


def store_of(study: str | Path | Named, results: str | Path = "results") -> Store:
    """The records of a study that is given by its name, its Grid, or its folder.

    Raises:
        UserError: there is no such study.
    """
    if isinstance(study, Path) or (isinstance(study, str) and len(Path(study).parts) > 1):
        folder = user_path(study)
        results, name = folder.parent, folder.name
    else:
        results, name = user_path(results), name_of_study(study)
    if name not in study_names(results):
        raise UserError(f"{results / name}: no such study; there are: {', '.join(study_names(results)) or 'none'}")
    return Store(results / name)


def rows_of(store: Store, all: bool = False) -> Iterator[tuple[Record, dict[str, Any], dict[str, Any]]]:
    """The records of the runs that a study asks for, or all: each with its cell, and the columns that tell it from others."""
    study, records = store.study(), store.records()
    cells: dict[str, list[dict[str, Any]]] = {}
    for run in study.runs if study else ():
        cells.setdefault(run.id, []).append(run.cell)
    records = [record for record in records if all or not study or record.id in cells]
    axes = list(dict.fromkeys(axis for some in cells.values() for cell in some for axis in cell)) or _varied(records)
    shared = any(len(some) > 1 for some in cells.values())
    for record in records:
        settings = record.settings
        first, *others = cells.get(record.id) or [{}]
        cell = {axis: first.get(axis, settings.get(axis)) for axis in axes}
        row = {"id": record.id, "status": record.status, "seed": settings.get("seed"), **cell}
        row |= {"also": "; ".join(map(label, others))} if shared else {}
        row |= {"in_grid": record.id in cells if study else None} if all else {}
        yield record, cell, row


def _varied(records: list[Record]) -> list[str]:
    """Settings that differ between the records, where no study says what its axes are."""
    values: dict[str, set[str]] = {}
    for record in records:
        for path, value in record.settings.items():
            values.setdefault(path, set()).add(show(value))
    return [path for path, some in values.items() if len(some) > 1 and path != "seed"]


def _numbers(row: dict[str, float | None]) -> dict[str, Any]:
    """An epoch of a history, counted in whole numbers."""
    return row | {name: int(row[name] or 0) for name in ("epoch", "depth") if name in row}
