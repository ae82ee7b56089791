"""Weights that are saved next to records: which runs lack them, and why those of a run could not be saved.

A run whose record is there and whose weights are not is trained again for them. They are saved if they are bit for bit those
of the record, which stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from resbench.core.errors import UserError
from resbench.core.text import plural
from resbench.grid.grid import PlannedRun
from resbench.records.circumstances import CIRCUMSTANCES
from resbench.records.record import Record
from resbench.records.store import Store
from resbench.records.weights_file import WHICH, Which, lacks_weights, prepare_folder, weights_path, write_weights

if TYPE_CHECKING:
    from resbench.training.kept import KeptWeights

_CODE = ("revision", "dirty", "versions.numpy")  # a likely cause only where nothing else differs


def check_which(which: str | None, option: str = "--save-weights") -> None:
    """Refuse what names no weights.

    Raises:
        UserError: and what does.
    """
    if which is not None and which not in WHICH:
        raise UserError(f"{option} {which}: use one of {', '.join(WHICH)}")


def check_best(runs: Sequence[PlannedRun], which: Which | None) -> None:
    """See that weights can be saved, and where those of the best epoch are asked for, that it can be known.

    Raises:
        UserError: runs that a user's own code trains, or without validation images.
    """
    own = [run.cell_config.trainer.name for run in runs if run.cell_config.trainer.given] if which else []
    if own:
        raise UserError(f"--save-weights: {own[0]} trains, and can save its weights itself: leave the option out")
    without = [run for run in runs if not run.cell_config.data.sizes[1]] if which == "best" else []
    if without:
        raise UserError(
            f"--save-weights best: {plural(len(without), 'run')} without validation images, by which an epoch is the "
            f"best (first {without[0].label}): set data.val_size above 0, or use --save-weights last"
        )


def lacking(store: Store, ids: Iterable[str], which: Which | None) -> set[str]:
    """Those of these runs whose record is there and whose weights are not; none where no weights are asked for."""
    records = [store.read(run_id) for run_id in ids] if which else []
    return {record.id for record in records if record and which and lacks_weights(store.folder, record, which)}


def trained_again(name: str, count: int) -> str:
    """That so many runs are done and only lack their weights, as a line; empty if none."""
    if not count:
        return ""
    return (
        f"{name}: {plural(count, 'run')} that {'is' if count == 1 else 'are'} done without saved weights: trained again, "
        "the same bit for bit, and checked against the records, which stay"
    )


def not_repeatable(recorded: Record, device: str) -> str:
    """Why a run cannot be trained again for the weights that it had; empty if it can."""
    if not recorded.weights_sha256:
        return "its record has no digest of its weights, as of an earlier version: `run --fresh` trains it again"
    was = recorded.provenance.device
    return "" if device == was else f"it was trained on {was}, and here on {device} its weights would differ"


def save_weights(store: Store, kept: KeptWeights | None, record: Record, recorded: Record | None) -> None:
    """Save the weights of a run, or note why they are not saved.

    Args:
        record: of the run as it was trained now.
        recorded: its record of before, whose weights they must be.
    """
    note = _note_path(store, record.id)
    problem = difference(recorded, record) if recorded else ""
    if problem:
        note.write_text(problem, encoding="utf-8")
    elif kept and kept.weights:
        prepare_folder(store.folder)
        write_weights(weights_path(store.folder, record.id, kept.which), kept.weights, record, store.work)
        note.unlink(missing_ok=True)


def note_problem(store: Store, run_id: str, problem: str) -> None:
    """Note why the weights of a run cannot be saved."""
    _note_path(store, run_id).write_text(problem, encoding="utf-8")


def unsaved(store: Store, ids: Iterable[str], which: Which | None) -> list[str]:
    """A line for each of these runs that ended well and has no saved weights, with the reason; the notes of them go."""
    lines = []
    for run_id in sorted(lacking(store, ids, which)):
        note = _note_path(store, run_id)
        why = note.read_text(encoding="utf-8") if note.is_file() else "it ended before they were written"
        note.unlink(missing_ok=True)
        lines.append(f"{store.folder.name} {run_id}: no saved weights: {why}")
    return lines


def difference(recorded: Record, again: Record) -> str:
    """How the weights of a run that was trained again differ from the recorded ones, and the likely cause; empty if not."""
    if not again.finished and again.error:
        return f"training it again failed: {again.error.kind}: {again.error.message}"
    now, then = again.weights_sha256 or "none", recorded.weights_sha256 or "none"
    if now == then:
        return ""
    return f"trained again it has other weights ({now[:12]}) than its record ({then[:12]}): {_cause(recorded, again)}"


def _cause(recorded: Record, again: Record) -> str:
    """What differs of the circumstances: `likely because of torch 2.13.0 then and 2.14.1 now`."""
    pairs = [(one, one.value(recorded), one.value(again)) for one in CIRCUMSTANCES]
    differ = [(one, a, b) for one, a, b in pairs if a and b and a != b]
    likely = [each for each in differ if each[0].path not in _CODE] or differ
    if not likely:
        return "nothing that records say of code and machine differs"
    return "likely because of " + ", ".join(f"{one.name} {a} then and {b} now" for one, a, b in likely)


def _note_path(store: Store, run_id: str) -> Path:
    return store.work / f"{run_id}.unsaved"
