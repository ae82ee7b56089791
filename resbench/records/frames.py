"""Records as a frame of pandas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from resbench.core.cell import label
from resbench.core.config import flatten
from resbench.records.record import Record
from resbench.records.study_file import StudyFile

if TYPE_CHECKING:
    import pandas as pd


def study_frame(records: Sequence[Record], study: StudyFile | None, all: bool) -> pd.DataFrame:
    """The records of a study as `Store.frame` returns them.

    Args:
        study: which says the runs that are asked for.
        all: the others too.
    """
    asked = {run.id for run in study.runs} if study else None
    records = [record for record in records if all or asked is None or record.id in asked]
    frame = frame_of(records)
    if study and (others := _other_cells(study)):
        frame["also"] = [others.get(record.id, "") for record in records]
    if all:
        import pandas as pd

        values = [None if asked is None else record.id in asked for record in records]
        frame["in_grid"] = pd.array(values, dtype="boolean" if asked is None else "bool")
    return frame


def frame_of(records: Iterable[Record]) -> pd.DataFrame:
    """One row per record: id, status, seed, dotted config, `metrics.*` and `provenance.*`."""
    import pandas as pd

    rows = []
    for record in records:
        settings = record.settings
        row: dict[str, Any] = {"id": record.id, "status": record.status, "seed": settings.pop("seed", None)}
        row |= settings | flatten(record.metrics, "metrics.")
        row |= flatten(record.provenance.facts, "provenance.")
        rows.append(row)
    return pd.DataFrame(rows)


def _other_cells(study: StudyFile) -> dict[str, str]:
    """Run id -> the further cells that the run belongs to, where there are some."""
    cells: dict[str, list[str]] = {}
    for run in study.runs:
        cells.setdefault(run.id, []).append(label(run.cell))
    return {run_id: "; ".join(names[1:]) for run_id, names in cells.items() if len(names) > 1}
