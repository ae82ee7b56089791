"""What a study was run with: settings that are no axis, where the records come from, and what was left out."""

from __future__ import annotations

from resbench.core.text import plural
from resbench.report.document import Table
from resbench.report.study import Study


def excluded_table(study: Study) -> Table | None:
    """Cells that were left out, and why; None if there are none."""
    rows = [[study.labels.cell(excluded.cell), excluded.because] for excluded in study.excluded]
    return (
        Table(["cell", "left out because"], rows, fold=f"{plural(len(rows), 'cell')} left out, and why")
        if rows
        else None
    )


def protocol_table(study: Study) -> Table:
    """Settings that are the same, or not declared as an axis and yet not the same, in all records."""
    rows = [[path, " / ".join(values)] for path, values in study.settings.items()]
    return Table(["setting", "value"], rows, fold=f"All {len(rows)} fixed settings")


def provenance_table(study: Study) -> Table:
    """Which code, libraries and hardware the records come from."""
    rows = []
    for path in sorted({path for record in study.records for path in record.provenance.flat}):
        values = study.provenance(path)
        text = " / ".join(value if len(values) == 1 else f"{value} ({count})" for value, count in values.items())
        rows.append([path, text])
    return Table(["what", "value (number of records)"], rows, fold=f"Where the {len(study.records)} records come from")
