"""Compare the records of one kind of a study with those of other machines, and bring in what is missing."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from resbench.core.errors import LaterVersion, UserError
from resbench.core.text import printable
from resbench.records.circumstances import DATA, counts, mixture
from resbench.records.differences import differences_of
from resbench.records.record import Record
from resbench.records.store import Store, read_record


@dataclass
class IncomingRecord:
    """A record of another machine.

    Attributes:
        sha256: of its bytes.
        reason: why it comes in.
        united: the bytes of this record and of the one before it, which has what this one lacks.
    """

    path: Path
    sha256: str
    reason: str = ""
    united: bytes | None = None

    def read(self) -> tuple[Record, bytes]:
        """The record and its bytes, read when they are needed, as there may be very many.

        Raises:
            UserError: it has changed.
        """
        if self.united:
            return Record.from_json(self.united.decode()), self.united
        content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise UserError(f"{self.path}: changed while it was merged: the same command again goes on")
        return read_record(self.path, self.path.stem)


@dataclass
class RecordMerge:
    """Records of one kind of a study: its runs, or its measurements.

    Attributes:
        title: in the line that says what came in.
        measured: two measurements of the same thing always differ, and the first is kept.
        incoming: what is to be copied, by id.
        present: ids that both have, and of which ours is kept.
    """

    title: str
    store: Store
    measured: bool
    incoming: dict[str, IncomingRecord] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    conflicts: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def compare(self, folder: Path) -> None:
        """Compare every record of a folder with ours."""
        for run_id in sorted(Store(folder).ids()):
            path = folder / f"{run_id}.json"
            try:
                if not path.is_file():
                    raise ValueError("a link to nothing" if path.is_symlink() else "not a file")
                theirs, content = read_record(path, run_id)
            except LaterVersion as error:
                self.left_out.append(f"{path}: a record of a later version ({error}): left out")
                continue
            except (ValueError, TypeError, OSError, RecursionError) as error:
                self.left_out.append(f"{path}: a damaged record ({' '.join(str(error).split())}): left out")
                continue
            self._choose(run_id, theirs, IncomingRecord(path, hashlib.sha256(content).hexdigest()))

    def _choose(self, run_id: str, theirs: Record, incoming: IncomingRecord) -> None:
        """Keep ours, take theirs, or unite both."""
        before = self.incoming.get(run_id)
        ours = before.read()[0] if before else self.store.read(run_id)
        if run_id in self.store.later:
            self.present.add(run_id)
            return
        if ours is None or not ours.finished:
            if ours is None or theirs.finished:
                unfinished = ours is not None or self.store.path(run_id).exists()
                reason = "in place of a failed or damaged one" if unfinished else "new"
                self.incoming[run_id] = replace(incoming, reason=before.reason if before else reason)
            else:
                self.present.add(run_id)
            return
        self.present.add(run_id)
        if self.measured or not theirs.finished:
            return
        differences = differences_of(ours, theirs)
        if differences:
            pair = f"{before.path if before else self.store.path(run_id)} and {incoming.path}"
            self.conflicts.append(f"{pair}: both finished, and differ: {differences}: delete one of them")
        elif not ours.covers(theirs):
            more = "with a training curve" if ours.complete(theirs.probes or ()) else "with more probes"
            reason = before.reason if before else more
            # training is the same with and without probes, so the two are one run that was probed twice
            united = None if theirs.covers(ours) else _unite(ours, theirs).to_json().encode()
            self.incoming[run_id] = replace(incoming, reason=reason, united=united)

    def take(self, dry: bool) -> str:
        """Copy; returns what came in, or nothing if no machine has any record of this kind."""
        reasons: Counter[str] = Counter()
        for record in self.incoming.values():
            reasons[record.reason if dry or self.store.publish(*record.read()) else "present"] += 1
        present = len(self.present - self.incoming.keys()) + reasons.pop("present", 0)
        text = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        parts = [f"{reasons.total()} records {'would come' if dry else 'came'} in ({text})"] if reasons else []
        parts += [f"{present} were here"] if present else []
        return f"{self.title}: {', '.join(parts)}" if parts else ""

    def other_data(self) -> list[str]:
        """A line for each kind of data of which the records, ours and theirs, have several where one was meant."""
        lines = []
        records = [*self._labelled()]
        for one in DATA:
            for values in mixture(one, records).values():
                text = f"different {one.name}: {counts(values)}: no verdict is given between them"
                lines.append(printable(f"{self.title}: {text}"))
        return lines

    def _labelled(self) -> Iterator[tuple[str, Record]]:
        """Each record that will be here, bare of results, with the folder that it comes from."""
        theirs = ((str(incoming.path.parent), incoming.read()[0]) for incoming in self.incoming.values())
        ours = (self.store.read(run_id) for run_id in sorted(self.store.ids() - self.incoming.keys()))
        for folder, record in itertools.chain(theirs, ((str(self.store.folder), one) for one in ours)):
            if record:
                yield folder, Record(record.id, record.config, record.status, record.provenance)


def _unite(ours: Record, theirs: Record) -> Record:
    """Our record with the probes of theirs too, and a curve if one of them has it."""
    probes = {**(theirs.probes or {}), **(ours.probes or {})}
    return replace(ours, metrics=theirs.metrics | ours.metrics, probes=probes or None, curve=ours.curve or theirs.curve)
