"""The circumstances of a run that may explain a difference between two: one row each, for merge, notes and verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from resbench.core.json_reader import Json
from resbench.core.text import show
from resbench.core.version import short_revision
from resbench.records.record import Record

UNKNOWN = "unknown"
# what the settings say that decide a circumstance -> its value -> number of records by label
Mixture: TypeAlias = "dict[tuple[str, ...], dict[str, Counter[str]]]"


@dataclass(frozen=True)
class Circumstance:
    """A fact of the provenance.

    Attributes:
        path: dotted, in the provenance.
        name, plural: in a sentence.
        decided_by: settings that decide it: runs in which these differ have other values of it by intention.
        digest: shown by its first digits.
        data: a digest of images: runs in which it differs cannot be compared.
    """

    path: str
    name: str
    plural: str
    decided_by: tuple[str, ...] = ()
    digest: bool = False
    data: bool = False

    def value(self, record: Record) -> str | None:
        """As text; None where the record is of a version that did not write it."""
        facts = record.provenance.flat
        if self.path not in facts:
            return None
        value = facts[self.path]
        text = UNKNOWN if value is None else show(value)
        return short_revision(text) if self.digest and text != UNKNOWN else text

    def settings(self, record: Record) -> tuple[str, ...]:
        """What the settings are that decide it."""
        places = (path.split(".") for path in self.decided_by)
        return tuple(
            show(cast("dict[str, Json]", record.config.get(section, {})).get(name)) for section, name in places
        )


CIRCUMSTANCES = (
    Circumstance("revision", "code", "code revisions", digest=True),
    Circumstance("dirty", "uncommitted changes", "states of the code, with uncommitted changes or without"),
    Circumstance("versions.torch", "torch", "versions of torch"),
    Circumstance("versions.numpy", "numpy", "versions of numpy"),
    Circumstance("versions.cuda", "CUDA", "versions of CUDA"),
    Circumstance("versions.cudnn", "cuDNN", "versions of cuDNN"),
    Circumstance("driver", "driver", "drivers of the GPU"),
    Circumstance("device", "device", "devices"),
    Circumstance("device_name", "processor", "processors"),
    Circumstance("cpu_capability", "instructions", "instructions of the processor"),
    Circumstance("precision", "precision", "precisions", ("recipe.precision",)),
    Circumstance(
        "channels_last", "channels last", "memory formats, channels last or not", ("recipe.precision", "model.width")
    ),
    Circumstance("threads", "threads", "numbers of threads"),
    Circumstance("probe_code", "code of probes", "versions of the plug-ins that have its probes"),
    Circumstance(
        "data_sha256",
        "training data",
        "training data",
        ("data.name", "data.path", "data.train_size", "data.val_size"),
        True,
        True,
    ),
    Circumstance("test_sha256", "test data", "test data", ("data.name", "data.path"), True, True),
)
DATA = tuple(one for one in CIRCUMSTANCES if one.data)


def mixture(circumstance: Circumstance, records: Iterable[tuple[str, Record]]) -> Mixture:
    """Which values a circumstance has among records, each with a label, where the settings that decide it are the same.

    Of data only runs that ended well count, and that it is not known is a value like another: what is not known to agree
    is not compared. Of the rest a record that does not speak of it has no value.
    """
    out: Mixture = {}
    for label, record in records:
        value = circumstance.value(record)
        if circumstance.data:
            value = value or UNKNOWN
            if record.status != "ok":
                continue
        if value is not None:
            values = out.setdefault(circumstance.settings(record), {})
            values.setdefault(value, Counter())[label] += 1
    return {settings: values for settings, values in out.items() if len(values) > 1}


def counts(values: Mapping[str, Counter[str]], most: int = 4) -> str:
    """`4a0863a96c44 (8: identity), eeeeeeeeeeee (8: none)`."""
    return ", ".join(f"{value} ({labels.total()}: {_labels(labels, most)})" for value, labels in sorted(values.items()))


def _labels(labels: Counter[str], most: int) -> str:
    """The labels with their numbers, where there are several."""
    if len(labels) == 1:
        return next(iter(labels))
    texts = [f"{label} {count}" for label, count in labels.items()]
    more = [f"{len(texts) - most} more"] if len(texts) > most else []
    return "; ".join([*texts[:most], *more])
