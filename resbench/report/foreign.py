"""What a reader must know of runs that a user's own code trained."""

from __future__ import annotations

from resbench.core.places import files_in, plain_of
from resbench.records.metrics import METRICS
from resbench.records.record import MEASURED, Record
from resbench.report.collapse import foreign
from resbench.report.format import capitalised
from resbench.report.labels import listed
from resbench.report.study import Study

_KNOWN = {*MEASURED, "val_loss", "epoch", "training_flops", "test_loss"}  # besides those that claims can be made on


def foreign_notes(study: Study) -> list[str]:
    """That no test image is known, and how to claim on a metric that the grid file does not declare."""
    records = [record for record in study.records if foreign(record) and record.status == "ok"]
    out = []
    rates = [record for record in records if record.metrics.get("test_error") is not None]
    without = sum(record.predictions is None for record in rates)
    if without:
        some = "all" if without == len(rates) else f"{without} of {len(rates)}"
        out.append(
            f"The training code of {some} runs does not say which test images were wrong: intervals and verdicts are over "
            "seeds alone, for this test set."
        )
    if names := undeclared(records):
        example = f"metrics: {{{names[0]}: {{better: higher}}}}"
        out.append(
            f"{capitalised(listed(names))} {'is' if len(names) == 1 else 'are'} in the records, and no claim can be made on "
            f"{'it' if len(names) == 1 else 'them'} until the grid file says which side is better, as in `{example}`."
        )
    return out


def trainers(study: Study) -> list[str]:
    """The training code of users, as they call it; none where resbench itself has trained."""
    sections = [record.config["trainer"] for record in study.records if foreign(record)]
    texts = [str(section.get("entry") or section.get("command")) for section in sections if isinstance(section, dict)]
    return sorted({", ".join(files_in(text)) or plain_of(text) for text in texts})


def undeclared(records: list[Record]) -> list[str]:
    """The metrics that no table of resbench and no grid file knows."""
    return [
        name
        for name in dict.fromkeys(name for record in records for name in record.metrics)
        if name not in METRICS and name not in _KNOWN and name not in ("val_error", "train_error")
    ]
